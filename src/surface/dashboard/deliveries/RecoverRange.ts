import type { Body } from "../api/Contract.ts"
import { fromLocal } from "../shared/LocalTime.ts"

const hour = 3_600_000

/** What can be chosen in one click, in milliseconds before now; null: from the first, and `own`: as it is entered. */
export const presets = {
  hour: { label: "Last hour", length: hour },
  day: { label: "Last 24 hours", length: 24 * hour },
  week: { label: "Last 7 days", length: 7 * 24 * hour },
  all: { label: "All that is kept", length: null },
  own: { label: "From … to …", length: null }
} as const

export type Preset = keyof typeof presets
export type Only = NonNullable<Body<"jobs.recover">["only"]>

export interface Choice {
  readonly preset: Preset
  /** As the inputs have them, in the reader's zone; of `own`. */
  readonly from: string
  readonly to: string
  readonly only: Only
  /** Deliveries a second, as typed; empty: as usual. */
  readonly rate: string
}

export interface Range {
  /** ISO 8601. */
  readonly from?: string
  readonly to?: string
}

/** `now` is when the dialog was opened, in milliseconds: while it is open its range stays. */
export const rangeOf = ({ from, preset, to }: Choice, now: number): Range => {
  if (preset === "own") {
    const [first, last] = [fromLocal(from), fromLocal(to)]
    return { ...(first === undefined ? {} : { from: first }), ...(last === undefined ? {} : { to: last }) }
  }
  const { length } = presets[preset]
  return length === null ? {} : { from: new Date(now - length).toISOString() }
}

/** What is wrong with it, by the API's names; the rest the server judges. */
export const flawsOf = (choice: Choice, now: number): Readonly<Record<string, string>> => {
  const { from, to } = rangeOf(choice, now)
  const own = choice.preset === "own"
  const rate = choice.rate.trim()
  return {
    ...(own && from === undefined ? { from: "Enter the day and the time where it begins." } : {}),
    ...(from !== undefined && Date.parse(from) > now ? { from: "This lies in the future." } : {}),
    ...(own && from !== undefined && to !== undefined && from >= to ? { to: "It must end after its beginning." } : {}),
    ...(rate !== "" && !(/^\d{1,5}$/.test(rate) && Number(rate) >= 1 && Number(rate) <= 10_000)
      ? { rate: "Enter a whole number from 1 to 10,000." }
      : {})
  }
}

export const recovery = (choice: Choice, now: number): Body<"jobs.recover"> => ({
  ...rangeOf(choice, now),
  only: choice.only,
  ...(choice.rate.trim() === "" ? {} : { rate: Number(choice.rate) })
})
