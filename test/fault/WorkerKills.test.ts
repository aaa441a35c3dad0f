import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { figure } from "./support/Figure.ts"
import { restLimit } from "./support/Rest.ts"
import { arrived, owedBy, quiet } from "./support/scenario.ts"
import { inShort, makeStage } from "./support/Stage.ts"

const events = inShort(5_000, 100_000)
const kills = inShort(2, 20)
/** Of a webhook's attempts at once: a lane is free only when its record is acknowledged. */
const concurrency = 16

describe("hookline is killed with -9", () => {
  it.scopedLive(
    `${kills} times during ${events} events: nothing is lost, what repeats was in flight, and all comes to rest`,
    () =>
      Effect.gen(function*() {
        const stage = yield* makeStage()
        const load = yield* stage.publish(events)
        const killed: Array<{ readonly at: number; readonly over: number }> = []
        for (let kill = 1; kill <= kills; kill++) {
          yield* arrived(stage, owedBy(events) * kill / (kills + 2))
          const at = yield* Clock.currentTimeMillis
          yield* stage.hookline.kill
          // What was sent by then may be read by the endpoints a little later; the next process sends nothing so soon.
          killed.push({ at, over: (yield* Clock.currentTimeMillis) + 500 })
          yield* stage.hookline.start
        }
        const { compared, restAfter } = yield* quiet(stage, load)
        const name = `${kills} kills of hookline, ${events} events`
        figure(
          `${name}: lost`,
          "0",
          `${compared.lost.length} of ${compared.owed} deliveries`,
          compared.lost.length === 0
        )

        const perKill = killed.map(({ at, over }, index) => ({
          inFlight: compared.flights.filter(({ arrivedAt, recordedAt }) => arrivedAt <= over && recordedAt > at).length,
          repeats: compared.repeatTimes.filter((one) =>
            one.before <= over && one.at > over && one.at <= (killed[index + 1]?.over ?? Number.POSITIVE_INFINITY)
          ).length
        }))
        const attributed = perKill.reduce((sum, { repeats }) =>
          sum + repeats, 0)
        expect(attributed, "every repeat is one of a kill").toBe(compared.repeatTimes.length)
        expect(Math.max(...perKill.map(({ inFlight }) => inFlight))).toBeLessThanOrEqual(4 * concurrency)
        const inFlight = perKill.reduce((sum, one) => sum + one.inFlight, 0)
        figure(
          `${name}: repeats`,
          "≤ attempts in flight at each kill",
          `${attributed} in all, of ${inFlight} in flight`,
          perKill.every((one) => one.repeats <= one.inFlight)
        )
        expect(compared.repeats - attributed, "of the flaky endpoint").toBeLessThanOrEqual(kills * 4 * concurrency)
        figure(
          `${name}: at rest after the last arrived`,
          `≤ ${restLimit / 1000} s`,
          `${restAfter.toFixed(1)} s`,
          restAfter * 1000 <= restLimit
        )
      })
  )
})
