import { Effect, Schedule } from "effect"
import { AppendLog } from "../broker/AppendLog.ts"
import { eventSubject, headerNames } from "../broker/Subjects.ts"
import { encodeNotice, type Notice } from "../model/Notice.ts"

/** EVENTS may be full, the broker away: nothing is passed over. */
const again = Schedule.spaced("1 second")

/**
 * Publishes one of hookline's own events, for as long as it takes until it is acknowledged. `source`, printable ASCII, stands in the header that
 * tells it from what a publisher sends: for a person, what it was made of.
 */
export const noticePublisher = Effect.map(AppendLog, (log) => (notice: Notice, source: string): Effect.Effect<void> => {
  const append = log.append({
    subject: eventSubject(notice.workspaceId, notice.type),
    data: encodeNotice(notice),
    messageId: `${notice.workspaceId}/${notice.id}`,
    headers: { [headerNames.notice]: source }
  })
  return append.pipe(
    Effect.catchAll((error) =>
      Effect.logWarning(`${notice.type} ${notice.id} waits: ${error.message}`).pipe(
        Effect.zipRight(Effect.retry(append, again)),
        Effect.orDie
      )
    ),
    Effect.asVoid
  )
})
