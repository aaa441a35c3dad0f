import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { figure } from "./support/Figure.ts"
import { arrived, owedBy, quiet } from "./support/scenario.ts"
import { killBroker } from "./support/signals.ts"
import { inShort, makeStage } from "./support/Stage.ts"

const events = inShort(6_000, 50_000)
const kills = inShort(3, 10)
const lanes = 4 * 16

describe("the broker is killed with -9", () => {
  it.scopedLive(
    `${kills} times during ${events} events: nothing that it acknowledged is lost`,
    () =>
      Effect.gen(function*() {
        const stage = yield* makeStage()
        const load = yield* stage.publish(events)
        for (let kill = 1; kill <= kills; kill++) {
          yield* arrived(stage, owedBy(events) * kill / (kills + 2))
          yield* killBroker(stage.hookline)
        }
        const { compared: { lost, owed, repeats } } = yield* quiet(stage, load)
        figure(
          `${kills} kills of the broker, ${events} events: acknowledged and lost`,
          "0",
          `${lost.length} of ${owed} deliveries`,
          lost.length === 0
        )
        // A record whose acknowledgement was lost is appended again, its request is not made again; a lease that ran out is another matter.
        expect(repeats).toBeLessThanOrEqual(kills * lanes)
      })
  )
})
