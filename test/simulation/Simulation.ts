/**
 * One run: a plan drawn from the seed (who is subscribed, what is published and done, what goes wrong and when), then quiet, in which everything must
 * come to rest, then judgement.
 */
import { Context, Effect, Either, Exit, Option, Redacted } from "effect"
import {
  bucketSubject,
  deliveriesFilter,
  deliveriesStream,
  partitionOf,
  webhookSubject
} from "../../src/broker/Subjects.ts"
import { Worker } from "../../src/dispatch/Worker.ts"
import { decode } from "../../src/ledger/Record.ts"
import { RetryRequests } from "../../src/ledger/RetryRequests.ts"
import { heldLimits } from "../../src/ledger/Spill.ts"
import type { Delivery } from "../../src/model/Delivery.ts"
import { WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import { encodeFact } from "../../src/model/WebhookFacts.ts"
import { decide } from "../../src/model/WebhookLife.ts"
import { Vault } from "../../src/registry/Vault.ts"
import { Webhooks } from "../../src/registry/Webhooks.ts"
import { Chance } from "./Chance.ts"
import { isNewer, keyOf } from "./Evidence.ts"
import {
  type Api,
  attemptTimeout,
  configOf,
  offsets,
  type Running,
  runOn,
  type Site,
  startApi,
  startWorker
} from "./Hookline.ts"
import { type Answer, bodyOf, type Entry, type Ownership, type SavedSnapshot, statesOf } from "./Journal.ts"
import { behaviours, Endpoints } from "./model/Endpoints.ts"
import { Link } from "./model/Link.ts"
import { ModelBroker } from "./model/ModelBroker.ts"
import type { Inboxes } from "./model/Services.ts"
import { judge } from "./Oracle.ts"
import type { Process } from "./Process.ts"
import { World } from "./World.ts"

export interface Outcome {
  readonly seed: number
  readonly violations: ReadonlyArray<string>
  readonly faults: ReadonlyArray<string>
  readonly events: number
  readonly webhooks: number
  readonly posts: number
  readonly records: number
  /** Seconds of the world. */
  readonly seconds: number
  readonly turns: number
}

const faultKinds = [
  "crash",
  "crash",
  "crash with records unacknowledged",
  "crash between two steps",
  "two owners",
  "freeze",
  "stop",
  "stop",
  "disconnect",
  "lost publish acks",
  "lost requests",
  "lost acks",
  "slow broker",
  "stall",
  "redelivery",
  "floor reset",
  "snapshot lost",
  "snapshot damaged",
  "consumer deleted",
  "full",
  "wall clock jump",
  "broker clock jump"
] as const
type FaultKind = (typeof faultKinds)[number]

const types = [
  "project.created",
  "project.updated",
  "member.invited",
  "member.removed",
  "task.created",
  "task.completed"
] as const
const subscriptions = [["*"], ["*"], ["project.*"], ["project.created", "task.*"], [
  "member.invited",
  "member.removed",
  "task.created"
]] as const

/** How long what is wrong lasts, how long rest may take, and how often it is looked for. Milliseconds of the world. */
const restLimit = 20 * 60_000
const restStep = 1_000
const startLimit = 30_000

class Simulation {
  readonly seed: number
  readonly chance: Chance
  readonly world: World
  readonly broker: ModelBroker
  readonly endpoints: Endpoints
  readonly site: Site
  readonly journal: Array<Entry> = []
  readonly violations: Array<string> = []
  readonly faults: Array<string> = []
  readonly ownerships: Array<Ownership> = []
  /** When something between the processes and the broker was wrong, milliseconds of the world. */
  readonly troubles: Array<readonly [from: number, to: number]> = []
  readonly answers: Array<Answer> = []
  readonly snapshots: Array<SavedSnapshot> = []
  readonly acknowledged: Array<number> = []
  readonly retries: Array<{ key: string; order: number; answer: string | undefined }> = []
  readonly webhooks: Array<{ readonly id: string; readonly workspace: string }> = []
  readonly workspaces: ReadonlyArray<string>
  readonly workers: Array<Running<Worker>> = []
  readonly api: Api
  readonly publisher: Link
  readonly trace: (line: string) => void
  published = 0
  publishing = 0
  commands = 0
  /** What was still to go wrong does not. */
  isQuiet = false
  /** What the records of each partition say so far, for whoever asks for a retry. */
  readonly #seen = new Map<number, { upTo: number; readonly deliveries: Map<string, Delivery> }>()
  /** Told of each entry of the journal. */
  #watch: ((entry: Entry) => void) | undefined

  constructor(seed: number, trace: ((line: string) => void) | undefined) {
    this.seed = seed
    this.chance = new Chance(seed)
    const { chance } = this
    this.world = new World(chance)
    this.broker = new ModelBroker(this.world, {
      partitions: chance.integer(1, 4),
      deliveriesStreams: chance.integer(1, 2)
    })
    this.endpoints = new Endpoints(this.broker, attemptTimeout)
    this.trace = (line) => trace?.(`${(this.world.now / 1000).toFixed(3).padStart(9)} ${line}`)
    this.broker.stored = (stream, message, from) => {
      const entry = { stream, message, from, at: this.world.now, order: this.world.remember() }
      this.journal.push(entry)
      this.#watch?.(entry)
      if (trace !== undefined && stream !== "KV_LEASES") {
        this.trace(
          `  stored ${stream} ${message.sequence} ${message.subject} by ${from?.name ?? "the run"} ${
            brief(message.data)
          }`
        )
      }
    }
    this.broker.answered = (subject, answer, from) => {
      this.answers.push({ subject, answer, from, at: this.world.now, order: this.world.remember() })
    }
    this.broker.saved = (name, data) => void this.snapshots.push({ name, data, order: this.world.remember() })
    this.broker.mismeasured = (detail, by) =>
      void this.violations.push(`owners know the broker's time: ${by.name}, ${detail}`)
    // Small enough that backlogs leave the memory in a run; the product's own otherwise.
    Object.assign(heldLimits, chance.happens(0.3) ? { most: 8, part: 4 } : { most: 10_000, part: 5_000 })
    this.workspaces = Array.from({ length: chance.integer(2, 3) }, (_, index) => `ws_${index}`)
    const inboxes: Inboxes = new Map()
    this.site = {
      broker: this.broker,
      inboxes,
      endpoints: this.endpoints,
      // With more than 64 places their number follows how busy the real thread is.
      config: configOf({ concurrency: chance.pick([1, 2, 16]), maxInFlight: chance.pick([16, 64]) }),
      snapshotRecords: chance.pick([20, 60, 20_000]),
      unexpected: (problem) => void this.violations.push(`nothing unexpected: ${problem}`),
      trace: (line) => this.#heard(line)
    }
    this.publisher = new Link(this.world.process("publisher"), this.broker.weather)
    const api = this.world.process("api")
    this.api = startApi(api, new Link(api, this.broker.weather), this.site)
  }

  #heard(line: string): void {
    this.trace(line)
    const process = this.workers.find((one) => line.startsWith(`${one.process.name} `))?.process
    if (process === undefined) return
    if (line.includes("lease worker is ours")) this.ownerships.push({ process, began: this.world.now })
    if (line.includes("worker runs: ")) this.#ownershipOf(process, (ownership) => (ownership.ran = this.world.now))
    // One that is told to stop says no more than that the lease is lost.
    if (/lease worker is lost|worker lost its partitions|worker stopped/.test(line)) this.#ended(process)
  }

  #ownershipOf(process: Process, found: (ownership: Ownership) => void): void {
    const last = this.ownerships.findLast((one) => one.process === process && one.ended === undefined)
    if (last !== undefined) found(last)
  }

  #ended(process: Process): void {
    this.#ownershipOf(process, (ownership) => (ownership.ended = this.world.now))
  }

  #stop({ process, stop }: Pick<Running<never>, "process" | "stop">): void {
    this.#ownershipOf(process, (ownership) => (ownership.stopped ??= this.world.now))
    stop()
  }

  // --- workers

  startWorker(): void {
    const process = this.world.process(`worker-${this.workers.length + 1}`)
    // Nobody has set this machine's clock lately.
    if (this.chance.happens(0.2)) process.wallOffset += this.chance.between(-86_400_000, 86_400_000)
    this.trace(`start ${process.name}`)
    this.workers.push(startWorker(process, new Link(process, this.broker.weather), this.site))
  }

  get alive(): ReadonlyArray<Running<Worker>> {
    return this.workers.filter(({ isOver, process }) => process.state !== "dead" && !isOver())
  }

  kill({ link, process }: Running<Worker>): void {
    if (process.state === "dead" || this.isQuiet) return
    this.trace(`kill ${process.name}`)
    this.#ended(process)
    link.abandon(this.chance.happens(0.7))
    process.kill()
  }

  /** A new one, unless another is there or comes. */
  startSoon(): void {
    this.world.after(this.chance.between(50, 4_000), () => {
      if (this.alive.every(({ process }) => process.state === "frozen")) this.startWorker()
    })
  }

  // --- what people do

  run<A, E>(effect: Effect.Effect<A, E>, then: (exit: Exit.Exit<A, E>) => void = () => {}): void {
    this.commands++
    runOn(this.api.process, this.site, effect).addObserver((exit) => {
      this.commands--
      then(exit)
    })
  }

  /** As Webhooks does it, but with an id of the seed's. */
  createWebhook(then: () => void): void {
    const context = this.api.context()
    if (context === undefined) return
    const workspace = this.chance.pick(this.workspaces)
    const place = { workspaceId: WorkspaceId.make(workspace), webhookId: WebhookId.make(`wh_${this.webhooks.length}`) }
    const secret = `secret of ${place.webhookId}`
    const events = this.chance.pick(subscriptions)
    const rateLimit = this.chance.happens(0.15) ? this.chance.integer(2, 20) : undefined
    const concurrency = this.chance.happens(0.2) ? this.chance.integer(1, 4) : undefined
    this.webhooks.push({ id: place.webhookId, workspace })
    this.endpoints.secrets.set(place.webhookId, [secret])
    this.run(
      Context.get(context, Vault).seal(place, undefined, { secret: Redacted.make(secret) }).pipe(
        Effect.retry({ times: 5 })
      ),
      (exit) => {
        if (Exit.isFailure(exit)) return
        const [fact] = Either.getOrThrow(decide(undefined, {
          type: "create",
          ...place,
          at: this.broker.time,
          settings: {
            url: `https://sim.test/${place.webhookId}/v1`,
            events,
            ...(rateLimit && { rateLimit }),
            ...(concurrency && { concurrency })
          },
          secretVersion: exit.value.secret ?? 0
        }))
        if (fact === undefined) return
        this.broker.append(
          { subject: webhookSubject(workspace, place.webhookId), data: encodeFact(fact) },
          this.api.process
        )
        then()
      }
    )
  }

  changeWebhook(): void {
    const context = this.api.context()
    if (context === undefined || this.webhooks.length === 0) return
    const webhooks = Context.get(context, Webhooks)
    const { id, workspace } = this.chance.pick(this.webhooks)
    const action = this.chance.pick([
      "pause",
      "pause",
      "resume",
      "resume at a rate",
      "disable",
      "enable",
      "url",
      "events",
      "rotate",
      "delete"
    ])
    this.trace(`${action} ${id}`)
    const effect: Effect.Effect<unknown, unknown> = (() => {
      switch (action) {
        case "pause": {
          // Most are resumed again while there still are faults.
          const rate = this.chance.happens(0.5) ? this.chance.integer(1, 20) : undefined
          this.world.after(
            this.chance.between(1_000, 20_000),
            () => this.run(Effect.ignore(webhooks.resume(workspace, id, rate)))
          )
          return webhooks.pause(workspace, id)
        }
        case "resume":
          return webhooks.resume(workspace, id)
        case "resume at a rate":
          return webhooks.resume(workspace, id, this.chance.integer(1, 20))
        case "disable":
          return webhooks.disable(workspace, id)
        case "enable":
          return webhooks.enable(workspace, id)
        case "url":
          return webhooks.change(workspace, id, { url: `https://sim.test/${id}/v2` })
        case "events":
          return webhooks.change(workspace, id, { events: [...this.chance.pick(subscriptions)] })
        case "rotate": {
          const secret = `another secret of ${id}`
          this.endpoints.secrets.get(id)?.push(secret)
          return webhooks.rotateSecret(workspace, id, {
            secret: Redacted.make(secret),
            overlap: this.chance.integer(0, 20_000)
          })
        }
        default:
          return webhooks.remove(workspace, id)
      }
    })()
    this.run(Effect.ignore(effect))
  }

  publish(type: string = this.chance.pick(types)): void {
    const workspace = this.chance.pick(this.workspaces)
    const number = this.published++
    // Some come again, and some are none.
    const again = number > 0 && this.chance.happens(0.05)
    const id = `evt_${again ? this.chance.below(number) : number}`
    const isEvent = !this.chance.happens(0.03)
    const misfit = !isEvent && this.chance.happens(0.3)
    const message = {
      subject: misfit ? `events.${workspace}.shapeless` : `events.${workspace}.${type}`,
      data: isEvent ? JSON.stringify({ id, data: { number } }) : "no JSON",
      // A repeat that the broker's own window does not know.
      messageId: `${workspace}/${id}/${number}`
    }
    this.publishing++
    const send = (): void =>
      this.publisher.request(
        () => this.broker.append(message, this.publisher.process),
        (answer) => {
          if (typeof answer === "string") return void this.world.after(500, send)
          this.publishing--
          this.acknowledged.push(answer.sequence)
        },
        () => void this.world.after(500, send)
      )
    send()
  }

  /** Somebody asks for a retry of a delivery as the records show it. */
  retry(): void {
    const context = this.api.context()
    if (context === undefined) return
    const { workspace } = this.chance.pick(this.webhooks)
    const partition = partitionOf(workspace, this.broker.partitions)
    const stream = this.broker.stream(deliveriesStream(partition, this.broker.deliveriesStreams))
    const seen = this.#seen.get(partition) ?? { upTo: 0, deliveries: new Map<string, Delivery>() }
    this.#seen.set(partition, seen)
    const known = seen.deliveries
    for (let sequence = seen.upTo + 1; sequence <= stream.lastSequence; sequence++) {
      const message = stream.next(deliveriesFilter(partition), sequence, this.broker.time)
      if (message === undefined) break
      sequence = message.sequence
      const fact = Either.getOrThrow(decode(message.data))
      if (fact.type !== "deliveries") continue
      for (const { delivery } of fact.records) {
        const key = keyOf(delivery)
        if (isNewer(delivery, known.get(key))) known.set(key, delivery)
      }
    }
    seen.upTo = stream.lastSequence
    if (known.size === 0) return
    const [key, delivery] = this.chance.pick([...known])
    const asked: { key: string; order: number; answer: string | undefined } = {
      key,
      order: this.world.remember(),
      answer: undefined
    }
    this.trace(`retry ${key}, ${delivery.state}`)
    this.retries.push(asked)
    this.run(Context.get(context, RetryRequests).ask(delivery, stream.lastSequence), (exit) => {
      asked.answer = Exit.isSuccess(exit) ? Option.getOrUndefined(exit.value) : undefined
      this.trace(`retry ${key}: ${asked.answer}`)
    })
  }

  // --- what goes wrong

  #for(milliseconds: number, begin: () => void, end: () => void): void {
    this.#trouble(milliseconds)
    begin()
    this.world.after(milliseconds, end)
  }

  #trouble(milliseconds: number): void {
    this.troubles.push([this.world.now, this.world.now + milliseconds])
  }

  #stall(link: Link, milliseconds: number): void {
    this.#trouble(milliseconds)
    link.stall(milliseconds)
  }

  /** One that has something to go wrong. */
  fault(): void {
    const kinds = [...faultKinds]
    while (kinds.length > 0) {
      const [kind] = kinds.splice(this.chance.below(kinds.length), 1)
      if (kind === undefined || !this.#canBe(kind)) continue
      this.trace(`fault: ${kind}`)
      this.faults.push(kind)
      return this.#fault(kind)
    }
  }

  #canBe(kind: FaultKind): boolean {
    const { broker } = this
    switch (kind) {
      case "crash":
      case "crash with records unacknowledged":
      case "crash between two steps":
      case "freeze":
      case "stop":
      case "stall":
      case "wall clock jump":
        return this.alive.length > 0
      case "two owners":
        return this.alive.some(({ process }) => process === broker.leaseHolder)
      case "redelivery":
        return [...broker.consumers.values()].some(({ pending }) => pending.size > 0)
      case "floor reset":
        return this.journal.some(({ stream }) => stream === "KV_POSITIONS")
      case "snapshot lost":
      case "snapshot damaged":
        return broker.objects.size > 0
      case "consumer deleted":
        return broker.consumers.size > 0
      default:
        return true
    }
  }

  #fault(kind: FaultKind): void {
    const { broker, chance, world } = this
    const { weather } = broker
    const worker = this.alive.length > 0 ? chance.pick(this.alive) : undefined
    switch (kind) {
      case "crash":
        if (worker === undefined) return
        if (chance.happens(0.4)) worker.link.stall(chance.between(1_000, 15_000))
        this.kill(worker)
        return this.startSoon()
      case "crash with records unacknowledged":
        // Long enough for a snapshot to be made meanwhile.
        return this.#for(chance.between(1_000, 4_900), () => (weather.unanswered = chance.between(0.05, 0.4)), () => {
          weather.unanswered = 0
          if (worker === undefined) return
          this.kill(worker)
          this.startSoon()
        })
      case "crash between two steps":
        return worker?.process.afterTurns(chance.integer(1, 400), () => {
          if (chance.happens(0.4)) worker.link.stall(chance.between(1_000, 15_000))
          this.kill(worker)
          this.startSoon()
        })
      case "two owners":
        return this.#twoOwners()
      case "freeze": {
        if (worker === undefined) return
        // What is asked before, and answered while it is frozen, is what it meets first when its lease is long over.
        const before = chance.happens(0.5) ? chance.between(0, 1_500) : 0
        if (before > 0) this.#stall(worker.link, before + chance.between(0, chance.pick([2_500, 20_000])))
        if (this.alive.length < 2) this.startWorker()
        return void world.after(before, () => {
          if (this.isQuiet) return
          this.#for(chance.between(500, 20_000), () => worker.process.freeze(), () => {
            this.trace(`thaw ${worker.process.name}`)
            worker.process.thaw()
          })
        })
      }
      case "stop": {
        if (worker === undefined) return
        // What is not acknowledged then is what a snapshot must not have.
        if (chance.happens(0.5)) {
          this.#for(chance.between(500, 4_000), () => (weather.unanswered = 0.5), () => (weather.unanswered = 0))
        }
        this.#stop(worker)
        // Who asks now is answered by whoever comes next.
        if (chance.happens(0.4)) world.after(chance.between(0, 1_000), () => this.retry())
        if (chance.happens(0.3)) world.after(chance.between(0, 3_000), () => this.kill(worker))
        const wait = (): void => {
          if (worker.process.state !== "dead" && !worker.isOver()) return void world.after(100, wait)
          if (worker.process.state !== "dead") this.#checkLeft(worker)
          this.#ended(worker.process)
          worker.process.kill()
          this.startSoon()
        }
        return wait()
      }
      case "disconnect": {
        const link = chance.pick([...this.alive.map((one) => one.link), this.api.link, this.publisher])
        return this.#for(chance.between(20, 8_000), () => link.disconnect(chance.happens(0.5)), () => link.reconnect())
      }
      case "lost publish acks":
        return this.#for(
          chance.between(500, 8_000),
          () => (weather.unanswered = chance.between(0.05, 0.6)),
          () => (weather.unanswered = 0)
        )
      case "lost requests":
        return this.#for(
          chance.between(500, 8_000),
          () => (weather.lost = chance.between(0.05, 0.6)),
          () => (weather.lost = 0)
        )
      case "lost acks":
        return this.#for(
          chance.between(1_000, 20_000),
          () => (weather.lostAcknowledgement = chance.between(0.2, 1)),
          () => (weather.lostAcknowledgement = 0)
        )
      case "slow broker":
        return this.#for(
          chance.between(1_000, 15_000),
          () => (weather.slowness = chance.between(5, 60)),
          () => (weather.slowness = 1)
        )
      case "stall":
        return worker === undefined ? undefined : this.#stall(worker.link, chance.between(500, 6_000))
      case "redelivery":
        for (const consumer of broker.consumers.values()) {
          for (const sequence of consumer.pending.keys()) {
            if (chance.happens(0.7)) broker.redeliver(consumer, sequence)
          }
        }
        return
      case "floor reset": {
        // Most often found by a new owner, as after a restore; sometimes under the nose of the present one.
        if (worker !== undefined && chance.happens(0.7)) {
          this.kill(worker)
          this.startSoon()
        }
        for (let partition = 0; partition < broker.partitions; partition++) {
          const subject = bucketSubject("POSITIONS", `p${partition}`)
          const former = this.journal.filter(({ message }) => message.subject === subject)
          if (former.length > 0 && chance.happens(0.7)) {
            // By epochs: one that is several behind makes an owner whose records would be the older ones.
            const epoch = chance.pick([...new Set(former.map((entry) => bodyOf(entry)["epoch"]))])
            const { message } = chance.pick(former.filter((entry) => bodyOf(entry)["epoch"] === epoch))
            broker.append({ subject, data: message.data }, undefined)
          }
        }
        return
      }
      case "snapshot lost":
        for (const name of broker.objects.keys()) if (chance.happens(0.6)) broker.objects.delete(name)
        return
      case "snapshot damaged":
        for (const [name, data] of broker.objects) {
          if (data === "damaged" || chance.happens(0.4)) continue
          const torn = Buffer.from(data)
          const at = chance.below(torn.length)
          torn[at] = (torn[at] ?? 0) ^ 1
          broker.objects.set(name, chance.happens(0.5) ? "damaged" : torn)
        }
        return
      case "consumer deleted":
        for (const consumer of broker.consumers.values()) {
          if (chance.happens(0.4)) broker.deleteConsumer("EVENTS", consumer.name)
        }
        return
      case "full": {
        const stream = broker.stream(chance.pick(["EVENTS", "QUARANTINE", "DELIVERIES-0"]))
        return this.#for(chance.between(500, 12_000), () => (stream.full = true), () => (stream.full = false))
      }
      case "wall clock jump":
        if (worker !== undefined) worker.process.wallOffset += chance.between(-86_400_000, 86_400_000)
        return
      case "broker clock jump":
        broker.jumps.push(world.now)
        broker.clockOffset += chance.between(-20_000, 20_000)
    }
  }

  /**
   * The broker forgets the lease just after a renewal, and the buckets have their leaders where the owner does not reach them: until its own count
   * ends it goes on beside its successor, which is slow to take over.
   */
  #twoOwners(): void {
    const { broker, chance, world } = this
    const owner = this.alive.find(({ process }) => process === broker.leaseHolder)
    if (owner === undefined) return
    if (this.alive.length < 2) this.startWorker()
    const successor = this.alive.find((one) => one !== owner)
    // The successor has to stand by first.
    const from = world.now + 2_500
    this.troubles.push([from, from + 12_000])
    const begin = (): void => {
      if (this.isQuiet || world.now > from + 3_000) return
      if (owner.process.state === "dead" || broker.leaseHolder !== owner.process) return
      const sinceRenewal = world.now - owner.process.renewedAt
      if (sinceRenewal > 100) return void world.after(20, begin)
      this.trace(`the lease of ${owner.process.name} is forgotten`)
      broker.parted.set(owner.process, world.now + 4_500)
      broker.forgetLease()
      // Attempts that fail, of events that both of them match, are where their records differ.
      for (const { id } of this.webhooks) if (chance.happens(0.4)) this.endpoints.behave(id, "flaky")
      for (let left = chance.integer(5, 15); left > 0; left--) {
        world.after(chance.between(0, 4_000), () => {
          if (!this.isQuiet) this.publish()
        })
      }
      if (successor === undefined) return
      successor.link.slowness = chance.between(20, 200)
      const isKilled = chance.happens(0.7)
      if (isKilled) this.#watchForLead(owner.process, successor)
      world.after(chance.between(2_000, 5_000), () => {
        this.#watch = undefined
        successor.link.slowness = 1
        if (!isKilled) return
        this.kill(successor)
        this.startSoon()
      })
    }
    world.after(from - world.now, begin)
  }

  /** The successor ends when it has recorded less of a delivery than its predecessor has meanwhile: whoever comes next finds the wrong one ahead. */
  #watchForLead(owner: Process, successor: Running<Worker>): void {
    const steps = new Map<string, number>()
    this.#watch = (entry) => {
      if (!entry.stream.startsWith("DELIVERIES-")) return
      for (const state of statesOf(entry)) {
        const key = keyOf(state)
        if (entry.from === owner) steps.set(key, Math.max(state.step, steps.get(key) ?? 0))
        else if (entry.from === successor.process && state.step < (steps.get(key) ?? 0)) {
          this.#watch = undefined
          this.trace(`${successor.process.name} has recorded less of ${key} than ${owner.name}`)
          this.world.after(this.chance.between(0, 300), () => {
            this.kill(successor)
            this.startSoon()
          })
          return
        }
      }
    }
  }

  #checkLeft({ process }: Running<Worker>): void {
    if (process.fibers > 0) this.violations.push(`no fiber is left behind: ${process.fibers} of ${process.name}`)
  }

  // --- the run

  #plan(): number {
    const { chance, world } = this
    const duration = chance.between(30_000, 80_000)
    const at = () => chance.between(100, duration)
    const events = chance.integer(200, 260)
    for (let left = events; left > 0;) {
      const burst = chance.happens(0.2) ? Math.min(left, chance.integer(5, 40)) : 1
      left -= burst
      world.after(at(), () => {
        for (let index = 0; index < burst; index++) this.publish()
      })
    }
    for (let index = chance.integer(1, 3); index > 0; index--) {
      world.after(at(), () =>
        this.createWebhook(() => {
          // Creating a webhook and publishing at once always delivers.
          for (const type of types) this.publish(type)
        }))
    }
    for (let index = chance.integer(2, 10); index > 0; index--) world.after(at(), () => this.changeWebhook())
    for (let index = chance.integer(2, 10); index > 0; index--) world.after(at(), () => this.retry())
    for (let index = chance.integer(3, 12); index > 0; index--) {
      world.after(at(), () => {
        const { id } = chance.pick(this.webhooks)
        const behaviour = chance.pick(behaviours)
        this.trace(`${id} is ${behaviour}`)
        this.endpoints.behave(id, behaviour)
      })
    }
    for (let index = chance.integer(3, 8); index > 0; index--) {
      world.after(at(), () => this.fault())
    }
    return duration
  }

  #calm(): void {
    const { broker } = this
    this.trace("quiet")
    this.isQuiet = true
    broker.parted.clear()
    Object.assign(broker.weather, { lost: 0, unanswered: 0, lostAcknowledgement: 0, slowness: 1 })
    for (const stream of broker.streams.values()) stream.full = false
    this.endpoints.everybodyIsWell()
    for (
      const { link, process } of [...this.workers, this.api, { link: this.publisher, process: this.publisher.process }]
    ) {
      if (process.state === "dead") continue
      process.thaw()
      link.slowness = 1
      link.reconnect()
    }
    if (this.alive.length === 0) this.startWorker()
    const webhooks = Context.get(Option.getOrThrow(Option.fromNullable(this.api.context())), Webhooks)
    for (const { id, workspace } of this.webhooks) {
      // What is disabled stays so, now and then.
      const enable = this.chance.happens(0.7) ? webhooks.enable(workspace, id) : Effect.void
      const retried = {
        times: 20,
        while: (error: { readonly _tag: string }) =>
          error._tag === "BrokerUnavailable" || error._tag === "WebhookConflict"
      }
      this.run(
        Effect.ignore(
          Effect.zipRight(
            Effect.ignore(Effect.retry(webhooks.resume(workspace, id), retried)),
            Effect.retry(enable, retried)
          )
        )
      )
    }
  }

  /** Why it is not at rest; undefined when it is. */
  #unrest(): string | undefined {
    const { broker } = this
    if (this.publishing > 0) return `${this.publishing} events are not acknowledged`
    if (this.commands > 0) return `${this.commands} commands are not answered`
    if (this.alive.length === 0) {
      this.startWorker()
      return "no worker"
    }
    const statuses = this.alive.map(({ context }) => {
      const built = context()
      return built === undefined ? undefined : Context.get(built, Worker).status()
    })
    const running = statuses.filter((status) => status?.state === "running")
    const [status] = running
    if (running.length !== 1 || status === undefined) return `${running.length} workers run`
    if (status.live > 0 || status.inFlight > 0 || status.trouble !== undefined) {
      return `${status.live} live deliveries, ${status.inFlight} in flight, ${status.trouble}`
    }
    const consumers = [...broker.consumers.values()].filter(({ isOrphan }) => !isOrphan)
    for (const consumer of consumers) {
      const sequences = [...consumer.pending.keys()]
      if (sequences.length > 0) {
        return `${consumer.name} has ${sequences.length} unacknowledged: ${sequences.slice(0, 5).join(", ")}`
      }
      if (consumer.position <= consumer.stream.lastSequence) return `${consumer.name} has not read to the end`
    }
    if (consumers.length !== broker.partitions + 1) return `${consumers.length} consumers`
    return undefined
  }

  async play(): Promise<Outcome> {
    const { world } = this
    await world.run(startLimit, () => this.api.context() !== undefined)
    for (let index = this.chance.integer(5, 7); index > 0; index--) this.createWebhook(() => {})
    await world.run(startLimit, () => this.commands === 0)
    this.startWorker()
    const duration = this.#plan()
    await world.run(world.now + duration)
    this.#calm()
    const limit = world.now + restLimit
    let unrest: string | undefined = "it has just begun"
    for (let quiet = 0; quiet < 2 && world.now < limit;) {
      await world.run(world.now + restStep)
      unrest = this.#unrest()
      quiet = unrest === undefined ? quiet + 1 : 0
    }
    if (unrest !== undefined) {
      this.violations.push(`everything comes to rest: ${unrest} after ${restLimit / 60_000} minutes`)
    }
    await this.#end()
    this.violations.push(...judge({
      journal: this.journal,
      posts: this.endpoints.posts,
      offsets,
      acknowledged: this.acknowledged,
      ownerships: this.ownerships,
      troubles: this.troubles,
      jumps: this.broker.jumps,
      retries: this.retries,
      answers: this.answers,
      snapshots: this.snapshots
    }))
    return this.outcome()
  }

  outcome(): Outcome {
    const { world } = this
    return {
      seed: this.seed,
      violations: [...new Set(this.violations)],
      faults: this.faults,
      events: this.published,
      webhooks: this.webhooks.length,
      posts: this.endpoints.posts.length,
      records: this.journal.filter(({ stream }) => stream.startsWith("DELIVERIES")).length,
      seconds: Math.round(world.now / 1000),
      turns: world.turns
    }
  }

  /** Both processes end as on SIGTERM, and leave nothing. */
  async #end(): Promise<void> {
    const all = [...this.alive, this.api]
    for (const one of all) {
      one.process.thaw()
      this.#stop(one)
    }
    await this.world.run(this.world.now + 60_000, () => all.every(({ isOver }) => isOver()))
    for (const one of all) {
      this.#ended(one.process)
      if (!one.isOver()) this.violations.push(`everything ends: ${one.process.name} does not`)
      else if (one.process.fibers > 0) {
        this.violations.push(`no fiber is left behind: ${one.process.fibers} of ${one.process.name}`)
      }
      one.process.kill()
    }
  }
}

const brief = (data: Uint8Array): string => {
  const text = Buffer.from(data).toString()
  const parts = [
    "kind",
    "event_seq",
    "event_id",
    "state",
    "attempt",
    "round",
    "due_at",
    "held_reason",
    "epoch",
    "step",
    "floor"
  ].flatMap((name) => {
    const value = new RegExp(`"${name}":("[^"]*"|[0-9]+)`).exec(text)?.[1]
    return value === undefined ? [] : [`${name}=${value.replaceAll("\"", "")}`]
  })
  return parts.join(" ")
}

export const simulate = (seed: number, trace?: (line: string) => void): Promise<Outcome> => {
  const simulation = new Simulation(seed, trace)
  return simulation.play().catch((error: unknown) => {
    simulation.violations.push(`everything comes to rest: ${String(error)}`)
    return simulation.outcome()
  })
}
