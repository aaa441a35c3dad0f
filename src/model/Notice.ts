/**
 * hookline's own events: what they say of what happened to a webhook or a delivery (model/NoticeTypes.ts has their types). Each is made of one
 * fact and has an id made of the same: the same fact, read twice, is the same event.
 */
import type { DeliveryRecord } from "./Delivery.ts"
import { isReserved } from "./EventType.ts"
import { type DeliveryId, type EventId, noticeId, type WorkspaceId } from "./Id.ts"
import type { NoticeType } from "./NoticeTypes.ts"
import { timestampAt } from "./Timestamp.ts"
import type { WebhookFact } from "./WebhookFacts.ts"

export interface Notice {
  readonly type: NoticeType
  readonly id: EventId
  readonly workspaceId: WorkspaceId
  /** Broker milliseconds: when that happened which it tells of. */
  readonly at: number
  readonly data: Readonly<Record<string, string | number | null>>
}

/** Milliseconds as the data of notices has them. */
export const iso = (milliseconds: number): string => new Date(milliseconds).toISOString()

/** Scheme, host and port of a URL, nothing that could hold a secret. Absent for what is no URL, or not known. */
export const originOf = (url: string | undefined): { readonly url_origin?: string } =>
  url === undefined || !URL.canParse(url) ? {} : { url_origin: new URL(url).origin }

/** For every disabling, whoever did it; none for any other change. */
export const disabledNotice = (fact: WebhookFact, url: string | undefined): Notice | undefined =>
  fact.type !== "webhook.disabled" ? undefined : {
    type: "webhook.disabled",
    id: noticeId("webhook.disabled", fact.webhookId, fact.revision),
    workspaceId: fact.workspaceId,
    at: fact.at,
    data: {
      webhook_id: fact.webhookId,
      ...originOf(url),
      reason: fact.reason ?? null,
      disabled_at: iso(fact.at)
    }
  }

/**
 * For a delivery that was given up; none where the event was one of hookline's own, or a dead endpoint that takes notices would be told of its
 * notices for ever. Once a round: a record may stand in its stream twice, and a retry by hand begins a new round.
 */
export const failedNotice = (
  { at, delivery, kind, outcome }: DeliveryRecord,
  deliveryId: DeliveryId,
  url: string | undefined
): Notice | undefined =>
  kind !== "failed" || isReserved(delivery.eventType) ? undefined : {
    type: "delivery.failed",
    id: noticeId("delivery.failed", deliveryId, delivery.round),
    workspaceId: delivery.workspaceId,
    at,
    data: {
      webhook_id: delivery.webhookId,
      ...originOf(url),
      delivery_id: deliveryId,
      event_id: delivery.eventId,
      event_type: delivery.eventType,
      attempts: delivery.attempt,
      fail_reason: delivery.failReason ?? "attempts",
      last_status: outcome?.status ?? null,
      last_error: outcome?.error ?? null,
      failed_at: iso(at)
    }
  }

/** The event as a publisher would send it. */
export const encodeNotice = ({ at, data, id, type, workspaceId }: Notice): string =>
  JSON.stringify({ id, event: type, timestamp: timestampAt(at), workspace_id: workspaceId, data })
