import { Context, Data, Effect, Layer, Schedule } from "effect"
import { type Append, AppendLog } from "../broker/AppendLog.ts"
import { eventSubject } from "../broker/Subjects.ts"
import type { EventId, WorkspaceId } from "../model/Id.ts"
import { type TraceContext, traceHeaders } from "../model/TraceContext.ts"
import * as Telemetry from "../Telemetry.ts"

/** An event that was found in order (`parseEvent`), as it goes to EVENTS. */
export interface Publication {
  readonly workspaceId: WorkspaceId
  readonly type: string
  readonly id: EventId
  /** The id was made for this publication: nobody else can have used it. */
  readonly idIsFresh: boolean
  /** The body as it came, byte for byte. */
  readonly payload: Uint8Array
  /** Goes with the event to its attempts. */
  readonly trace?: TraceContext | undefined
}

export interface PublishedEvent {
  readonly id: EventId
  /** The broker knew the id already (its window is two minutes; the worker's identities reach further). */
  readonly duplicate: boolean
}

/**
 * The stream did not acknowledge. `stored` says whether it may hold the event all the same; repeating with the same id is safe either way.
 */
export class PublishFailed extends Data.TaggedError("PublishFailed")<{
  readonly reason: "full" | "too_large" | "unavailable"
  readonly stored: "no" | "unknown"
  readonly detail: string
}> {
  override get message(): string {
    return `the event was not acknowledged (${this.reason}): ${this.detail}`
  }
}

/** How many events of a batch are in flight at once. */
const concurrency = 64

/** `unacknowledged` (5 s) is tried once more under the same message id, so that it is stored once. */
const again = Schedule.intersect(Schedule.spaced("250 millis"), Schedule.recurs(1))

/** `Nats-Msg-Id` of an event (CONTRACT 4): the broker compares it across workspaces, hence the prefix. */
const messageId = (workspaceId: WorkspaceId, id: string): string => `${workspaceId}/${id}`

/** Publishing to EVENTS with an awaited acknowledgement. */
export class Publisher extends Context.Tag("hookline/surface/Publisher")<Publisher, {
  readonly publish: (publication: Publication) => Effect.Effect<PublishedEvent, PublishFailed>
  /**
   * All of them, results in order. After the first failure that is the broker's, those not yet sent fail at once: a request does not wait
   * for a limit a thousand times.
   */
  readonly publishAll: (
    publications: ReadonlyArray<Publication>
  ) => Effect.Effect<ReadonlyArray<PublishedEvent | PublishFailed>>
  /** Publishes what was in quarantine, under a token that names the entry and with headers that carry the id and time it had. */
  readonly republish: (
    publication: Publication,
    entry: string,
    headers: Readonly<Record<string, string>>
  ) => Effect.Effect<PublishedEvent, PublishFailed>
}>() {
  static readonly layer = Layer.effect(
    Publisher,
    Effect.map(AppendLog, (log) => {
      const send = (publication: Publication, append: Omit<Append, "subject" | "data">) =>
        log.append({
          ...append,
          headers: { ...append.headers, ...traceHeaders(publication.trace) },
          subject: eventSubject(publication.workspaceId, publication.type),
          data: publication.payload
        }).pipe(
          Effect.retry({ schedule: again, while: (error) => error.reason === "unacknowledged" }),
          Effect.mapBoth({
            onSuccess: ({ duplicate }) => ({
              id: publication.id,
              // A fresh id can only have been stored by our own first try, whose answer was lost.
              duplicate: duplicate && !publication.idIsFresh
            }),
            onFailure: (error) =>
              new PublishFailed({
                reason: error.reason === "full" || error.reason === "too_large" ? error.reason : "unavailable",
                stored: error.reason === "unacknowledged" ? "unknown" : "no",
                detail: error.detail
              })
          })
        )
      const publish = (publication: Publication) =>
        send(publication, { messageId: messageId(publication.workspaceId, publication.id) }).pipe(
          Effect.tapBoth({
            onSuccess: ({ duplicate }) =>
              Effect.sync(() => Telemetry.httpEvents.add(duplicate ? "duplicate" : "stored")),
            onFailure: () => Effect.sync(() => Telemetry.httpEvents.add("failed"))
          })
        )
      return {
        publish,
        publishAll: (publications) =>
          Effect.suspend(() => {
            let broken: PublishFailed | undefined
            return Effect.forEach(publications, (publication) =>
              Effect.suspend(() => {
                if (broken !== undefined) {
                  Telemetry.httpEvents.add("failed")
                  return Effect.succeed(broken)
                }
                return Effect.match(publish(publication), {
                  onSuccess: (published): PublishedEvent | PublishFailed => published,
                  onFailure: (failed) => {
                    if (failed.reason !== "too_large") {
                      broken ??= new PublishFailed({ reason: failed.reason, stored: "no", detail: failed.detail })
                    }
                    return failed
                  }
                })
              }), { concurrency })
          }),
        // Not the event's own message id: within two minutes the broker would take it for the very message that went to quarantine.
        republish: (publication, entry, headers) =>
          send(publication, { messageId: messageId(publication.workspaceId, entry), headers })
      }
    })
  )
}
