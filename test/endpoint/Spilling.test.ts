/**
 * What is spilled of a webhook's backlog, against a model: a stream that is a list of messages, an owner that holds, reads back, attempts, retries
 * and suppresses, acknowledgements in any order, appends that are stored twice, owners that come after one another with and without a snapshot, and
 * a former one that still writes.
 */
import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as fc from "fast-check"
import { Endpoint, Live } from "../../src/endpoint/Endpoint.ts"
import { Spilling } from "../../src/endpoint/Spilling.ts"
import type { Stored } from "../../src/ledger/Ledger.ts"
import { decode, encode, encodeDeferred } from "../../src/ledger/Record.ts"
import { Fold } from "../../src/ledger/Recovery.ts"
import type { Snapshot } from "../../src/ledger/Snapshots.ts"
import { decide, type Delivery, type DeliveryRecord, type Happening, isNewer } from "../../src/model/Delivery.ts"
import { EventId } from "../../src/model/Id.ts"
import { answered, delivery, retries, start } from "../support/delivery.ts"

const limits = { most: 6, part: 3 }
const created = "2026-11-24T01:29:22.666Z"
const at = start

interface Message {
  readonly subject: string
  readonly sequence: number
  readonly data: Uint8Array
  readonly records: ReadonlyArray<DeliveryRecord>
}

interface Pending {
  readonly lives: ReadonlyArray<Live>
  readonly message: Message
  again: boolean
}

class World {
  readonly stream: Array<Message> = []
  /** The newest record of each delivery, whether it is acknowledged or not. */
  readonly truth = new Map<number, Delivery>()
  readonly attempts = new Map<number, number>()
  epoch = 1
  endpoint = new Endpoint(delivery(), 0, 0, 1, limits)
  spilling = this.spillingOf()
  pending: Array<Pending> = []
  acknowledged = 0
  snapshot: Snapshot | undefined
  breakAfter: number | undefined
  /** The most deliveries that had a record on its way at a time. */
  mostOnTheWay = 0
  /** How often something was spilled when it was looked at. */
  static spilled = 0
  #events = 0
  #clock = start

  spillingOf(): Spilling {
    return new Spilling({
      reader: {
        read: ({ from, to }, onRecords, done) => {
          let read = 0
          for (const { records, sequence } of this.stream) {
            if (sequence < from || sequence > to || records[0]?.kind !== "deferred") continue
            if (read++ === this.breakAfter) {
              this.breakAfter = undefined
              return done("failed")
            }
            if (onRecords(sequence, records.map((record) => record.delivery))) return done("enough")
          }
          done("end")
        },
        find: (seen, { from, to }, take, done) => {
          for (const { records, sequence } of this.stream) {
            if (sequence < from || sequence > to || records[0]?.kind !== "deferred") continue
            const same = records.map((record) => record.delivery).filter((one) =>
              one.eventSequence === seen.eventSequence && one.epoch === seen.epoch && one.step === seen.step
            )
            if (same.some((one) => take(sequence, one))) break
          }
          done()
        }
      },
      // A pause after a failure is over at once.
      now: () => this.#clock += 10_000,
      recordedUpTo: () => this.acknowledged,
      ended: () => false,
      revive: (endpoint, one) => {
        const live = new Live(endpoint, one)
        expect(one, "what comes back is the newest").toEqual(this.truth.get(one.eventSequence))
        endpoint.live.set(one.eventSequence, live)
        endpoint.held.push(live)
      },
      revived: () => {},
      later: () => {}
    }, limits)
  }

  append(records: ReadonlyArray<DeliveryRecord>): Message {
    const [first] = records
    const text = first?.kind === "deferred"
      ? encodeDeferred(records, created)
      : encode(first as DeliveryRecord, created)
    const data = Buffer.from(text)
    const fact = Either.getOrThrow(decode(data))
    if (fact.type !== "deliveries") throw new Error(fact.type)
    const message = { subject: "deliveries", sequence: this.stream.length + 1, data, records: fact.records }
    this.stream.push(message)
    for (const { delivery: one } of fact.records) {
      const known = this.truth.get(one.eventSequence)
      if (known === undefined || isNewer(one, known)) this.truth.set(one.eventSequence, one)
    }
    return message
  }

  happen(live: Live, happening: Happening): DeliveryRecord {
    const decision = decide(live.state, happening, { retries, epoch: this.epoch })
    if ("refused" in decision || decision.record === undefined) throw new Error(happening.type)
    return decision.record
  }

  /** Records with an acknowledgement that comes at once. */
  record(live: Live, happening: Happening): void {
    const { records, sequence } = this.append([this.happen(live, happening)])
    this.acknowledged = Math.max(this.acknowledged, sequence)
    live.state = records[0]?.delivery as Delivery
    this.endpoint.held.remove(live)
    if (live.state.state === "succeeded" || live.state.state === "suppressed") {
      this.endpoint.live.delete(live.state.eventSequence)
    }
    this.spilling.refill(this.endpoint)
  }

