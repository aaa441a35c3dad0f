import { two } from "./Times.ts"

/** Times as `<input type="datetime-local">` has them: in the reader's zone, without saying so. */

/** `2025-03-23T14:35`; with seconds only where there are some. */
export const toLocal = (iso: string | undefined): string => {
  if (iso === undefined) return ""
  const time = new Date(iso)
  if (Number.isNaN(time.getTime())) return ""
  const day = `${String(time.getFullYear()).padStart(4, "0")}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`
  return `${day}T${clock}${time.getSeconds() === 0 ? "" : `:${two(time.getSeconds())}`}`
}

/** ISO 8601 in UTC; undefined: it is empty or not complete yet. */
export const fromLocal = (local: string): string | undefined => {
  const time = Date.parse(local)
  return local === "" || Number.isNaN(time) ? undefined : new Date(time).toISOString()
}

/** The reader's zone, by its name: `Europe/Berlin`. */
export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone
