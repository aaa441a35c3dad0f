import { describe, expect, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { evaluate, nextDue, retryAfterLimit, schedule } from "../../src/model/RetrySchedule.ts"

const minute = 60_000
const hour = 60 * minute
const offsets = [0, 5 * minute, 30 * minute, 2 * hour, 24 * hour]
const retries = { offsets }

describe("RetrySchedule", () => {
  it.effect("a schedule of offsets evaluates to the same offsets", () =>
    Effect.gen(function*() {
      expect(yield* evaluate(schedule(offsets))).toEqual(retries)
      expect(yield* evaluate(schedule([0]))).toEqual({ offsets: [0] })
    }))

  it.effect("any Effect schedule of durations can stand in", () =>
    Effect.gen(function*() {
      const exponential = Schedule.exponential("1 second").pipe(Schedule.intersect(Schedule.recurs(3)))
      expect(yield* evaluate(exponential)).toEqual({ offsets: [0, 1000, 3000, 7000] })
    }))

  it("attempts come at the offsets of CONTRACT 6 from the first, whatever each took", () => {
    const start = 1_000_000
    expect([1, 2, 3, 4, 5].map((k) => nextDue(retries, { start, k, endedAt: start + (offsets[k - 1] ?? 0) + 200 })))
      .toEqual([
        start + 5 * minute + 200,
        start + 30 * minute,
        start + 2 * hour,
        start + 24 * hour,
        undefined
      ])
  })

  it("late attempts never bunch: at least the smaller of the gap and five minutes lie between two", () => {
    const start = 0
    const late = 25 * hour
    expect(nextDue(retries, { start, k: 2, endedAt: late })).toBe(late + 5 * minute)
    expect(nextDue({ offsets: [0, 1000, 2000] }, { start, k: 1, endedAt: late })).toBe(late + 1000)
  })

  it("Retry-After puts off, never brings forward, and counts for 24 h at most", () => {
    expect(nextDue(retries, { start: 0, k: 1, endedAt: 0, retryAfter: hour })).toBe(hour)
    expect(nextDue(retries, { start: 0, k: 1, endedAt: 0, retryAfter: 1 })).toBe(5 * minute)
    expect(nextDue(retries, { start: 0, k: 1, endedAt: 0, retryAfter: 99 * hour })).toBe(retryAfterLimit)
  })
})
