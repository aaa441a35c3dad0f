import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { eventSubject } from "../../src/broker/Subjects.ts"
import { Positions } from "../../src/ledger/Positions.ts"
import { marksOf, type StreamMarks } from "../../src/ledger/StreamMarks.ts"
import { brokerLayer } from "../support/broker.ts"

const publishAll = (count: number) =>
  Effect.flatMap(AppendLog, (log) =>
    Effect.forEach(
      Array.from({ length: count }, (_, index) => index),
      (index) => log.append({ subject: eventSubject("ws_1", "task.created"), data: `{"id":"evt_${index}"}` }),
      { discard: true }
    ))

const test = (name: string, body: Effect.Effect<void, unknown, Positions | Streams | AppendLog | KeyValue>) =>
  it.scopedLive(name, () => body.pipe(Effect.provide(Layer.provideMerge(Positions.layer, brokerLayer())), Effect.orDie))

/** Claims, writes a floor of 2 with marks, and claims again. */
const claimedAgain = (marks: (streams: StreamMarks) => StreamMarks) =>
  Effect.gen(function*() {
    const positions = yield* Positions
    yield* publishAll(3)
    const { write } = yield* positions.claim("p1", 0)
    const now = yield* marksOf(yield* Streams, ["EVENTS", "WEBHOOKS", "DELIVERIES-1"])
    yield* write({ floor: 2, webhooksSequence: 0, marks: marks(now) })
    return yield* Effect.either(positions.claim("p1", 0))
  })

const refusal = (stream: string, why: string) => ({
  _tag: "Left",
  left: expect.objectContaining({
    _tag: "PositionMismatch",
    message: expect.stringMatching(new RegExp(`POSITIONS p1 does not fit the streams: .*${stream}.*${why}`))
  })
})

describe("a position", () => {
  test(
    "is claimed where every stream has what it had when it was written",
    Effect.gen(function*() {
      const again = yield* claimedAgain((now) => now)
      expect(again).toMatchObject({ _tag: "Right", right: { position: { epoch: 2, floor: 2 } } })
      yield* publishAll(5)
      expect(yield* Effect.either((yield* Positions).claim("p1", 7))).toMatchObject({
        _tag: "Right",
        right: { position: { epoch: 8 } }
      })
    })
  )

  for (const stream of ["EVENTS", "WEBHOOKS", "DELIVERIES-1"]) {
    test(
      `is refused where ${stream} ends before it`,
      Effect.gen(function*() {
        const again = yield* claimedAgain((now) => ({ ...now, [stream]: { seq: 4, time: 1 } }))
        expect(again).toMatchObject(refusal(stream, "had 4 messages"))
      })
    )
  }

  test(
    "is refused where another message stands in the place of the last one: a stream that was put back and has grown since",
    Effect.gen(function*() {
      const again = yield* claimedAgain((now) => ({ ...now, EVENTS: { seq: 3, time: (now["EVENTS"]?.time ?? 0) - 1 } }))
      expect(again).toMatchObject(refusal("message 3 of EVENTS", "not the one"))
    })
  )

  test(
    "that a former owner moves once more while it is claimed fits, and is claimed as it is then",
    Effect.gen(function*() {
      const { write } = yield* (yield* Positions).claim("p1", 0)
      const streams = yield* Streams
      const moved = yield* Effect.once(
        Effect.zipRight(publishAll(1), write({ floor: 1, webhooksSequence: 0, marks: {} }))
      )
      const log = yield* AppendLog
      const meanwhile = Layer.succeed(Streams, {
        ...streams,
        state: (name) =>
          Effect.tap(streams.state(name), () => Effect.orDie(Effect.provideService(moved, AppendLog, log)))
      })
      const claim = Effect.flatMap(Positions, (positions) => positions.claim("p1", 0))
      const { position } = yield* Effect.provide(claim, Layer.provide(Layer.fresh(Positions.layer), meanwhile))
      expect(position).toMatchObject({ epoch: 2, floor: 1 })
    })
  )

  test(
    "that was written before there were marks is claimed",
    Effect.gen(function*() {
      yield* publishAll(3)
      const { created } = yield* (yield* Streams).state("EVENTS")
      const stored = { v: 1, epoch: 4, floor: 2, webhooks_seq: 0, events_created: created }
      yield* (yield* KeyValue).write("POSITIONS", "p1", JSON.stringify(stored), 0)
      const { position } = yield* (yield* Positions).claim("p1", 0)
      expect(position).toMatchObject({ epoch: 5, floor: 2 })
    })
  )
})
