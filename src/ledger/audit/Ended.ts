import { circuitPatience } from "../../model/Delivery.ts"
import type { Reason } from "./RecordFold.ts"
import { type Subscriber, wasOnce } from "./Subscribed.ts"

/** How far the clock of a record may be from that of EVENTS. Milliseconds. */
const clocksWithin = 60_000

/** A delivery that has not succeeded, by its newest record, of an event that EVENTS still holds. */
interface Ended extends Pick<Reason, "reason" | "since"> {
  readonly state: "failed" | "suppressed"
  /** Broker milliseconds. */
  readonly publishedAt: number
  readonly expiresAt: number
}

/** Why it cannot have ended so; undefined: by what the streams say it can. An end by an attempt is its own reason. */
export const unfounded = (
  { expiresAt, publishedAt, reason, since, state }: Ended,
  subscriber: Subscriber
): string | undefined => {
  const at = `at ${new Date(since).toISOString()}`
  if (state === "suppressed") {
    return wasOnce(subscriber, "disabled", since) ? undefined : `suppressed ${at}, when its webhook was not disabled`
  }
  if (reason === undefined) return "failed for no reason that there is"
  if (reason === "expired" && since < expiresAt - clocksWithin) {
    return `failed as expired ${at}, before ${new Date(expiresAt).toISOString()}, and its event is there`
  }
  // Whatever its schedule is, it was held for that long at least.
  return reason === "circuit" && since < publishedAt + circuitPatience - clocksWithin
    ? `given up by its circuit ${at}, within a day of its event`
    : undefined
}
