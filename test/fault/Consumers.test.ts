/** Acknowledgements are flow control only: whatever becomes of a consumer, the position is hookline's own. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JetStreamManager } from "nats"
import { natsClient } from "../support/publisher.ts"
import { until } from "../support/until.ts"
import { arrived, owedBy, quiet } from "./support/scenario.ts"
import { killBroker } from "./support/signals.ts"
import { inShort, makeStage, short, type Stage } from "./support/Stage.ts"

const events = inShort(3_000, 20_000)
const lanes = 4 * 16

const manager = (stage: Stage) =>
  Effect.flatMap(natsClient(stage.natsUrl()), (client) => Effect.promise(() => client.jetstreamManager()))

/** hookline's own consumers on EVENTS, once they are there: one of each partition, and of what has none. */
const consumers = (jsm: JetStreamManager) =>
  until(
    "the consumers",
    Effect.promise(async () => jsm.consumers.list("EVENTS").next()),
    (found) => found.filter(({ config }) => config.durable_name !== undefined).length >= 17
  )

describe("the consumers of EVENTS", () => {
  it.scopedLive("deleted in the middle: hookline begins anew at its position, nothing is lost", () =>
    Effect.gen(function*() {
      const stage = yield* makeStage()
      const load = yield* stage.publish(events)
      const jsm = yield* manager(stage)
      for (const part of [0.2, 0.5]) {
        yield* arrived(stage, owedBy(events) * part)
        for (const { name } of yield* consumers(jsm)) yield* Effect.promise(() => jsm.consumers.delete("EVENTS", name))
      }
      const { compared: { repeats } } = yield* quiet(stage, load)
      expect(repeats).toBeLessThanOrEqual(2 * lanes)
    }))

  it.scopedLive("put back to the first event: what comes again starts nothing", () =>
    Effect.gen(function*() {
      const stage = yield* makeStage()
      const load = yield* stage.publish(events)
      const jsm = yield* manager(stage)
      yield* arrived(stage, owedBy(events) / 2)
      for (const { config, name } of yield* consumers(jsm)) {
        yield* Effect.promise(async () => {
          await jsm.consumers.delete("EVENTS", name)
          await jsm.consumers.add("EVENTS", { ...config, opt_start_seq: 1 })
        })
      }
      const { compared: { repeats } } = yield* quiet(stage, load)
      expect(repeats).toBeLessThanOrEqual(lanes)
    }))

  it.scopedLive.skipIf(short)(
    "whose acknowledgements a kill -9 of the broker takes back: what comes again starts nothing",
    () =>
      Effect.gen(function*() {
        const stage = yield* makeStage()
        // All at once, so that thousands are acknowledged in the moments that the broker forgets.
        const load = yield* stage.publish(events, { width: 1_000 })
        yield* stage.published(60_000)
        for (const part of [0.3, 0.6, 0.9]) {
          yield* arrived(stage, owedBy(events) * part)
          yield* killBroker(stage.hookline)
        }
        const { compared: { repeats } } = yield* quiet(stage, load)
        expect(repeats).toBeLessThanOrEqual(3 * lanes)
      })
  )
})
