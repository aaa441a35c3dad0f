/** W4: what one event waits for, at a pace that keeps nobody busy. The ceiling and hookline in turns, each on an empty backlog. */
import { Effect } from "effect"
import type { Sync } from "./Broker.ts"
import type { BenchFailed } from "./Child.ts"
import { eventsFor, type Paced, paced } from "./Pace.ts"
import { ours, type Place, twoPlaces, withCeiling } from "./Place.ts"
import { withProduct } from "./Product.ts"
import { median, mostWebhooks, type Stage } from "./Stage.ts"

export interface LatencyResult {
  readonly sync: Sync
  readonly perSecond: number
  readonly pairs: ReadonlyArray<{ readonly ceiling: Paced; readonly product: Paced }>
  /** Medians of the pairs, milliseconds. */
  readonly p50: number
  readonly p99: number
}

const perSecond = 100
const warmUp = 5

const ceiling = (stage: Stage, place: Place) =>
  Effect.gen(function*() {
    const round = stage.round(eventsFor(perSecond, stage.options.seconds + warmUp), mostWebhooks)
    const from = 1 + (yield* place.counts.lastSequence("EVENTS"))
    const natsUrl = place.broker.url
    return yield* withCeiling(
      place,
      stage,
      { round, from },
      (work, processes) => paced(stage, round, { natsUrl, perSecond, warmUp, processes, work })
    )
  })

const product = (stage: Stage, place: Place) =>
  withProduct(place.site, (product) =>
    Effect.gen(function*() {
      const round = stage.round(eventsFor(perSecond, stage.options.seconds + warmUp), mostWebhooks)
      yield* product.ready
      const natsUrl = place.broker.url
      return yield* paced(stage, round, { natsUrl, perSecond, warmUp, processes: () => ours(place, product) })
    }))

export const latency = (stage: Stage, sync: Sync): Effect.Effect<LatencyResult, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    yield* stage.say(`W4: ${perSecond} events/s for ${stage.options.seconds} s, sync ${sync}`)
    const [place, barePlace] = yield* twoPlaces(stage, "W4", sync)
    const pairs: Array<LatencyResult["pairs"][number]> = []
    for (let index = 0; index < stage.options.pairs; index++) {
      const first: Paced | undefined = index % 2 === 0 ? yield* ceiling(stage, barePlace) : undefined
      const full: Paced = yield* product(stage, place)
      const bare: Paced = first ?? (yield* ceiling(stage, barePlace))
      pairs.push({ ceiling: bare, product: full })
      yield* stage.say(
        `  p50 ${full.p50.toFixed(2)} ms, p99 ${full.p99.toFixed(2)} ms; ceiling ${bare.p50.toFixed(2)} and ${
          bare.p99.toFixed(2)
        } ms`
      )
    }
    return {
      sync,
      perSecond,
      pairs,
      p50: median(pairs.map(({ product }) => product.p50)),
      p99: median(pairs.map(({ product }) => product.p99))
    }
  }))
