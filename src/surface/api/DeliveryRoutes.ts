import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { type DeliveryView, RecentDeliveries } from "../../ledger/RecentDeliveries.ts"
import { Subscriptions } from "../../registry/Subscriptions.ts"
import { HooklineApi } from "./Contract.ts"
import { brokerUnavailable, webhookNotFound } from "./Refusals.ts"
import { iso } from "./Times.ts"
import { ownWorkspace } from "./Workspace.ts"

/** With its webhook deleted, nothing more comes of a delivery that waited (CONTRACT 7). */
const statusOf = ({ status }: DeliveryView, deleted: boolean): DeliveryView["status"] =>
  deleted && (status === "retrying" || status === "held") ? "cancelled" : status

const view = (delivery: DeliveryView, deleted: boolean) => ({
  id: delivery.id,
  event_id: delivery.eventId,
  event_type: delivery.eventType,
  status: statusOf(delivery, deleted),
  attempts: delivery.attempts,
  last_status: delivery.lastStatus ?? null,
  last_error: delivery.lastError ?? null,
  last_latency_ms: delivery.lastLatency ?? null,
  next_attempt_at: delivery.nextDue === undefined ? null : iso(delivery.nextDue),
  held_reason: delivery.heldReason ?? null,
  updated_at: iso(delivery.updatedAt)
})

export const deliveries = HttpApiBuilder.group(HooklineApi, "deliveries", (handlers) =>
  Effect.gen(function*() {
    const recent = yield* RecentDeliveries
    const subscriptions = yield* Subscriptions
    return handlers.handle("list", ({ headers, urlParams }) =>
      Effect.gen(function*() {
        const workspaceId = yield* ownWorkspace(headers)
        // Of a deleted webhook too: the history stays (CONTRACT 7).
        const webhook = subscriptions.get(urlParams.webhook_id)
        if (webhook?.workspaceId !== workspaceId) return yield* webhookNotFound
        const deliveries = yield* recent.of(workspaceId, webhook.id)
        return { data: deliveries.map((delivery) => view(delivery, webhook.deleted)), next: null }
      }).pipe(Effect.catchTag("BrokerUnavailable", brokerUnavailable)))
  }))
