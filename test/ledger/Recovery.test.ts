import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Logger, Option } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { ObjectStore } from "../../src/broker/ObjectStore.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { deliveriesStream, deliverySubject, eventSubject, partitionOf, streamNames } from "../../src/broker/Subjects.ts"
import { encode, encodeRetryRequest } from "../../src/ledger/Record.ts"
import { Recovery } from "../../src/ledger/Recovery.ts"
import { type Snapshot, Snapshots } from "../../src/ledger/Snapshots.ts"
import { marksOf, type StreamMarks } from "../../src/ledger/StreamMarks.ts"
import { brokerLayer } from "../support/broker.ts"
import { delivery, hour } from "../support/delivery.ts"

const partition = partitionOf("ws_1", 16)
const layer = Recovery.layer.pipe(Layer.provideMerge(Snapshots.layer), Layer.provideMerge(brokerLayer()))

/** Two events, and the record of a delivery of one; gives what a recovery makes of them. */
const recovered = (eventSequence: number, publishedAgo: number) =>
  Effect.gen(function*() {
    const log = yield* AppendLog
    const streams = yield* Streams
    const publish = log.append({ subject: eventSubject("ws_1", "task.created"), data: `{"data":{}}` })
    yield* publish
    yield* publish
    const { created, lastTime } = yield* streams.state("EVENTS")
    const state = delivery({ eventSequence, publishedAt: lastTime - publishedAgo, state: "succeeded", step: 1 })
    yield* log.append({
      subject: deliverySubject(partition, "ws_1", state.webhookId, "succeeded"),
      data: encode({ kind: "succeeded", at: lastTime, delivery: state }, created)
    })
    return yield* Effect.either((yield* Recovery).recover(partition, 0))
  }).pipe(Effect.provide(layer), Effect.orDie)

describe("a recovery", () => {
  it.scopedLive("is made of records whose events are in EVENTS", () =>
    Effect.gen(function*() {
      const settled = new Map([[2, new Set(["wh_1"])]])
      expect(yield* recovered(2, 0)).toMatchObject({ _tag: "Right", right: { settled } })
    }))

  for (
    const [what, eventSequence, publishedAgo] of [
      ["that is not in EVENTS", 3, 0],
      ["in whose place another one stands, that was published later", 2, hour]
    ] as const
  ) {
    it.scopedLive(`is refused where a record speaks of an event ${what}: EVENTS was put back`, () =>
      Effect.gen(function*() {
        expect(yield* recovered(eventSequence, publishedAgo)).toMatchObject({
          _tag: "Left",
          left: {
            _tag: "PositionMismatch",
            detail: expect.stringMatching(`has a record of event ${eventSequence}, which is not in EVENTS`)
          }
        })
      }))
  }
})

const snapshotOf = (epoch: number, floor: number): Snapshot => ({
  epoch,
  s0: 0,
  floor,
  webhooksSequence: 0,
  live: [],
  spills: [],
  settled: [],
  identities: []
})
const nameOf = (epoch: number) => `p${partition}-${String(epoch).padStart(10, "0")}-${"0".repeat(16)}`

/** Three events; saves a snapshot, and recovers above a position that is behind it. What a test does is given the ends of the streams. */
const recovering = <A>(
  body: (given: {
    readonly marks: StreamMarks
    readonly save: (snapshot: Snapshot, marks: StreamMarks) => Effect.Effect<void, unknown, Snapshots>
    readonly recover: Effect.Effect<{ readonly floor: number; readonly highestEpoch: number }, unknown, Recovery>
    readonly names: Effect.Effect<ReadonlyArray<string>, unknown, ObjectStore>
    readonly said: ReadonlyArray<string>
  }) => Effect.Effect<A, unknown, Snapshots | Recovery | ObjectStore>
) =>
  Effect.gen(function*() {
    const log = yield* AppendLog
    const publish = log.append({ subject: eventSubject("ws_1", "task.created"), data: `{"data":{}}` })
    yield* Effect.repeatN(publish, 2)
    const said: Array<string> = []
    const stream = deliveriesStream(partition, 4)
    return yield* body({
      marks: yield* marksOf(yield* Streams, [streamNames.events, streamNames.webhooks, stream]),
      save: (snapshot, marks) => Effect.flatMap(Snapshots, ({ save }) => save(`p${partition}`, snapshot, marks)),
      recover: Effect.flatMap(Recovery, ({ recover }) => recover(partition, 1)),
      names: Effect.flatMap(ObjectStore, ({ names }) => names),
      said
    }).pipe(
      Effect.provide(
        Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void said.push(String(message))))
      )
    )
  }).pipe(Effect.provide(layer), Effect.orDie)

