import { counted } from "./Numbers.ts"

/** Times in English words. Not by `Intl`, as Numbers.ts has it. */

const units = [["day", "days", 86_400_000], ["hr.", "hr.", 3_600_000], ["min.", "min.", 60_000]] as const

/** `3 min. ago`, `in 2 hr.`; within a minute `just now` and `in a moment`. */
export const ago = (time: number, now: number): string => {
  const distance = time - now
  for (const [one, many, length] of units) {
    const number = Math.trunc(Math.abs(distance) / length)
    if (number > 0) return distance > 0 ? `in ${counted(number, one, many)}` : `${counted(number, one, many)} ago`
  }
  return distance > 0 ? "in a moment" : "just now"
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** `07`. */
export const two = (number: number): string => String(number).padStart(2, "0")

/** In the reader's zone: `03:14`. */
export const timeOfDay = (time: number): string => {
  const local = new Date(time)
  return `${two(local.getHours())}:${two(local.getMinutes())}`
}

/** In the reader's zone, to the second: `25 Nov 2026, 03:14:07`. */
export const moment = (time: number): string => {
  const local = new Date(time)
  const day = `${local.getDate()} ${months[local.getMonth()]} ${local.getFullYear()}`
  return `${day}, ${timeOfDay(time)}:${two(local.getSeconds())}`
}
