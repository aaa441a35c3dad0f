import { Clock, Effect, Option } from "effect"
import { BrokerUnavailable, Streams } from "../broker/Streams.ts"
import { quarantineSubject, streamNames } from "../broker/Subjects.ts"
import type { EventId, WorkspaceId } from "../model/Id.ts"
import type { RejectionReason } from "../model/Rejection.ts"
import type { PublishFailed } from "./Publisher.ts"
import { entryId, InvalidCursor, Quarantine, sequenceOf } from "./Quarantine.ts"

/** What became of one part. Every entry that was looked at is counted once. */
export interface Released {
  /** The events that were published, in the order of their entries. */
  readonly released: ReadonlyArray<EventId>
  readonly stillRejected: number
  readonly alreadyReleased: number
  /** Where the next part begins; undefined when there is none. */
  readonly next: string | undefined
}

interface Outcome {
  /** Of what was released now. */
  readonly eventId: EventId | undefined
  readonly became: "released" | "still rejected" | "already released" | "gone"
}

/** Entries that are released at the same time; each waits for three answers of the broker. */
const concurrency = 16

/** After so many milliseconds no further entry is begun, so that what was begun ends before a client gives up. */
const enough = 8000

/** The longest a part takes: a request to the API may take 30 s. */
const limit = "20 seconds"

/**
 * Releases a workspace's entries of one reason, the oldest first, at most `limit` of them or as many as 8 s allow. What is still bad stays
 * and what was released before is passed over, so that any part may be asked for again. Fails at the first entry that the broker does not
 * take: those before it are released, and repeating the part counts them as such.
 */
export const bulkRelease = Effect.gen(function*() {
  const streams = yield* Streams
  const quarantine = yield* Quarantine

  const one = (workspaceId: WorkspaceId, id: string) =>
    quarantine.release(workspaceId, id).pipe(
      Effect.map((eventId): Outcome => ({ eventId, became: "released" })),
      Effect.catchTags({
        StillRejected: () => Effect.succeed({ eventId: undefined, became: "still rejected" } as const),
        AlreadyReleased: () => Effect.succeed({ eventId: undefined, became: "already released" } as const),
        // It was dropped between being found and being read.
        EntryNotFound: () => Effect.succeed({ eventId: undefined, became: "gone" } as const)
      })
    )

  return (query: {
    readonly workspaceId: WorkspaceId
    readonly reason: RejectionReason
    readonly limit: number
    readonly cursor?: string | undefined
  }): Effect.Effect<Released, InvalidCursor | PublishFailed | BrokerUnavailable> =>
    Effect.gen(function*() {
      const { cursor, reason, workspaceId } = query
      const after = cursor === undefined ? 0 : sequenceOf(cursor)
      if (after === undefined) return yield* new InvalidCursor()
      const subject = quarantineSubject(workspaceId, reason)
      const began = yield* Clock.currentTimeMillis
      const outcomes: Array<Outcome> = []
      let position = after
      let ended = false
      while (!ended && outcomes.length < query.limit && (yield* Clock.currentTimeMillis) - began < enough) {
        const entries: Array<string> = []
        while (entries.length < Math.min(concurrency, query.limit - outcomes.length)) {
          const found = yield* streams.next(streamNames.quarantine, subject, position + 1)
          ended = Option.isNone(found)
          if (Option.isNone(found)) break
          position = found.value.sequence
          entries.push(entryId(position))
        }
        outcomes.push(...yield* Effect.forEach(entries, (id) => one(workspaceId, id), { concurrency }))
      }
      const more = !ended && Option.isSome(yield* streams.next(streamNames.quarantine, subject, position + 1))
      const counted = (became: Outcome["became"]) => outcomes.filter((outcome) => outcome.became === became).length
      return {
        released: outcomes.flatMap(({ eventId }) => eventId ?? []),
        stillRejected: counted("still rejected"),
        alreadyReleased: counted("already released"),
        next: more ? entryId(position) : undefined
      }
    }).pipe(
      Effect.timeoutFail({
        duration: limit,
        onTimeout: () => new BrokerUnavailable({ operation: "release by reason", detail: `not done within ${limit}` })
      })
    )
})
