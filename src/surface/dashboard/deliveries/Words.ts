import type { Attempt, Delivery } from "../api/Contract.ts"
import type { Tone } from "../shared/Badge.tsx"

/** What the API's words for a delivery's fate say to a person. */

type Status = Delivery["status"]

export const statusLooks: Readonly<Record<Status, readonly [label: string, tone: Tone]>> = {
  succeeded: ["Succeeded", "good"],
  retrying: ["Retrying", "accent"],
  failed: ["Failed", "bad"],
  held: ["Held", "warn"],
  suppressed: ["Suppressed", "neutral"],
  cancelled: ["Cancelled", "neutral"]
}

const heldReasons: Readonly<Record<string, string>> = {
  busy: "as many attempts as are allowed at the same time are under way",
  in_flight: "an attempt is under way",
  circuit: "the endpoint has not answered for a while; it is tried with one request now and then until it answers",
  paused: "the webhook is paused",
  rate: "the webhook's rate limit is reached",
  shutdown: "the server was restarted during the attempt",
  secret: "the webhook's secret cannot be opened; the operator has to mend that",
  local: "the request could not be made for a reason on the server's side"
}

export const heldReason = (reason: string | null): string => heldReasons[reason ?? ""] ?? reason ?? "it has to wait"

const failReasons: Readonly<Record<string, string>> = {
  attempts: "Every attempt of its retry schedule failed.",
  expired: "Its event left the stream before it could be delivered.",
  circuit: "The endpoint gave no answer for too long."
}

export const failReason = (reason: string | null): string => failReasons[reason ?? ""] ?? "It was given up."

const classes: Readonly<Record<string, string>> = {
  success: "Succeeded",
  status: "Not accepted",
  redirect: "Redirected, which is not followed",
  timeout: "No complete answer in time",
  dns: "Name not found",
  connect: "No connection",
  tls: "TLS failed",
  reset: "Connection broken off",
  protocol: "No valid HTTP answer",
  address: "Address not allowed"
}

/** How an attempt ended, in few words. */
export const classWords = (attempt: Attempt): string => classes[attempt.class] ?? attempt.class

/** Why a retry was refused, by the API's word for it, and what to do. */
const refusals: Readonly<Record<string, string>> = {
  already_running: "An attempt is under way already: its result will show here.",
  webhook_disabled: "Not retried: the webhook is disabled. Enable it first.",
  webhook_deleted: "Not retried: the webhook is deleted.",
  event_expired: "Not retried: the event is no longer kept, so there is nothing left to send.",
  overtaken: "Not retried: something else happened to the delivery meanwhile. Look at it and ask again."
}

export const refusal = (type: string): string | undefined => refusals[type]
