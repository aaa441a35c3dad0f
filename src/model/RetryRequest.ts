import { type Delivery, isLive, isNewer } from "./Delivery.ts"
import type { Webhook } from "./Webhook.ts"

/**
 * Somebody asks for a delivery to be attempted now. It says what was known of the delivery when it was asked: the owner of the partition need not
 * know deliveries that have ended, and a request that was overtaken does nothing.
 */
export interface RetryRequest {
  readonly id: string
  /** Broker milliseconds. */
  readonly at: number
  /** Void from then on if no owner has taken it. */
  readonly expiresAt: number
  /** The sequence of the DELIVERIES stream up to which the asker knew the records. */
  readonly seenSequence: number
  readonly delivery: Delivery
  /** One of many: it waits behind what is fresh instead of beside it. */
  readonly backlog?: true
  /** Where the owner says what came of it. */
  readonly answerTo?: string
}

/**
 * What came of a request. `accepted`: it has a record, and the attempt comes. `overtaken`: the delivery is no longer as it was seen; looking again
 * and asking again is safe.
 */
export type RetryAnswer =
  | "accepted"
  | "already_running"
  | "overtaken"
  | "webhook_deleted"
  | "webhook_disabled"
  | "event_expired"

/** What the owner of the partition knows. */
interface Known {
  /** Undefined once it is deleted. */
  readonly webhook: Webhook | undefined
  /** The delivery, while it is live. */
  readonly live: Delivery | undefined
  /** Its newest record, if it was retried and has ended since `since`. */
  readonly ended: Pick<Delivery, "epoch" | "step"> | undefined
  /** The sequence of the stream from which on every retried delivery that has ended is known. */
  readonly since: number
  readonly at: number
}

/** Whether a retry may go ahead, and if not, why. */
export const judge = (request: RetryRequest, { at, ended, live, since, webhook }: Known): RetryAnswer => {
  const seen = request.delivery
  if (webhook === undefined) return "webhook_deleted"
  if (webhook.state === "disabled") return "webhook_disabled"
  if (live?.state === "in_flight") return "already_running"
  const current = live === undefined
    ? !isLive(seen) && request.seenSequence >= since && (ended === undefined || !isNewer(ended, seen))
    : !isNewer(live, seen)
  if (!current) return "overtaken"
  return at >= seen.expiresAt ? "event_expired" : "accepted"
}
