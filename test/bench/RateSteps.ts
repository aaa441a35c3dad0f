/**
 * W5: the highest rate that is kept up with. Steps of an open loop, each a quarter faster than the one before, until the 99th percentile of the latency is
 * over the limit; then twice the middle between the last good rate and the first bad one.
 */
import { Effect } from "effect"
import type { Sync } from "./Broker.ts"
import type { BenchFailed } from "./Child.ts"
import { eventsFor, type Paced, paced } from "./Pace.ts"
import { ours, type Place, twoPlaces, withCeiling } from "./Place.ts"
import { withProduct } from "./Product.ts"
import { median, mostWebhooks, type Stage } from "./Stage.ts"

export interface RateResult {
  readonly sync: Sync
  readonly pairs: ReadonlyArray<{ readonly ceiling: ReadonlyArray<Paced>; readonly product: ReadonlyArray<Paced> }>
  /** Medians of the highest rates kept up with, events a second; 0: not even the first. */
  readonly ceiling: number
  readonly product: number
}

/** Milliseconds. */
export const latencyLimit = 50
const firstRate = 1_000
/** The publisher, a process of the same machine, does not get beyond. */
const mostRate = 20_000
const growth = 1.25
const refinements = 2
/** Seconds of each step that do not count. */
const warmUp = 1

const kept = ({ p99 }: Paced): boolean => p99 <= latencyLimit

const highest = (steps: ReadonlyArray<Paced>): number =>
  Math.max(0, ...steps.filter(kept).map(({ perSecond }) => perSecond))

/** What to try after these; undefined: nothing. */
const next = (steps: ReadonlyArray<Paced>): number | undefined => {
  const good = highest(steps)
  const bad = Math.min(...steps.filter((step) => !kept(step)).map(({ perSecond }) => perSecond))
  if (steps.length === 0) return firstRate
  if (bad === Number.POSITIVE_INFINITY) return good * growth <= mostRate ? Math.round(good * growth) : undefined
  const refined = steps.length - 1 - steps.findIndex((step) => !kept(step))
  return good > 0 && refined < refinements ? Math.round((good + bad) / 2) : undefined
}

const climb = (
  step: (perSecond: number) => Effect.Effect<Paced, BenchFailed>,
  steps: ReadonlyArray<Paced> = []
): Effect.Effect<ReadonlyArray<Paced>, BenchFailed> => {
  const rate = next(steps)
  return rate === undefined
    ? Effect.succeed(steps)
    : Effect.flatMap(step(rate), (found) => climb(step, [...steps, found]))
}

const told = (stage: Stage, who: string) => (step: Paced) =>
  stage.say(`  ${who}: ${step.perSecond}/s p50 ${step.p50.toFixed(1)} ms, p99 ${step.p99.toFixed(1)} ms`)

const roundOf = (stage: Stage, perSecond: number) =>
  stage.round(eventsFor(perSecond, stage.options.stepSeconds + warmUp), mostWebhooks)

/** One process climbs all steps, warm: the first of all does not count. */
const product = (stage: Stage, place: Place) =>
  withProduct(place.site, (product) => {
    const step = (perSecond: number) =>
      paced(stage, roundOf(stage, perSecond), {
        natsUrl: place.broker.url,
        perSecond,
        warmUp,
        processes: () => ours(place, product)
      })
    return Effect.zipRight(
      Effect.zipRight(product.ready, step(firstRate)),
      climb((perSecond) => Effect.tap(step(perSecond), told(stage, "hookline")))
    ).pipe(Effect.raceFirst(product.ended))
  })

const ceiling = (stage: Stage, place: Place) =>
  climb((perSecond) =>
    Effect.gen(function*() {
      const round = roundOf(stage, perSecond)
      const from = 1 + (yield* place.counts.lastSequence("EVENTS"))
      return yield* withCeiling(
        place,
        stage,
        { round, from },
        (work, processes) => paced(stage, round, { natsUrl: place.broker.url, perSecond, warmUp, processes, work })
      ).pipe(
        Effect.tap(told(stage, "ceiling"))
      )
    })
  )

export const rateSteps = (stage: Stage, sync: Sync): Effect.Effect<RateResult, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    yield* stage.say(`W5: rates of ${stage.options.stepSeconds} s until p99 > ${latencyLimit} ms, sync ${sync}`)
    const [place, barePlace] = yield* twoPlaces(stage, "W5", sync)
    const pairs: Array<RateResult["pairs"][number]> = []
    for (let index = 0; index < stage.options.pairs; index++) {
      const first = index % 2 === 0 ? yield* ceiling(stage, barePlace) : undefined
      const full = yield* product(stage, place)
      pairs.push({ ceiling: first ?? (yield* ceiling(stage, barePlace)), product: full })
    }
    return {
      sync,
      pairs,
      ceiling: median(pairs.map(({ ceiling }) => highest(ceiling))),
      product: median(pairs.map(({ product }) => highest(product)))
    }
  }))