describe("a snapshot", () => {
  it.scopedLive("that fits the streams is used, also by a position that was put back to before it", () =>
    recovering(({ marks, recover, save }) =>
      Effect.gen(function*() {
        yield* save(snapshotOf(9, 2), marks)
        expect(yield* recover).toMatchObject({ floor: 2, highestEpoch: 9 })
      })
    ))

  for (
    const [what, others, why] of [
      ["ended later than they do", { EVENTS: { seq: 4, time: 1 } }, "EVENTS ends at 3"],
      ["had other messages", { EVENTS: { seq: 3, time: 1 } }, "message 3 of EVENTS is not the one"],
      ["had records that are not there", { "DELIVERIES-3": { seq: 1, time: 1 } }, "DELIVERIES-3 ends at 0"]
    ] as const
  ) {
    it.scopedLive(`of streams that ${what} is removed, with a word; the one before it is used, and later ones are kept`, () =>
      recovering(({ marks, names, recover, said, save }) =>
        Effect.gen(function*() {
          yield* save(snapshotOf(2, 2), marks)
          yield* save(snapshotOf(9, 3), { ...marks, ...others })
          expect(yield* recover).toMatchObject({ floor: 2, highestEpoch: 2 })
          expect(yield* names).toEqual([nameOf(2)])
          expect(said).toEqual([
            expect.stringMatching(new RegExp(`^snapshot ${nameOf(9)} is not used and is removed: ${why}`))
          ])
          yield* save(snapshotOf(3, 3), marks)
          expect(yield* names).toEqual([nameOf(2), nameOf(3)])
          expect(yield* recover).toMatchObject({ floor: 3, highestEpoch: 3 })
        })
      ))
  }

  it.scopedLive("may be of later than a retry that a former owner left unanswered: that is found all the same", () =>
    Effect.gen(function*() {
      const log = yield* AppendLog
      const streams = yield* Streams
      yield* log.append({ subject: eventSubject("ws_1", "task.created"), data: `{"data":{}}` })
      const { brokerTime: at, created } = yield* streams.state("EVENTS")
      const asked = delivery({ eventSequence: 1, publishedAt: at, state: "failed", step: 3 })
      const request = { id: "request_1", at, expiresAt: at + 10_000, seenSequence: 0, delivery: asked }
      const { sequence: s0 } = yield* log.append({
        subject: deliverySubject(partition, "ws_1", asked.webhookId, "retry_requested"),
        data: encodeRetryRequest(request, created)
      })
      const stream = deliveriesStream(partition, 4)
      yield* (yield* Snapshots).save(
        `p${partition}`,
        { ...snapshotOf(2, 1), s0 },
        yield* marksOf(streams, [streamNames.events, streamNames.webhooks, stream])
      )
      const { lastSequence, requests, snapshotSequence } = yield* (yield* Recovery).recover(partition, 1)
      expect({ lastSequence, snapshotSequence }).toEqual({ lastSequence: s0, snapshotSequence: s0 })
      expect(requests).toMatchObject([{ id: "request_1", delivery: { eventSequence: 1, step: 3 } }])
    }).pipe(Effect.provide(layer), Effect.orDie))

  it.scopedLive("whose first line was altered is not used", () =>
    recovering(({ marks, names, recover, save }) =>
      Effect.gen(function*() {
        yield* save(snapshotOf(2, 2), marks)
        const objects = yield* ObjectStore
        const data = Option.getOrThrow(yield* objects.get(nameOf(2)))
        const altered = Buffer.from(data).toString().replace("\"floor\":2", "\"floor\":3")
        yield* objects.put(nameOf(2), Buffer.from(altered))
        expect(yield* recover).toMatchObject({ floor: 1 })
        expect(yield* names).toEqual([])
      })
    ))
})
