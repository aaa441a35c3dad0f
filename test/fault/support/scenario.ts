import { Effect } from "effect"
import { expect } from "vitest"
import { until } from "../../support/until.ts"
import { agreed, compare, type Compared, disagreement } from "./Comparison.ts"
import type { Load } from "./Generator.ts"
import { atRest } from "./Rest.ts"
import { distinct, type Stage } from "./Stage.ts"

/** Deliveries that a load owes on a stage with the usual webhooks: one an event, and one more for each fifth. */
export const owedBy = (events: number): number => events + Math.floor(events / 5)

/** The quiet after the faults: everything is acknowledged and arrives, all comes to rest within a minute, and the three parties agree. */
export const quiet = (stage: Stage, ...loads: ReadonlyArray<Load>): Effect.Effect<{
  readonly compared: Compared
  /** Seconds from when the last delivery had arrived. */
  readonly restAfter: number
}> =>
  Effect.gen(function*() {
    yield* stage.published(120_000)
    const owed = loads.reduce((sum, { count }) => sum + owedBy(count), 0)
    yield* until("everything to arrive", distinct(stage), (came) => came >= owed, 120_000)
    const restAfter = yield* atRest(stage)
    const compared = yield* compare(stage, ...loads)
    expect(compared.owed).toBe(owed)
    expect(disagreement(compared)).toEqual(agreed)
    return { compared, restAfter }
  })

/** Waits until so many deliveries have arrived. */
export const arrived = (stage: Stage, count: number): Effect.Effect<unknown> =>
  until(`${count} deliveries`, distinct(stage), (came) => came >= count, 60_000)
