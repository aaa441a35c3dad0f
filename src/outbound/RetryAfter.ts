import { retryAfterLimit } from "../model/RetrySchedule.ts"

const seconds = /^\d+(?:\.\d+)?$/
/** RFC 9110 5.6.7: IMF-fixdate, and the obsolete RFC 850 and asctime forms that a recipient must still understand. */
const dates = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]+day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/
]

const wish = (text: string, now: number): number => {
  if (seconds.test(text)) return Number(text) * 1000
  if (!dates.some((date) => date.test(text))) return Number.NaN
  return Date.parse(text.endsWith("GMT") ? text : `${text} GMT`) - now
}

/**
 * `Retry-After` (RFC 9110 10.2.3) as milliseconds from `now` (wall clock, milliseconds), between 0 and 24 h; undefined
 * for anything that is neither seconds nor an HTTP date.
 */
export const parseRetryAfter = (value: unknown, now: number): number | undefined => {
  const delay = typeof value === "string" ? wish(value.trim(), now) : Number.NaN
  return Number.isNaN(delay) ? undefined : Math.round(Math.min(Math.max(delay, 0), retryAfterLimit))
}
