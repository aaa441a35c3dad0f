import type { Stats } from "../api/Contract.ts"

const minute = 60_000
const hour = 3_600_000

/** What the chart can show, and in which steps: the API's own, put together where there would be too many to see. Milliseconds. */
export const ranges = {
  "1h": { label: "1 hour", length: hour, step: minute, ask: "minute" },
  "24h": { label: "24 hours", length: 24 * hour, step: 15 * minute, ask: "minute" },
  "7d": { label: "7 days", length: 7 * 24 * hour, step: hour, ask: "hour" }
} as const

export type RangeName = keyof typeof ranges

export interface Attempts {
  /** Where each step begins, milliseconds, without a gap. */
  readonly starts: ReadonlyArray<number>
  readonly succeeded: ReadonlyArray<number>
  readonly failed: ReadonlyArray<number>
}

/** The steps of a range that ends now, with those in which nothing happened; the last is the one that goes on. */
export const attemptsIn = (name: RangeName, stats: Stats): Attempts => {
  const { length, step } = ranges[name]
  const last = Math.floor(Date.parse(stats.to) / step) * step
  const first = last - length + step
  const starts = Array.from({ length: length / step }, (_, index) => first + index * step)
  const succeeded = starts.map(() => 0)
  const failed = starts.map(() => 0)
  for (const figures of stats.data) {
    const place = Math.floor((Date.parse(figures.start) - first) / step)
    if (place < 0 || place >= starts.length) continue
    succeeded[place] = (succeeded[place] ?? 0) + figures.succeeded
    failed[place] = (failed[place] ?? 0) + figures.failed
  }
  return { starts, succeeded, failed }
}
