/**
 * All endpoint actors of an owner: who may start an attempt, what follows from it, and what waits for what.
 *
 *     offer ──▶ ready ─┐                       ┌─▶ succeeded, failed, suppressed: recorded, gone
 *     adopt ──▶ held ──┼─▶ lane: one attempt ──┼─▶ attempt_failed: recorded ─▶ timers ─▶ (due) ready
 *     timers ──────────┤                       └─▶ deferred: recorded ─▶ held
 *     retry ─▶ recorded┘
 *
 * What must stay true: everything runs on one thread, in plain objects. A delivery has at most one unacknowledged record, and a change that has a
 * record is in force when that is acknowledged. A live delivery is in exactly one of ready, held, timers or a lane, or waits for its record, or is
 * spilled (Spilling); each of these has a trigger (a free lane, the sweep, a due time, an acknowledgement, a backlog that has become short).
 */
import type { Effect } from "effect"
import type { OpenLedger, Stored } from "../ledger/Ledger.ts"
import type { Spill, SpillState } from "../ledger/Spill.ts"
import { type AttemptResult, isLocalFault, wasAnswered } from "../model/Attempt.ts"
import {
  circuitLimit,
  decide,
  type Decision,
  type Delivery,
  type DeliveryRecord,
  type Happening,
  type HoldReason,
  type Match,
  matched
} from "../model/Delivery.ts"
import type { ParsedEvent } from "../model/Event.ts"
import type { WebhookId } from "../model/Id.ts"
import { judge, type RetryAnswer, type RetryRequest } from "../model/RetryRequest.ts"
import type { RetrySchedule } from "../model/RetrySchedule.ts"
import type { Webhook } from "../model/Webhook.ts"
import * as Telemetry from "../Telemetry.ts"
import type { Expired } from "./Attempting.ts"
import { attempted, isOpen } from "./Circuit.ts"
import { type Deferred, Deferring } from "./Deferring.ts"
import { Endpoint, Live } from "./Endpoint.ts"
import { figures } from "./Figures.ts"
import { InFlight, slowAfter } from "./InFlight.ts"
import { afterAttempt, allowed } from "./Lanes.ts"
import type { Places } from "./Places.ts"
import { Retried } from "./Retried.ts"
import { type HeldReader, Spilling } from "./Spilling.ts"
import { Timers } from "./Timers.ts"
import { full, nextToken, take } from "./TokenBucket.ts"
import { Turns } from "./Turns.ts"

/** Faults on our side are tried again this often. */
const faultPause = 60_000
/** A due delivery looks again this often while nothing may start. */
const unwellPause = 1_000
/** How often the sweep comes round while something is ready, or while nothing may start. */
const shortPause = 250
/** How often what is held is looked through. */
const longPause = 60_000

type Outcome = AttemptResult | Expired

export interface Environment {
  readonly ledger: OpenLedger
  /** Whether the lease holds. */
  readonly owns: () => boolean
  /** The epoch of a partition that is owned. */
  readonly epoch: (partition: number) => number
  /** The highest sequence recorded in the stream of a partition. */
  readonly recordedUpTo: (partition: number) => number
  readonly retries: RetrySchedule
  /** For webhooks that name no concurrency of their own. */
  readonly concurrency: number
  /** Attempts in flight in the process. */
  readonly places: Places
  /** The webhook as it is now; undefined once it is deleted. */
  readonly find: (webhookId: WebhookId) => Webhook | undefined
  /** Calls back once, perhaps at once, unless it is cancelled before by what it answers. */
  readonly attempt: (
    webhook: Webhook,
    delivery: Delivery,
    event: ParsedEvent | undefined,
    settle: (outcome: Outcome) => void
  ) => () => void
  /** Reads back what is held and not in memory. */
  readonly reader: HeldReader
  readonly keepBody: (eventSequence: number, event: ParsedEvent) => void
  /** Tells the operator of a bug. */
  readonly report: (problem: string) => void
  /** Asks for a sweep before its time. */
  readonly wake: () => void
}

