import { useNow } from "./useNow.ts"

const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" })
const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" })
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" })

const units = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]] as const

/** `3 min. ago`, `in 2 hr.`; within a minute `just now` and `in a moment`. */
const ago = (time: number, now: number): string => {
  const distance = time - now
  for (const [unit, length] of units) {
    if (Math.abs(distance) >= length) return relative.format(Math.trunc(distance / length), unit)
  }
  return distance > 0 ? "in a moment" : "just now"
}

/** In the reader's zone, to the second: `25 Nov 2026, 03:14:07`. */
export const moment = (time: number): string => absolute.format(time)

/** In the reader's zone: `03:14`. */
export const timeOfDay = (time: number): string => clock.format(time)

/** A time relative to now, kept true; the exact one is its title. */
export const Time = ({ at }: { readonly at: string }) => {
  const now = useNow()
  const time = Date.parse(at)
  return <time dateTime={at} title={moment(time)}>{ago(time, now)}</time>
}
