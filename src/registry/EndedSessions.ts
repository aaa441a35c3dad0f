import { Context, Effect, Layer } from "effect"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { KeyValue } from "../broker/KeyValue.ts"
import { type BrokerUnavailable, Streams } from "../broker/Streams.ts"
import { bucketFilter, bucketKey, bucketStream, key } from "../broker/Subjects.ts"
import { sessionsKept } from "../broker/Topology.ts"

/** Ids that are held; of more, those ended longest ago are forgotten, and only their cookies' expiry ends them. About 100 bytes each. */
const most = 100_000

/**
 * Dashboard sessions that were signed out of before they expired, in the bucket SESSIONS until every copy of their cookie has expired. The
 * sessions themselves are nowhere but in their cookies. Signing out is effective at once in this process, and in the others as soon as the
 * bucket's message reaches them.
 */
export class EndedSessions extends Context.Tag("hookline/registry/EndedSessions")<EndedSessions, {
  readonly has: (id: string) => boolean
  /** Ending an ended session changes nothing. `BrokerUnavailable`: it may have ended in other processes all the same. */
  readonly end: (id: string) => Effect.Effect<void, BrokerUnavailable>
}>() {
  static readonly layer = Layer.scoped(EndedSessions, Effect.suspend(() => make))
}

const stream = bucketStream("SESSIONS")
const filter = bucketFilter("SESSIONS", "ended")

const make = Effect.gen(function*() {
  const keyValue = yield* KeyValue
  const streams = yield* Streams
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

  const onMessage = (message: { readonly subject: string; readonly time: number }) =>
    note(bucketKey("SESSIONS", message.subject).slice("ended.".length), message.time)

  const { lastSequence } = yield* streams.state(stream)
  yield* streams.scan({ stream, filter, from: 1, to: lastSequence, onMessage })
  yield* streams.follow({ stream, filter, from: lastSequence + 1, onMessage })

  return EndedSessions.of({
    has: (id) => ended.has(id),
    end: (id) =>
      keyValue.write("SESSIONS", key("ended", id), "{\"v\":1}", 0).pipe(
        Effect.catchTag("RevisionConflict", () => Effect.void),
        // Not before: an end that is nowhere but here would be forgotten, and nobody would try again.
        Effect.andThen(Effect.sync(() => note(id, clock.now())))
      )
  })
})