export class Engine {
  readonly #env: Environment
  readonly #endpoints = new Map<WebhookId, Endpoint>()
  readonly #timers: Timers
  readonly #inFlight: InFlight
  readonly #deferring = new Deferring((deferred) => this.#flush(deferred))
  readonly #turns = new Turns()
  readonly #retried: Retried
  readonly #spilling: Spilling
  /** Endpoints with something in ready or held. */
  readonly #waiting = new Set<Endpoint>()
  #stopping = false
  #abandoned = false
  /** When what is held is looked through next. */
  #nextLong = 0
  /** A start was refused because of the ledger or the lease: everything that waits is looked at again when it is well. */
  #blocked = false

  constructor(env: Environment) {
    this.#env = env
    this.#timers = new Timers(env.wake)
    this.#inFlight = new InFlight(env.places)
    this.#retried = new Retried(env.recordedUpTo)
    this.#spilling = new Spilling({
      reader: env.reader,
      now: env.ledger.now,
      recordedUpTo: env.recordedUpTo,
      ended: () => this.#stopping || this.#abandoned,
      revive: (endpoint, delivery) => this.#revive(endpoint, delivery),
      revived: (endpoint) => this.#pump(endpoint),
      later: (endpoint, at) => this.#timers.endpoint(endpoint, at)
    })
  }

  // --- what comes in

  offer(input: Match, webhook: Webhook, event: ParsedEvent, partition: number, settled: () => void): void {
    const endpoint = this.#endpointOf(input, partition)
    if (endpoint.live.has(input.eventSequence)) return settled()
    const live = new Live(endpoint, matched(input, this.#env.ledger.now(), this.#rules(endpoint)))
    live.event = event
    live.settle = settled
    endpoint.live.set(input.eventSequence, live)
    Telemetry.deliveriesMatched.add()
    this.#arrive(live, webhook)
  }

  adopt(delivery: Delivery, partition: number): void {
    const webhook = this.#env.find(delivery.webhookId)
    if (webhook === undefined) return
    const endpoint = this.#endpointOf(delivery, partition)
    const at = this.#env.ledger.now()
    // A snapshot may have caught it in flight: it is held, as its last record says or would. A retry that was accepted waits for a lane.
    const reason = delivery.state === "in_flight" ? "in_flight" : delivery.state === "ready" ? "busy" : undefined
    const state: Delivery = reason === undefined
      ? delivery
      : { ...delivery, state: "held", heldReason: reason, heldSince: delivery.heldSince || at }
    const live = new Live(endpoint, state)
    endpoint.live.set(state.eventSequence, live)
    if (state.state === "due") return this.#timers.delivery(live, state.dueAt)
    if (state.state === "held" && webhook.state === "disabled") return this.#happen(live, { type: "disabled", at })
    this.#hold(live)
  }

  /** A backlog that is not in memory. `replayedTo`: the sequence that the replay of the partition reached. */
  adoptSpill(spill: Spill, partition: number, replayedTo: number): void {
    if (this.#env.find(spill.webhookId) === undefined) return
    const endpoint = this.#endpointOf(spill, partition)
    spill.fence([replayedTo, this.#env.epoch(partition)])
    endpoint.overflow.spill = spill
    this.#spilling.refill(endpoint)
  }

  /** What the replay of a partition met of deliveries that were retried by hand and have ended; `from`: the sequence it began at. */
  adoptRetried(ended: ReadonlyArray<Delivery>, partition: number, from: number): void {
    this.#retried.knownFrom(partition, from)
    for (const delivery of ended) this.#retried.ended(delivery)
  }

  /**
   * A retry is asked for by hand. `answer` is called once, `accepted` only when the record of that is acknowledged; not at all when the request is
   * void or this owner is about to go.
   */
  retry(request: RetryRequest, partition: number, answer: (answer: RetryAnswer) => void): void {
    const endpoint = this.#endpoints.get(request.delivery.webhookId)
    const retry = () => this.#retry(request, partition, answer)
    if (endpoint === undefined) retry()
    else this.#spilling.fetch(endpoint, request.delivery, retry)
  }

  #retry(request: RetryRequest, partition: number, answer: (answer: RetryAnswer) => void): void {
    const at = this.#env.ledger.now()
    if (this.#abandoned || this.#stopping || at >= request.expiresAt) return
    const { eventSequence, webhookId } = request.delivery
    const known = this.#endpoints.get(webhookId)?.live.get(eventSequence)
    const judged = judge(request, {
      webhook: this.#env.find(webhookId),
      live: known?.state,
      ended: this.#retried.newestOf(request.delivery),
      since: this.#retried.since(partition),
      at
    })
    if (judged !== "accepted") return answer(judged)
    // About to go, also one that came due and waits for a lane: there is nothing to move.
    if (known !== undefined && (known.state.state === "ready" || known.endpoint.ready.includes(known))) {
      return answer("accepted")
    }
    // A record is on its way: what it says is not known to who asked.
    if (known?.recording === true) return answer("overtaken")
    const endpoint = this.#endpointOf(request.delivery, partition)
    if (known !== undefined) {
      known.cancelled = true
      endpoint.held.remove(known)
    }
    const live = new Live(endpoint, known?.state ?? request.delivery)
    live.backlog = request.backlog === true
    live.settle = () => answer("accepted")
    endpoint.live.set(eventSequence, live)
    // Whoever asks for one attempt has mended something, or wants to know: an open circuit is probed at once. A job waits as everything does.
    if (!live.backlog && isOpen(endpoint.circuit)) endpoint.circuit = { ...endpoint.circuit, probeAt: at }
    this.#happen(live, { type: "retry_requested", at })
  }

  /** A fact about a webhook was applied to the projection. */
  changed(webhookId: WebhookId): void {
    const endpoint = this.#endpoints.get(webhookId)
    if (endpoint === undefined) return
    const webhook = this.#env.find(webhookId)
    if (webhook !== undefined) endpoint.held.follow(webhook)
    if (webhook === undefined) {
      for (const live of endpoint.live.values()) this.#cancel(live)
      endpoint.ready.drain()
      endpoint.held.drain()
      endpoint.overflow.drop()
    } else if (webhook.state === "disabled") {
      const at = this.#env.ledger.now()
      for (const live of [...endpoint.ready.drain(), ...endpoint.held.drain()]) {
        this.#happen(live, { type: "disabled", at })
      }
    } else if (webhook.state === "paused") {
      for (const live of endpoint.ready.drain()) this.#defer(live, "paused")
    } else this.#pump(endpoint)
    this.#spilling.refill(endpoint)
  }

  // --- what is shown

  live(partition: number): ReadonlyArray<Delivery> {
    const states: Array<Delivery> = []
    for (const endpoint of this.#endpoints.values()) {
      if (endpoint.partition !== partition) continue
      // Without a record there is nothing to keep: the event is open and comes again.
      for (const live of endpoint.live.values()) if (live.state.step > 0) states.push(live.state)
    }
    return states
  }

  /** The backlogs of a partition that are not in memory. */
  spills(partition: number): ReadonlyArray<SpillState> {
    return Array.from(this.#endpoints.values()).flatMap((endpoint) => {
      const spill = endpoint.partition === partition ? endpoint.overflow.spill : undefined
      return spill === undefined ? [] : [spill.state]
    })
  }

  /** Live deliveries in memory. */
  get inMemory(): number {
    let count = 0
    for (const endpoint of this.#endpoints.values()) count += endpoint.live.size
    return count
  }

  /** Live deliveries, those that are held and not in memory included: after a crash these may be off by a few. */
  get liveCount(): number {
    let count = this.inMemory
    for (const endpoint of this.#endpoints.values()) count += endpoint.overflow.spill?.count ?? 0
    return count
  }

  /** Deliveries that are ready: each starts within a second, or is held. */
  get ready(): number {
    let count = 0
    for (const endpoint of this.#waiting) count += endpoint.ready.size
    return count
  }

  get inFlight(): number {
    return this.#inFlight.size
  }

  /** For /metrics. */
  figures(): Telemetry.Readings {
    const concurrency = (id: WebhookId) => this.#env.find(id)?.concurrency ?? this.#env.concurrency
    return figures(this.#endpoints.values(), this.#inFlight, concurrency)
  }

  // --- ready, held, deferred

  /** READY, or due now: into the queue if its turn comes within a second, else held. One of a recovery's many only if nothing else waits. */
  #arrive(live: Live, webhook: Webhook): void {
    const { endpoint } = live
    if (webhook.state === "disabled") return this.#happen(live, { type: "disabled", at: this.#env.ledger.now() })
    const obstacle = this.#obstacle(endpoint, webhook)
    const lanes = allowed(endpoint.lanes, webhook.concurrency ?? this.#env.concurrency)
    const at = this.#env.ledger.now()
    const hasRoom = live.backlog ? endpoint.isIdle(lanes) : endpoint.hasRoom(lanes, at)
    if (obstacle !== undefined || !hasRoom) return this.#defer(live, obstacle ?? "busy")
    live.since = at
    endpoint.ready.push(live)
    this.#waiting.add(endpoint)
    this.#pump(endpoint)
    if (endpoint.ready.size > 0) this.#timers.sweepBy(live.since + shortPause)
  }

  /** What stands between an endpoint and any attempt, a lane apart. */
  #obstacle(endpoint: Endpoint, webhook: Webhook): HoldReason | undefined {
    if (this.#stopping) return "shutdown"
    if (webhook.state === "paused") return "paused"
    return isOpen(endpoint.circuit) ? "circuit" : undefined
  }

  #hold(live: Live): void {
    const { endpoint } = live
    endpoint.held.push(live)
    this.#waiting.add(endpoint)
    this.#pump(endpoint)
    if (endpoint.held.size > 0) this.#timers.sweepBy(this.#nextLong)
  }

  #defer(live: Live, reason: HoldReason): void {
    live.recording = true
    this.#deferring.add(live, reason)
  }

  #flush(deferred: ReadonlyArray<Deferred>): void {
    const at = this.#env.ledger.now()
    const decided: Array<readonly [Live, Delivery, DeliveryRecord]> = []
    for (const { live, reason } of deferred) {
      const decision = this.#decide(live, { type: "deferred", at, reason })
      if (decision?.record !== undefined) decided.push([live, decision.next, decision.record])
    }
    this.#env.ledger.defer(decided.map(([, , record]) => record), (index, stored) => {
      const one = decided[index]
      if (one !== undefined) this.#applied(one[0], one[1], stored)
    })
  }

  // --- lanes

  /** Starts as many lanes as there is work and leave for. */
  #pump(endpoint: Endpoint): void {
    for (let live = this.#admit(endpoint); live !== undefined; live = this.#admit(endpoint)) this.#attempt(live)
    this.#spilling.refill(endpoint)
  }

  /** The guard before a POST: the next delivery of the endpoint, now in flight, or undefined when none may start. */
  #admit(endpoint: Endpoint): Live | undefined {
    const env = this.#env
    if (endpoint.waiting === 0 || this.#stopping || this.#abandoned) return undefined
    if (!this.#isWell()) {
      this.#blocked = true
      this.#timers.sweepBy(env.ledger.now() + shortPause)
      return undefined
    }
    const webhook = env.find(endpoint.webhookId)
    if (webhook === undefined || webhook.state !== "enabled") return undefined
    if (endpoint.inFlight >= allowed(endpoint.lanes, webhook.concurrency ?? env.concurrency)) return undefined
    const at = env.ledger.now()
    const probe = isOpen(endpoint.circuit)
    // The last one in flight looks again when it ends.
    if (probe && endpoint.inFlight > 0) return undefined
    if (probe && at < endpoint.circuit.probeAt) {
      this.#timers.endpoint(endpoint, endpoint.circuit.probeAt)
      return undefined
    }
    if (at < endpoint.restUntil) {
      this.#timers.endpoint(endpoint, endpoint.restUntil)
      return undefined
    }
    if (!this.#inFlight.hasPlace(endpoint)) {
      this.#turns.add(endpoint)
      return undefined
    }
    const rate = webhook.rateLimit
    const bucket = rate === undefined ? undefined : take(endpoint.bucket ?? full(rate, at), rate, at)
    if (rate !== undefined && bucket === undefined) {
      this.#timers.endpoint(endpoint, nextToken(endpoint.bucket ?? full(rate, at), rate, at))
      return undefined
    }
    for (let live = endpoint.next(probe, at); live !== undefined; live = endpoint.next(probe, at)) {
      if (at >= live.state.expiresAt) {
        this.#happen(live, { type: "expired", at })
        continue
      }
      endpoint.bucket = bucket
      live.probe = probe
      this.#happen(live, { type: "started", at })
      if (live.state.state !== "in_flight") continue
      this.#inFlight.begin(live, at)
      this.#timers.sweepBy(at + slowAfter)
      return live
    }
    const next = endpoint.held.nextAt(at)
    if (next !== undefined) this.#timers.endpoint(endpoint, next)
    return undefined
  }

  /** A lane goes on as long as there is something for it, and nobody else waits for the place. */
  #continue(endpoint: Endpoint): void {
    if (this.#turns.size === 0) return this.#pump(endpoint)
    if (endpoint.waiting > 0) this.#turns.add(endpoint)
    this.#serveTurns()
  }

  #serveTurns(): void {
    for (let turns = this.#turns.size; turns > 0 && this.#inFlight.hasPlace(); turns--) {
      const endpoint = this.#turns.next()
      const live = endpoint === undefined ? undefined : this.#admit(endpoint)
      if (endpoint === undefined || live === undefined) continue
      this.#attempt(live)
      if (endpoint.waiting > 0) this.#turns.add(endpoint)
    }
  }

  /** One attempt; when its record is acknowledged, and only then, the lane is free. */
  #attempt(live: Live): void {
    const webhook = this.#env.find(live.endpoint.webhookId)
    // Deleted between the guard and here: nothing was sent.
    if (webhook === undefined) return this.#ended(live, { class: "shutdown", error: "the webhook was deleted" })
    let settled = false
    const abort = this.#env.attempt(webhook, live.state, live.event, (outcome) => {
      settled = true
      live.abort = undefined
      this.#ended(live, outcome)
    })
    if (!settled) live.abort = abort
  }

  #ended(live: Live, outcome: Outcome): void {
    if (this.#abandoned) return
    if (live.recording) {
      live.afterRecord = () => this.#ended(live, outcome)
      return
    }
    const at = this.#env.ledger.now()
    if (outcome.class === "expired") return this.#happen(live, { type: "expired", at })
    const { endpoint } = live
    if (isLocalFault(outcome)) {
      if (outcome.class !== "shutdown") endpoint.restUntil = at + faultPause
      return this.#happen(live, { type: "faulted", at, reason: outcome.class })
    }
    const concurrency = this.#env.find(endpoint.webhookId)?.concurrency ?? this.#env.concurrency
    endpoint.lanes = afterAttempt(endpoint.lanes, outcome.class === "success", concurrency)
    endpoint.circuit = attempted(endpoint.circuit, { answered: wasAnswered(outcome), probe: live.probe, at })
    this.#happen(live, { type: "finished", at, outcome })
    if (isOpen(endpoint.circuit)) {
      for (const ready of endpoint.ready.drain()) this.#defer(ready, "circuit")
    }
  }

  // --- transitions

  #rules(endpoint: Endpoint) {
    return { retries: this.#env.retries, epoch: this.#env.epoch(endpoint.partition) }
  }

  /** Decides, records where the table has a record, and applies: at once without one, when it is acknowledged with one. */
  #happen(live: Live, happening: Happening): void {
    const decision = this.#decide(live, happening)
    if (decision === undefined) return
    if (decision.record === undefined) {
      live.state = decision.next
      return
    }
    live.recording = true
    this.#env.ledger.record(decision.record, (stored) => this.#applied(live, decision.next, stored))
  }

  /** A happening that the table does not know here is a bug of ours: it is told, and this delivery alone stands aside for a minute. */
  #decide(live: Live, happening: Happening): Decision | undefined {
    const decision = decide(live.state, happening, this.#rules(live.endpoint))
    if (!("refused" in decision)) return decision
    const { eventSequence, state, webhookId } = live.state
    const { ledger, report } = this.#env
    report(`delivery of event ${eventSequence} to ${webhookId}: ${happening.type} does not apply to ${state}`)
    live.recording = false
    this.#inFlight.end(live, ledger.now())
    this.#timers.delivery(live, ledger.now() + faultPause)
    return undefined
  }

  #applied(live: Live, next: Delivery, stored: Stored): void {
    if (this.#abandoned) return
    live.recording = false
    live.state = next
    const settle = live.settle
    live.settle = undefined
    settle?.()
    if (next.state !== "in_flight") {
      const freed = this.#inFlight.end(live, this.#env.ledger.now())
      this.#route(live, stored)
      if (freed) this.#continue(live.endpoint)
      this.#spilling.refill(live.endpoint)
    }
    const after = live.afterRecord
    live.afterRecord = undefined
    after?.()
  }

  /** Puts a delivery where its state belongs. */
  #route(live: Live, stored: Stored): void {
    const { endpoint, event, state } = live
    live.event = undefined
    const ended = state.state !== "due" && state.state !== "held" && state.state !== "ready"
    if (ended && state.round > 1) this.#retried.ended(state)
    if (ended || live.cancelled) {
      // A retry by hand may have taken its place.
      if (endpoint.live.get(state.eventSequence) === live) endpoint.live.delete(state.eventSequence)
      return
    }
    const webhook = this.#env.find(endpoint.webhookId)
    if (webhook === undefined) return this.#cancel(live)
    if (state.state === "due") return this.#timers.delivery(live, state.dueAt)
    if (state.state === "ready") return this.#arrive(live, webhook)
    if (webhook.state === "disabled") return this.#happen(live, { type: "disabled", at: this.#env.ledger.now() })
    if (this.#spilling.takes(live, stored)) return
    if (event !== undefined) this.#env.keepBody(state.eventSequence, event)
    this.#hold(live)
  }

  /** HELD, and back in memory. Starts nothing. */
  #revive(endpoint: Endpoint, delivery: Delivery): void {
    const live = new Live(endpoint, delivery)
    endpoint.live.set(delivery.eventSequence, live)
    const webhook = this.#env.find(endpoint.webhookId)
    if (webhook === undefined) return this.#cancel(live)
    const at = this.#env.ledger.now()
    const happening: Happening | undefined = webhook.state === "disabled"
      ? { type: "disabled", at }
      : this.#overdue(live, at)
    if (happening !== undefined) return this.#happen(live, happening)
    endpoint.held.push(live)
    this.#waiting.add(endpoint)
    this.#timers.sweepBy(this.#nextLong)
  }

  /** `webhook.deleted` is the record: nothing is appended. What is in flight, or has a record on its way, goes when that is done. */
  #cancel(live: Live): void {
    live.cancelled = true
    if (live.recording || this.#inFlight.has(live)) return
    live.endpoint.live.delete(live.state.eventSequence)
    const settle = live.settle
    live.settle = undefined
    settle?.()
  }

  // --- time

  /** No lease, no POST; no ledger, no POST. */
  #isWell(): boolean {
    return this.#env.owns() && this.#env.ledger.trouble() === undefined
  }

  /** Looks at everything that time moves; says in how many milliseconds it has to be called again at the latest. */
  sweep(): number {
    const at = this.#env.ledger.now()
    const well = this.#isWell() && !this.#stopping
    this.#timers.sweep(at, (live) => this.#due(live, at, well), (endpoint) => this.#pump(endpoint))
    const slow = this.#inFlight.sweep(at, (live) => {
      if (live.settle !== undefined && !live.recording) this.#happen(live, { type: "still_running", at })
    })
    if (slow !== undefined) this.#timers.sweepBy(slow)
    if (well) this.#sweepWaiting(at)
    if (this.#waiting.size > 0) this.#timers.sweepBy(well ? this.#nextLong : at + shortPause)
    this.#serveTurns()
    return this.#timers.plan(at)
  }

  /** Ready ones that wait too long; everything that waits, after a time in which nothing could start; once a minute what is held too long. */
  #sweepWaiting(at: number): void {
    const all = this.#blocked || at >= this.#nextLong
    this.#blocked = false
    if (at >= this.#nextLong) {
      this.#nextLong = at + longPause
      this.#sweepLong(at)
    }
    for (const endpoint of this.#waiting) {
      for (
        let live = endpoint.ready.peek();
        live !== undefined && at - live.since > Endpoint.patience;
        live = endpoint.ready.peek()
      ) {
        endpoint.ready.shift()
        this.#defer(live, this.#env.find(endpoint.webhookId)?.rateLimit === undefined ? "busy" : "rate")
      }
      if (endpoint.ready.size > 0) this.#timers.sweepBy(at + shortPause)
      if (endpoint.waiting === 0) this.#waiting.delete(endpoint)
      else if (all) this.#pump(endpoint)
    }
  }

  #due(live: Live, at: number, well: boolean): void {
    if (live.cancelled) return
    const webhook = this.#env.find(live.endpoint.webhookId)
    if (webhook === undefined) return this.#cancel(live)
    if (!well) return this.#timers.delivery(live, at + unwellPause)
    if (at >= live.state.expiresAt) return this.#happen(live, { type: "expired", at })
    if (live.state.state === "due") return this.#arrive(live, webhook)
    this.#hold(live)
  }

  /** Once a minute: what is held too long, and actors that nothing needs any more. */
  #sweepLong(at: number): void {
    for (const endpoint of this.#endpoints.values()) {
      if (endpoint.held.values().some((live) => this.#overdue(live, at) !== undefined)) {
        for (const live of endpoint.held.drain()) {
          const happening = this.#overdue(live, at)
          if (happening === undefined) endpoint.held.push(live)
          else this.#happen(live, happening)
        }
      }
      // A bucket that is forgotten is a full one: it has to be full by then.
      const rate = this.#env.find(endpoint.webhookId)?.rateLimit ?? 1
      const rested = endpoint.bucket === undefined || at - endpoint.bucket.at > Math.max(longPause, 1_000 / rate)
      const idle = endpoint.live.size === 0 && endpoint.overflow.spill === undefined && !endpoint.reading
      if (idle && !isOpen(endpoint.circuit) && rested) this.#endpoints.delete(endpoint.webhookId)
      else this.#spilling.refill(endpoint)
    }
  }

  /** What becomes of a held delivery by time alone. */
  #overdue(live: Live, at: number): Happening | undefined {
    const { openedAt } = live.endpoint.circuit
    if (at >= live.state.expiresAt) return { type: "expired", at }
    return openedAt !== undefined && at >= circuitLimit(live.state, openedAt, this.#env.retries)
      ? { type: "circuit_exhausted", at }
      : undefined
  }

  // --- the end

  /** Starts nothing more; ready deliveries are recorded as held. */
  stop(): void {
    this.#stopping = true
    for (const endpoint of this.#endpoints.values()) {
      for (const live of endpoint.ready.drain()) this.#defer(live, "shutdown")
    }
  }

  /** Completes when nothing is in flight. */
  get idle(): Effect.Effect<void> {
    return this.#inFlight.idle
  }

  /** Ends every attempt in flight; each is recorded as held. */
  abort(): void {
    for (const live of this.#inFlight.all) {
      if (live.abort === undefined) continue
      live.abort()
      live.abort = undefined
      this.#ended(live, { class: "shutdown", error: "hookline stops" })
    }
  }

  /** LOST: nothing is recorded from here on, whatever still ends. */
  abandon(): void {
    this.#abandoned = true
    for (const live of this.#inFlight.all) live.abort?.()
  }

  #endpointOf(place: Pick<Delivery, "webhookId" | "workspaceId">, partition: number): Endpoint {
    const known = this.#endpoints.get(place.webhookId)
    if (known !== undefined) return known
    const { epoch, find, recordedUpTo } = this.#env
    const endpoint = new Endpoint(place, partition, recordedUpTo(partition), epoch(partition))
    endpoint.held.follow(find(place.webhookId) ?? {})
    this.#endpoints.set(place.webhookId, endpoint)
    return endpoint
  }
}
