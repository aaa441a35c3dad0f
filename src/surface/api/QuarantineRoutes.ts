import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { isToken } from "../../model/Id.ts"
import { bulkRelease } from "../BulkRelease.ts"
import { type PublishFailed } from "../Publisher.ts"
import { Quarantine, type QuarantineEntry } from "../Quarantine.ts"
import { jsonBody } from "./Body.ts"
import { HooklineApi } from "./Contract.ts"
import { ReleaseByReason } from "./contract/Quarantine.ts"
import { Conflict, NotFound, Unavailable, Unprocessable } from "./Errors.ts"
import { brokerUnavailable } from "./Refusals.ts"
import { iso } from "./Times.ts"
import { anyWorkspace } from "./Workspace.ts"

const view = (entry: QuarantineEntry) => ({
  id: entry.id,
  reason: entry.reason,
  message: entry.message,
  subject: entry.subject,
  event_id: entry.eventId ?? null,
  published_at: iso(entry.publishedAt),
  quarantined_at: iso(entry.quarantinedAt),
  size: entry.size,
  encoding: entry.encoding,
  raw: entry.raw,
  released: entry.released
})

/** Entries of a page, or of a part of a bulk release, when the request does not say. */
const pageSize = 100

const entryNotFound = () =>
  Effect.fail(new NotFound({ type: "not_found", message: "there is no such entry, or it is no longer kept" }))

const invalidCursor = () =>
  Effect.fail(new Unprocessable({ type: "invalid", field: "cursor", message: "cursor: none that a page gave" }))

const notAcknowledged = ({ reason }: PublishFailed) =>
  Effect.fail(
    new Unavailable({
      type: reason === "full" ? "stream_full" : "broker_unavailable",
      message: "an event was not acknowledged; releasing again is safe"
    })
  )

const decodeRelease = jsonBody(ReleaseByReason)

export const quarantine = HttpApiBuilder.group(
  HooklineApi,
  "quarantine",
  (handlers) =>
    Effect.map(Effect.all([Quarantine, bulkRelease]), ([quarantine, releaseByReason]) =>
      handlers
        .handle("list", ({ headers, urlParams: { cursor, limit, reason } }) =>
          Effect.gen(function*() {
            if (reason !== undefined && !isToken(reason)) {
              return yield* new Unprocessable({ type: "invalid", field: "reason", message: "reason: is no reason" })
            }
            const { entries, next } = yield* quarantine.list({
              workspaceId: yield* anyWorkspace(headers),
              reason,
              limit: limit ?? pageSize,
              cursor
            })
            return { data: entries.map(view), next: next ?? null }
          }).pipe(Effect.catchTags({
            BrokerUnavailable: brokerUnavailable,
            InvalidCursor: invalidCursor
          })))
        .handle("show", ({ headers, path }) =>
          Effect.flatMap(anyWorkspace(headers), (workspaceId) => quarantine.show(workspaceId, path.id)).pipe(
            Effect.map(view),
            Effect.catchTags({ EntryNotFound: entryNotFound, BrokerUnavailable: brokerUnavailable })
          ))
        .handleRaw("releaseByReason", ({ headers, request }) =>
          Effect.gen(function*() {
            const { cursor, limit, reason } = yield* decodeRelease(request)
            const { alreadyReleased, next, released, stillRejected } = yield* releaseByReason({
              workspaceId: yield* anyWorkspace(headers),
              reason,
              limit: limit ?? pageSize,
              cursor
            })
            return {
              released,
              still_rejected: stillRejected,
              already_released: alreadyReleased,
              next: next ?? null
            }
          }).pipe(Effect.catchTags({
            BrokerUnavailable: brokerUnavailable,
            PublishFailed: notAcknowledged,
            InvalidCursor: invalidCursor
          })))
        .handle("release", ({ headers, path }) =>
          Effect.flatMap(anyWorkspace(headers), (workspaceId) =>
            quarantine.release(workspaceId, path.id)).pipe(
              Effect.map((id) => ({ id })),
              Effect.catchTags({
                EntryNotFound: entryNotFound,
                AlreadyReleased: () =>
                  Effect.fail(new Conflict({ type: "already_released", message: "the entry was released before" })),
                StillRejected: ({ rejection: { field, message, reason } }) =>
                  Effect.fail(new Unprocessable({ type: reason, message, ...(field === undefined ? {} : { field }) })),
                PublishFailed: notAcknowledged,
                BrokerUnavailable: brokerUnavailable
              })
            )))
)
