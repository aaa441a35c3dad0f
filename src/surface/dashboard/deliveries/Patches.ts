import type { Answer, Attempt, Delivery, LiveEvent } from "../api/Contract.ts"

type Detail = Answer<"deliveries.show">

/** Whether what comes is not older than what is there: the stream and the lists overtake one another. */
export const newer = (shown: Delivery, coming: Delivery): boolean => coming.updated_at >= shown.updated_at

/**
 * A delivery as it is now. What the stream tells of it without an attempt has no last answer (docs of GET /v1/deliveries/stream): the one that is
 * shown stays.
 */
export const patched = (shown: Delivery, coming: Delivery, withoutAttempt: boolean): Delivery =>
  withoutAttempt
    ? {
      ...coming,
      last_status: coming.last_status ?? shown.last_status,
      last_error: coming.last_error ?? shown.last_error,
      last_latency_ms: coming.last_latency_ms ?? shown.last_latency_ms
    }
    : coming

const withAttempt = (shown: ReadonlyArray<Attempt>, coming: Attempt): ReadonlyArray<Attempt> => {
  const known = shown.find(({ attempt }) => attempt === coming.attempt)
  // The stream cuts responses, and the delivery itself has all that was kept.
  if (known !== undefined) return shown
  return [...shown, coming].sort((one, other) => one.attempt - other.attempt).slice(-100)
}

/** An open delivery after something happened to it. */
export const patchedDetail = (shown: Detail, event: LiveEvent): Detail => {
  if (event.type === "test" || event.delivery.id !== shown.id) return shown
  const delivery = newer(shown, event.delivery) ? patched(shown, event.delivery, event.type === "delivery") : shown
  return {
    ...shown,
    ...delivery,
    attempt_list: event.type === "attempt" ? withAttempt(shown.attempt_list, event.attempt) : shown.attempt_list
  }
}
