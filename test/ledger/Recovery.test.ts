import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { deliverySubject, eventSubject, partitionOf } from "../../src/broker/Subjects.ts"
import { encode } from "../../src/ledger/Record.ts"
import { Recovery } from "../../src/ledger/Recovery.ts"
import { Snapshots } from "../../src/ledger/Snapshots.ts"
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
    return yield* Effect.either((yield* Recovery).recover(partition, 0, 0))
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
