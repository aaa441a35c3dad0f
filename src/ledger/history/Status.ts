import { type Delivery, type DeliveryState, isLive } from "../../model/Delivery.ts"

/** What people are told of a delivery. The order is that of the numbers in the table. */
export const statuses = ["succeeded", "retrying", "failed", "held", "suppressed", "cancelled"] as const
export type DeliveryStatus = (typeof statuses)[number]

/** `retrying` waits for its time or is under way; `held` waits for the end of a reason and uses up no attempt. */
const ofState: Record<DeliveryState, DeliveryStatus> = {
  ready: "retrying",
  in_flight: "retrying",
  due: "retrying",
  held: "held",
  succeeded: "succeeded",
  failed: "failed",
  suppressed: "suppressed"
}

/** With its webhook deleted, nothing more comes of a delivery that waited (CONTRACT 7): `webhook.deleted` is its last record. */
export const statusOf = (delivery: Delivery, webhookIsDeleted: boolean): DeliveryStatus =>
  webhookIsDeleted && isLive(delivery) ? "cancelled" : ofState[delivery.state]

export const numberOf = (status: DeliveryStatus): number => statuses.indexOf(status)
