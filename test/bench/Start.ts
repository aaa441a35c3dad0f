/** How long hookline takes from the start of its process to being ready, with nothing in its store: the first time, and again on the same store. */
import { Effect } from "effect"
import type { BenchFailed } from "./Child.ts"
import { type Site, withProduct } from "./Product.ts"
import { median, type Stage } from "./Stage.ts"

/** Seconds to `readyz` 200 with a running worker; the embedded broker's own start is in it. */
export interface StartResult {
  /** On an empty directory: keys, streams and buckets are made. */
  readonly first: ReadonlyArray<number>
  readonly again: ReadonlyArray<number>
  readonly medianFirst: number
  readonly medianAgain: number
}

const starts = 5

export const start = (stage: Stage): Effect.Effect<StartResult, BenchFailed> =>
  Effect.gen(function*() {
    yield* stage.say("start to ready, empty")
    const first: Array<number> = []
    const again: Array<number> = []
    for (let index = 0; index < starts; index++) {
      const site: Site = {
        main: stage.options.main,
        directory: stage.room("start"),
        settings: {},
        profiles: undefined
      }
      first.push(yield* withProduct(site, ({ ready }) => ready))
      again.push(yield* withProduct(site, ({ ready }) => ready))
    }
    const result = { first, again, medianFirst: median(first), medianAgain: median(again) }
    yield* stage.say(`  ${result.medianFirst.toFixed(2)} s the first time, ${result.medianAgain.toFixed(2)} s again`)
    return result
  })