  /** New ones and due ones are deferred in one message. */
  hold(fresh: number, due: number): void {
    const lives = this.all().filter((live) => live.state.state === "due" && !live.recording).slice(0, due)
    for (let count = 0; count < fresh; count++) {
      const eventSequence = ++this.#events
      const live = new Live(
        this.endpoint,
        delivery({ eventSequence, eventId: EventId.make(`evt_${eventSequence}`), epoch: this.epoch })
      )
      this.endpoint.live.set(eventSequence, live)
      lives.push(live)
    }
    if (lives.length === 0) return
    const message = this.append(lives.map((live) => this.happen(live, { type: "deferred", at, reason: "paused" })))
    for (const live of lives) live.recording = true
    this.pending.push({ lives, message, again: false })
  }

  /** One of the appends on the way is acknowledged; `twice`: it was appended again, and stored again. */
  acknowledge(pick: number, twice: boolean): void {
    const index = pick % Math.max(1, this.pending.length)
    const [pending] = this.pending.splice(index, 1)
    if (pending === undefined) return
    const { lives, message: { records } } = pending
    const sequence = twice ? this.append(records).sequence : pending.message.sequence
    this.acknowledged = Math.max(this.acknowledged, sequence)
    const stored: Stored = { sequence, again: twice }
    for (const [number, live] of lives.entries()) {
      live.recording = false
      live.state = records[number]?.delivery as Delivery
      if (!this.spilling.takes(live, stored)) this.endpoint.held.push(live)
    }
    this.spilling.refill(this.endpoint)
  }

  /** Attempts the next of those held, if there is one. `slow`: it is recorded as held while its attempt goes on. */
  attempt(success: boolean, slow = false): boolean {
    const live = this.endpoint.held.pop(at)
    if (live === undefined) return false
    const { eventSequence } = live.state
    expect(live.state, "it is attempted as it is").toEqual(this.truth.get(eventSequence))
    this.attempts.set(eventSequence, (this.attempts.get(eventSequence) ?? 0) + 1)
    live.state = { ...live.state, state: "in_flight" }
    if (slow) {
      const { records, sequence } = this.append([this.happen(live, { type: "still_running", at })])
      this.acknowledged = Math.max(this.acknowledged, sequence)
      live.state = { ...records[0]?.delivery as Delivery, state: "in_flight" }
      this.endpoint.overflow.stays(live.state, sequence)
    }
    this.record(live, { type: "finished", at, outcome: answered(success ? 200 : 500) })
    return true
  }

  /** Somebody asks for one that was seen held, perhaps long ago. */
  retry(pick: number): void {
    const seen = this.stream.flatMap(({ records }) => records).filter(({ delivery: one }) => one.state === "held")
    const asked = seen[pick % Math.max(1, seen.length)]?.delivery
    if (asked === undefined) return
    this.spilling.fetch(this.endpoint, asked, () => {
      const live = this.endpoint.live.get(asked.eventSequence)
      const newest = this.truth.get(asked.eventSequence)
      if (live === undefined) {
        return expect(newest === undefined || isNewer(newest, asked) || newest.state !== "held").toBe(true)
      }
      if (live.recording || live.state.state !== "held" || isNewer(live.state, asked)) return
      this.record(live, { type: "retry_requested", at })
      this.attempts.set(asked.eventSequence, (this.attempts.get(asked.eventSequence) ?? 0) + 1)
      live.state = { ...live.state, state: "in_flight" }
      this.record(live, { type: "finished", at, outcome: answered(200) })
    })
  }

  disable(): void {
    for (let live = this.endpoint.held.pop(at); live !== undefined; live = this.endpoint.held.pop(at)) {
      this.record(live, { type: "disabled", at })
    }
  }

  /** An append of a former owner arrives late, if there is a former owner. Behind a snapshot of its own it could wake what has ended. */
  stray(pick: number): void {
    const below = this.snapshot?.epoch ?? this.epoch
    const former = this.stream.flatMap(({ records }) => records).filter(({ delivery: one }) => one.epoch < below)
    const late = former[pick % Math.max(1, former.length)]
    if (late !== undefined) this.append([late])
  }

  save(): void {
    const oldest = this.pending.reduce(
      (least, { message: { sequence } }) => Math.min(least, sequence),
      this.acknowledged + 1
    )
    const spill = this.endpoint.overflow.spill?.state
    this.snapshot = JSON.parse(JSON.stringify(
      {
        epoch: this.epoch,
        s0: oldest - 1,
        floor: 0,
        webhooksSequence: 0,
        live: this.all().map(({ state }) => state).filter(({ step }) => step > 0),
        spills: spill === undefined ? [] : [spill],
        settled: [],
        identities: []
      } satisfies Snapshot
    )) as Snapshot
  }

