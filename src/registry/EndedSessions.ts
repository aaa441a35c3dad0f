import { Context, Effect, Layer } from "effect"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { KeyValue } from "../broker/KeyValue.ts"
import type { BrokerUnavailable } from "../broker/Streams.ts"
import { bucketKey, key } from "../broker/Subjects.ts"
import { sessionsKept } from "../broker/Topology.ts"
import { confirmedReading } from "./ConfirmedReading.ts"

/** Ids that are held; of more, those ended longest ago are forgotten, and only their cookies' expiry ends them. About 100 bytes each. */
const most = 100_000

/**
 * Dashboard sessions that were signed out of before they expired, in the bucket SESSIONS until every copy of their cookie has expired. The
 * sessions themselves are nowhere but in their cookies. Signing out is effective at once in this process, in the others as soon as the bucket's
 * message reaches them, and after 5 s at the latest even where the broker cannot be reached, because nothing is `confirmed` there any more.
 */
export class EndedSessions extends Context.Tag("hookline/registry/EndedSessions")<EndedSessions, {
  readonly has: (id: string) => boolean
  /** Whether it can be relied on now that what `has` denies has not ended. */
  readonly confirmed: () => boolean
  /** Ending an ended session changes nothing. `BrokerUnavailable`: it may have ended in other processes all the same. */
  readonly end: (id: string) => Effect.Effect<void, BrokerUnavailable>
}>() {
  static readonly layer = Layer.scoped(EndedSessions, Effect.suspend(() => make))
}

const make = Effect.gen(function*() {
  const keyValue = yield* KeyValue
  const clock = yield* BrokerClock

  /** When each ended, broker milliseconds, the longest ago first. */
  const ended = new Map<string, number>()

  const note = (id: string, at: number): void => {
    ended.delete(id)
    ended.set(id, at)
    for (const [oldest, endedAt] of ended) {
      if (ended.size <= most && clock.now() - endedAt < sessionsKept) break
      ended.delete(oldest)
    }
  }

  // What ended stays so when the bucket is made anew: it is remembered here for as long as its cookie may be shown.
  const confirmed = yield* confirmedReading({
    bucket: "SESSIONS",
    first: "ended",
    fold: ({ subject, time }) => note(bucketKey("SESSIONS", subject).slice("ended.".length), time)
  })

  return EndedSessions.of({
    has: (id) => ended.has(id),
    confirmed,
    end: (id) =>
      keyValue.write("SESSIONS", key("ended", id), "{\"v\":1}", 0).pipe(
        Effect.catchTag("RevisionConflict", () => Effect.void),
        // Not before: an end that is nowhere but here would be forgotten, and nobody would try again.
        Effect.andThen(Effect.sync(() => note(id, clock.now())))
      )
  })
})
