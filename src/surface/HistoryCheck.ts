import { Effect, Layer } from "effect"
import { History } from "../ledger/History.ts"
import { Readiness } from "./Readiness.ts"

/** Before the history has said anything it may be about to be rebuilt. */
const notThere = ["starting", "rebuilding"]

/** Says in `readyz` how far behind the history is. One that is behind, or gone, keeps nothing from being published or delivered. */
export const layer = Layer.scopedDiscard(Effect.gen(function*() {
  const history = yield* History
  const readiness = yield* Readiness
  yield* readiness.add(
    "history",
    Effect.sync(() => {
      const { behind, problem, read, state, unreadable } = history.status()
      const passedOver = unreadable === 0 ? "" : `; ${unreadable} messages could not be read, the last: ${problem}`
      return {
        ok: true,
        detail: `${state}, ${behind} messages behind${passedOver}`,
        ...(notThere.includes(state) ? { progress: { read, behind } } : {})
      }
    })
  )
}))
