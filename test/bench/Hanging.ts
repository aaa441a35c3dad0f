/**
 * W6: one of 100 endpoints takes requests and never answers. What the 99 others lose by it, in rate (a backlog) and in latency (a steady pace after it,
 * when the history has read it), against the same run in which all are well. Each run has a store of its own: what waits for the one that hangs would be
 * in the way of the next.
 */
import { Effect } from "effect"
import type { Sync } from "./Broker.ts"
import type { BenchFailed } from "./Child.ts"
import { eventsFor, type Paced, paced } from "./Pace.ts"
import { backlog, makePlace, ours, prepare } from "./Place.ts"
import { historyCaughtUp, withProduct } from "./Product.ts"
import { drain, type Drained, median, mostWebhooks, type Stage } from "./Stage.ts"
import { plain } from "./Work.ts"

interface Run {
  readonly drained: Drained
  readonly paced: Paced
}

export interface HangingResult {
  readonly sync: Sync
  readonly pairs: ReadonlyArray<{ readonly without: Run; readonly hanging: Run }>
  /** Medians of the pairs: with the endpoint that hangs ÷ without, of the healthy. */
  readonly throughput: number
  readonly p99: number
}

const perSecond = 1_000
const warmUp = 1
/** Its port. */
const hung = 17

const run = (stage: Stage, sync: Sync, hangs: number | undefined): Effect.Effect<Run, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const { options } = stage
    const place = yield* makePlace(stage, hangs === undefined ? "W6" : "W6-hanging", sync)
    yield* prepare(place, stage, plain(mostWebhooks))
    const round = stage.round(options.events, mostWebhooks)
    yield* backlog(place, stage, round)
    return yield* withProduct(place.site, (product) =>
      Effect.gen(function*() {
        const processes = () => ours(place, product)
        const drained = yield* drain(stage, round, { processes, hangs }, Effect.void)
        yield* historyCaughtUp(product, "2 minutes")
        const steady = stage.round(eventsFor(perSecond, options.stepSeconds + warmUp), mostWebhooks)
        const natsUrl = place.broker.url
        return {
          drained,
          paced: yield* paced(stage, steady, { natsUrl, perSecond, warmUp, processes, hangs })
        }
      }).pipe(Effect.raceFirst(product.ended)))
  }))

export const hanging = (stage: Stage, sync: Sync): Effect.Effect<HangingResult, BenchFailed> =>
  Effect.gen(function*() {
    yield* stage.say(`W6: one of ${mostWebhooks} endpoints hangs, sync ${sync}`)
    const pairs: Array<HangingResult["pairs"][number]> = []
    for (let index = 0; index < stage.options.pairs; index++) {
      const first = index % 2 === 0 ? yield* run(stage, sync, undefined) : undefined
      const hanging = yield* run(stage, sync, hung)
      const without = first ?? (yield* run(stage, sync, undefined))
      pairs.push({ without, hanging })
      yield* stage.say(
        `  ${Math.round(hanging.drained.perSecond)}/s and p99 ${hanging.paced.p99.toFixed(2)} ms, without ${
          Math.round(without.drained.perSecond)
        }/s and ${without.paced.p99.toFixed(2)} ms`
      )
    }
    return {
      sync,
      pairs,
      throughput: median(pairs.map(({ hanging, without }) => hanging.drained.perSecond / without.drained.perSecond)),
      p99: median(pairs.map(({ hanging, without }) => hanging.paced.p99 / without.paced.p99))
    }
  })
