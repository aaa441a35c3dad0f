import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Option } from "effect"
import { EventBodies } from "../../ledger/EventBodies.ts"
import { History } from "../../ledger/History.ts"
import { Records } from "../../ledger/Records.ts"
import { Retries, type RetryRefused } from "../../ledger/Retries.ts"
import { Subscriptions } from "../../registry/Subscriptions.ts"
import { HooklineApi } from "./Contract.ts"
import { attemptView, deliveryView, pageSize } from "./DeliveryViews.ts"
import { Conflict, NotFound, Unavailable } from "./Errors.ts"
import { readable, webhookNotFound } from "./Refusals.ts"
import { iso } from "./Times.ts"
import { watching } from "./Watching.ts"
import { ownWorkspace } from "./Workspace.ts"

const deliveryNotFound = new NotFound({ type: "delivery_not_found", message: "there is no such delivery" })

const noWorker = new Unavailable({
  type: "no_worker",
  message: "no worker answered; the request is void, look at the delivery before you ask again"
})

const refusals: Readonly<Record<RetryRefused["reason"], string>> = {
  already_running: "an attempt of the delivery is under way",
  overtaken: "something else happened to the delivery meanwhile; look at it and ask again",
  webhook_disabled: "the webhook is disabled; enable it first",
  webhook_deleted: "the webhook is deleted",
  event_expired: "the event has left the stream, or is about to: there is nothing left to send"
}

export const deliveries = HttpApiBuilder.group(HooklineApi, "deliveries", (handlers) =>
  Effect.gen(function*() {
    const history = yield* History
    const records = yield* Records
    const retries = yield* Retries
    const bodies = yield* EventBodies
    const subscriptions = yield* Subscriptions
    const watch = yield* watching
    return handlers
      .handle("list", ({ headers, urlParams }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const webhookId = urlParams.webhook_id
          // Of a deleted webhook too: the history stays (CONTRACT 7).
          if (webhookId !== undefined && subscriptions.get(webhookId)?.workspaceId !== workspaceId) {
            return yield* webhookNotFound
          }
          const { data, next } = yield* history.ask("deliveries", {
            workspaceId,
            webhookId,
            status: urlParams.status,
            eventType: urlParams.event_type,
            eventId: urlParams.event_id,
            from: urlParams.from,
            to: urlParams.to,
            limit: urlParams.limit ?? pageSize,
            cursor: urlParams.cursor
          })
          return { data: data.map(deliveryView), next: next ?? null, behind: history.status().behind }
        }).pipe(readable))
      .handleRaw("stream", ({ headers, request, urlParams }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const webhookId = urlParams.webhook_id
          if (webhookId !== undefined && subscriptions.get(webhookId)?.workspaceId !== workspaceId) {
            return yield* webhookNotFound
          }
          return yield* watch(request, { workspaceId, webhookId, after: headers["last-event-id"] })
        }))
      .handle("show", ({ headers, path }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const found = yield* history.ask("delivery", { workspaceId, id: path.id })
          if (found === undefined) return yield* deliveryNotFound
          const { delivery } = found.delivery
          const attempts = yield* records.at(workspaceId, found.attempts)
          const event = yield* bodies.find(delivery)
          return {
            ...deliveryView(found.delivery),
            attempt_list: attempts.flatMap((record) =>
              record.delivery.eventSequence === delivery.eventSequence ? attemptView(record) ?? [] : []
            ),
            held_since: found.delivery.status === "held" ? iso(delivery.heldSince) : null,
            fail_reason: delivery.failReason ?? null,
            webhook_revision: delivery.webhookRevision,
            body: Option.match(event, {
              onNone: () => null,
              onSome: ({ body }) => Buffer.from(body).toString("utf8")
            })
          }
        }).pipe(readable))
      .handle("retry", ({ headers, path }) =>
        Effect.gen(function*() {
          yield* retries.retry(yield* ownWorkspace(headers), path.id)
          return { id: path.id, status: "accepted" as const }
        }).pipe(
          Effect.catchTags({
            DeliveryNotFound: () => deliveryNotFound,
            RetryRefused: ({ reason }) => new Conflict({ type: reason, message: refusals[reason] }),
            NoWorker: () => noWorker,
            AppendFailed: ({ reason }) =>
              new Unavailable({
                type: reason === "full" ? "stream_full" : "broker_unavailable",
                message: "the request for the retry was not stored; try again"
              })
          }),
          readable
        ))
  }))
