import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { isToken } from "../../model/Id.ts"
import { Quarantine, type QuarantineEntry } from "../Quarantine.ts"
import { HooklineApi } from "./Contract.ts"
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

const pageSize = 100

export const quarantine = HttpApiBuilder.group(
  HooklineApi,
  "quarantine",
  (handlers) =>
    Effect.map(Quarantine, (quarantine) =>
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
            InvalidCursor: () =>
              Effect.fail(
                new Unprocessable({ type: "invalid", field: "cursor", message: "cursor: none that a page gave" })
              )
          })))
        .handle("release", ({ headers, path }) =>
          Effect.flatMap(anyWorkspace(headers), (workspaceId) => quarantine.release(workspaceId, path.id)).pipe(
            Effect.map((id) => ({ id })),
            Effect.catchTags({
              EntryNotFound: () =>
                Effect.fail(
                  new NotFound({ type: "not_found", message: "there is no such entry, or it is no longer kept" })
                ),
              AlreadyReleased: () =>
                Effect.fail(new Conflict({ type: "already_released", message: "the entry was released before" })),
              StillRejected: ({ rejection: { field, message, reason } }) =>
                Effect.fail(new Unprocessable({ type: reason, message, ...(field === undefined ? {} : { field }) })),
              PublishFailed: ({ reason }) =>
                Effect.fail(
                  new Unavailable({
                    type: reason === "full" ? "stream_full" : "broker_unavailable",
                    message: "the event was not acknowledged; releasing it again is safe"
                  })
                ),
              BrokerUnavailable: brokerUnavailable
            })
          )))
)
