/** What stands still, or is away, for longer than leases and acknowledgements wait. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestBroker } from "../support/broker.ts"
import { externalProduct } from "../support/external.ts"
import { never, until } from "../support/until.ts"
import { readyz } from "../support/until.ts"
import { arrived, owedBy, quiet } from "./support/scenario.ts"
import { brokerPid, frozen } from "./support/signals.ts"
import { env, inShort, makeStage, short } from "./support/Stage.ts"

const events = inShort(4_000, 20_000)
/** Longer than a lease (6 s) and a client's patience (20 s); long enough to be noticed in the short form. */
const freeze = inShort(8_000, 40_000)
const outage = 120_000
const lanes = 4 * 16

/** A condition cannot tell that a process stands still for long enough: only time can. */
const standingStill = never("", () => false, freeze)

const third = owedBy(events) / 3

describe(`a process stands still for ${freeze / 1000} s`, () => {
  it.scopedLive("hookline: nothing is lost, what was in flight may repeat", () =>
    Effect.gen(function*() {
      const stage = yield* makeStage()
      const load = yield* stage.publish(events)
      yield* arrived(stage, third)
      yield* frozen(stage.hookline.pid(), standingStill)
      const { compared: { repeats } } = yield* quiet(stage, load)
      expect(repeats).toBeLessThanOrEqual(lanes)
    }))

  it.scopedLive("the broker: nothing is lost, what was in flight may repeat", () =>
    Effect.gen(function*() {
      const stage = yield* makeStage()
      const load = yield* stage.publish(events)
      yield* arrived(stage, third)
      yield* frozen(brokerPid(stage.hookline), standingStill)
      const { compared: { repeats } } = yield* quiet(stage, load)
      expect(repeats).toBeLessThanOrEqual(lanes)
    }))
})

describe("the broker is away", () => {
  // Of the short form's tests, test/integration/Outage.test.ts is the same.
  it.scopedLive.skipIf(short)(
    `for ${outage / 1000} s: nothing is lost, and hookline goes on by itself`,
    () =>
      Effect.gen(function*() {
        const broker = yield* TestBroker
        const stage = yield* makeStage({ hookline: externalProduct(env), natsUrl: broker.url })
        const load = yield* stage.publish(events)
        yield* arrived(stage, third)
        yield* broker.kill
        yield* never("", () => false, outage)
        yield* broker.restart
        const { compared: { repeats } } = yield* quiet(stage, load)
        expect(repeats).toBeLessThanOrEqual(lanes)
      }).pipe(Effect.provide(TestBroker.layer()))
  )
})

describe("a worker that is frozen past its lease", () => {
  // And Standby.test.ts there.
  it.scopedLive.skipIf(short)(
    "while a second takes over, and then wakes: nothing is lost, each repeats what it had in flight at most",
    () =>
      Effect.gen(function*() {
        const broker = yield* TestBroker
        const first = yield* externalProduct(env)
        const second = yield* externalProduct(env)
        // The second is asked: the first is asleep for a while.
        const stage = yield* makeStage({ hookline: Effect.succeed(second), natsUrl: broker.url })
        const load = yield* stage.publish(events)
        for (let wake = 1; wake <= 3; wake++) {
          const owner = wake % 2 === 1 ? first : second
          yield* arrived(stage, owedBy(events) * wake / 5)
          const other = owner === first ? second : first
          yield* frozen(
            owner.pid(),
            until(
              "the other to run",
              readyz(other),
              ({ body }) => JSON.stringify(body).includes("\"running\""),
              30_000
            )
          )
          yield* until(
            "the first to stand by",
            readyz(owner),
            ({ body }) => JSON.stringify(body).includes("standing by")
          )
        }
        yield* arrived(stage, owedBy(events))
        const working = (yield* readyz(first)).body
        const { compared: { repeats } } = yield* quiet(
          JSON.stringify(working).includes("\"running\"") ? { ...stage, hookline: first } : stage,
          load
        )
        expect(repeats).toBeLessThanOrEqual(2 * 3 * lanes)
      }).pipe(Effect.provide(TestBroker.layer()))
  )
})