  /** The owner is gone; the next one replays. */
  restart(fromSnapshot: boolean): void {
    const snapshot = fromSnapshot ? this.snapshot : undefined
    const fold = new Fold(snapshot, 0, limits)
    for (const message of this.stream) if (message.sequence > (snapshot?.s0 ?? 0)) fold.take(message)
    const replayedTo = this.stream.length
    const { live, spills } = fold.result(0, replayedTo)
    this.epoch++
    this.pending = []
    this.acknowledged = replayedTo
    this.endpoint = new Endpoint(delivery(), 0, replayedTo, this.epoch, limits)
    for (const state of live) {
      const one = new Live(this.endpoint, state)
      this.endpoint.live.set(state.eventSequence, one)
      if (state.state === "held") this.endpoint.held.push(one)
    }
    expect(spills.length).toBeLessThanOrEqual(1)
    for (const spill of spills) {
      spill.fence([replayedTo, this.epoch])
      this.endpoint.overflow.spill = spill
    }
    this.spilling = this.spillingOf()
    this.spilling.refill(this.endpoint)
  }

  all(): ReadonlyArray<Live> {
    return Array.from(this.endpoint.live.values())
  }

  /** Of each spilled delivery, as often as a record of it stands. */
  standing(): ReadonlyArray<number> {
    const { live, overflow } = this.endpoint
    return this.stream.flatMap(({ records, sequence }) =>
      records.flatMap(({ delivery: one, kind }) =>
        kind === "deferred" && !live.has(one.eventSequence) && overflow.spill?.stands(sequence, one) === true
          ? [one.eventSequence]
          : []
      )
    )
  }

  check(): void {
    const { held, live, overflow } = this.endpoint
    const waits = Array.from(this.truth.values()).filter(({ state }) => state === "held" || state === "due")
    const standing = new Set(this.standing())
    const known = [...live.keys(), ...standing].filter((event) => this.truth.has(event)).sort((a, b) => a - b)
    expect(known, "each that waits is in memory or stands").toEqual(
      waits.map(({ eventSequence }) => eventSequence).sort((a, b) => a - b)
    )
    if (overflow.spill === undefined) expect(standing.size).toBe(0)
    // What is acknowledged behind a later append stays in memory, and messages of up to 7 come as a whole.
    this.mostOnTheWay = Math.max(this.mostOnTheWay, this.endpoint.recordings)
    expect(held.size).toBeLessThanOrEqual(limits.most + limits.part + 7 + this.mostOnTheWay)
    if (overflow.spill !== undefined) World.spilled++
  }
}

const commands = fc.array(
  fc.oneof(
    { arbitrary: fc.record({ type: fc.constant("hold"), fresh: fc.nat(4), due: fc.nat(3) }), weight: 12 },
    { arbitrary: fc.record({ type: fc.constant("acknowledge"), pick: fc.nat(3), twice: fc.boolean() }), weight: 3 },
    {
      arbitrary: fc.record({ type: fc.constant("acknowledge"), pick: fc.nat(3), twice: fc.constant(false) }),
      weight: 12
    },
    { arbitrary: fc.record({ type: fc.constant("attempt"), success: fc.boolean(), slow: fc.boolean() }), weight: 10 },
    { arbitrary: fc.record({ type: fc.constant("retry"), pick: fc.nat(200) }), weight: 3 },
    { arbitrary: fc.record({ type: fc.constant("stray"), pick: fc.nat(200) }), weight: 2 },
    { arbitrary: fc.record({ type: fc.constant("break"), after: fc.nat(2) }), weight: 1 },
    { arbitrary: fc.constant({ type: "save" as const }), weight: 2 },
    { arbitrary: fc.constant({ type: "disable" as const }), weight: 1 },
    { arbitrary: fc.record({ type: fc.constant("restart"), fromSnapshot: fc.boolean() }), weight: 2 }
  ),
  { maxLength: 150, size: "max" }
)
type Command = typeof commands extends fc.Arbitrary<Array<infer A>> ? A : never

const run = (world: World, command: Command): void => {
  switch (command.type) {
    case "hold":
      return world.hold(command.fresh, command.due)
    case "acknowledge":
      return world.acknowledge(command.pick, command.twice)
    case "attempt":
      return void world.attempt(command.success, command.slow)
    case "retry":
      return world.retry(command.pick)
    case "stray":
      return world.stray(command.pick)
    case "break":
      world.breakAfter = command.after
      return
    case "save":
      return world.save()
    case "disable":
      return world.disable()
    case "restart":
      return world.restart(command.fromSnapshot)
  }
}

describe("a backlog that is not in memory", () => {
  it("loses nothing and repeats nothing, whatever happens in whatever order", () => {
    fc.assert(
      fc.property(commands, (list) => {
        const world = new World()
        for (const command of list) {
          run(world, command)
          world.check()
        }
        while (world.pending.length > 0) world.acknowledge(0, false)
        world.breakAfter = undefined
        world.spilling.refill(world.endpoint)
        world.check()
        while (world.attempt(true)) world.check()
        expect(world.endpoint.overflow.spill).toBeUndefined()
        expect(Array.from(world.truth.values()).filter(({ state }) => state === "held")).toEqual([])
      }),
      { numRuns: 400 }
    )
    expect(World.spilled).toBeGreaterThan(1_000)
  })
})
