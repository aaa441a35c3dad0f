import type { HistoricDelivery } from "../../ledger/history/Questions.ts"
import type { AttemptOutcome } from "../../model/Attempt.ts"
import type { DeliveryRecord } from "../../model/Delivery.ts"
import type { AttemptView, DeliveryView } from "./contract/Deliveries.ts"
import { iso } from "./Times.ts"

/** In a page of the history without `limit`. */
export const pageSize = 50

/** Why a delivery failed that no attempt's error explains. */
const failures: Readonly<Record<string, string>> = {
  expired: "its event left the stream before it could be delivered",
  circuit: "the endpoint gave no answer for too long"
}

export const deliveryView = (
  { delivery, id, last, status, updatedAt }: Omit<HistoricDelivery, "recordSequence">
): DeliveryView => ({
  id,
  webhook_id: delivery.webhookId,
  event_id: delivery.eventId,
  event_type: delivery.eventType,
  status,
  attempts: delivery.attempt,
  last_status: last?.status ?? null,
  last_error: failures[delivery.failReason ?? ""] ?? last?.error ?? null,
  last_latency_ms: last?.latency ?? null,
  next_attempt_at: delivery.state === "due" && status === "retrying" ? iso(delivery.dueAt) : null,
  held_reason: status === "held" ? delivery.heldReason ?? null : null,
  published_at: iso(delivery.publishedAt),
  updated_at: iso(updatedAt)
})

/** `nextAttemptAt` in broker milliseconds; null: it made none due. */
export const outcomeView = (
  { attempt, nextAttemptAt, round }: {
    readonly attempt: number
    readonly round: number
    readonly nextAttemptAt: number | null
  },
  outcome: AttemptOutcome
): AttemptView => ({
  attempt,
  round,
  started_at: iso(outcome.startedAt),
  latency_ms: outcome.latency,
  class: outcome.class,
  status: outcome.status ?? null,
  error: outcome.error ?? null,
  response: outcome.response ?? null,
  headers: outcome.headers ?? {},
  address: outcome.address ?? null,
  next_attempt_at: nextAttemptAt === null ? null : iso(nextAttemptAt)
})

/** Undefined of a record that ended no attempt. */
export const attemptView = ({ delivery, kind, outcome }: DeliveryRecord): AttemptView | undefined => {
  const { attempt, dueAt, round } = delivery
  return outcome && outcomeView({ attempt, round, nextAttemptAt: kind === "attempt_failed" ? dueAt : null }, outcome)
}
