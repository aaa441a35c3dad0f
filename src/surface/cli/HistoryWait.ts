import { Clock, Duration, Effect, Predicate } from "effect"
import { bar, cleared, lookEvery } from "./Progress.ts"
import { Shell } from "./Shell.ts"

/** Messages of the streams: how many the history has read, and how many are left. */
export interface Rebuild {
  readonly read: number
  readonly behind: number
}

/** Nothing was read for so long: it will not be there soon. */
const standstill = Duration.minutes(1)
/** A rebuild reads 30,000 messages a second and more; whoever waits longer than this should look at the server. */
const patience = Duration.hours(1)
/** What `readyz` says is a second old at most: right after a start it may not have heard yet. */
const hearsay = "1200 millis"

/** Such a request was refused before anything was done: it can be made again. */
const isRefused = (error: unknown): boolean =>
  Predicate.hasProperty(error, "type") && error.type === "history_unavailable"

const shown = ({ behind, read }: Rebuild): string =>
  `the history is being rebuilt  ${bar(read / Math.max(1, read + behind))}  ${read} of ${read + behind} messages`

/**
 * A question to the history, asked again when the history is rebuilt. On a terminal somebody is there to wait, and sees how far it is; anywhere else
 * the refusal is the answer, as it is for a history that cannot be asked for another reason. `look` says what is being rebuilt, undefined: nothing.
 */
export const waiting =
  <E2, R2>(look: Effect.Effect<Rebuild | undefined, E2, R2>) =>
  <A, E, R>(question: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R | R2 | Shell> =>
    Effect.gen(function*() {
      const { progress } = yield* Shell
      if (progress === undefined) return yield* question
      const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(patience)

      /** Until nothing is being rebuilt, true, or until it is not worth waiting for. */
      const rebuilt = Effect.gen(function*() {
        let now = yield* look
        if (now === undefined) now = yield* Effect.delay(look, hearsay)
        if (now === undefined) return false
        let read = now.read
        let moved = yield* Clock.currentTimeMillis
        while (now !== undefined) {
          const time = yield* Clock.currentTimeMillis
          if (now.read !== read) moved = time
          if (time > until || time - moved > Duration.toMillis(standstill)) return false
          read = now.read
          yield* progress(shown(now))
          yield* Effect.sleep(lookEvery)
          now = yield* look
        }
        return true
      }).pipe(cleared)

      const asked: Effect.Effect<A, E | E2, R | R2 | Shell> = Effect.catchIf(
        question,
        isRefused,
        (refusal) => Effect.flatMap(rebuilt, (again) => again ? asked : Effect.fail(refusal as E))
      )
      return yield* asked
    })
