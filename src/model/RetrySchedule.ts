import { Duration, Effect, Schedule, ScheduleDecision, ScheduleIntervals } from "effect"

/**
 * The retry schedule of CONTRACT 6: when each attempt of a round comes, as offsets in milliseconds from the round's
 * first attempt. The first is always 0.
 */
export interface RetrySchedule {
  readonly offsets: ReadonlyArray<number>
}

/** The longest an attempt is put off by a late predecessor: late attempts never bunch (CONTRACT 6). */
const spacing = 5 * 60_000

/** `Retry-After` is honoured up to here. */
export const retryAfterLimit = 24 * 3_600_000

/** An Effect `Schedule` that recurs at these offsets and then ends. */
export const schedule = (offsets: ReadonlyArray<number>): Schedule.Schedule<unknown> => {
  const [first, ...rest] = offsets.slice(1).map((offset, index) => Duration.millis(offset - (offsets[index] ?? 0)))
  return first === undefined ? Schedule.stop : Schedule.fromDelays(first, ...rest)
}

/**
 * Steps a `Schedule` through once, to the offsets of its attempts: a running `Effect.retry` forgets everything in a
 * crash, a due time that is recorded does not. At most `limit` attempts are taken from an endless schedule.
 */
export const evaluate = (source: Schedule.Schedule<unknown>, limit = 100): Effect.Effect<RetrySchedule> =>
  Effect.gen(function*() {
    const offsets = [0]
    let state: unknown = source.initial
    while (offsets.length < limit) {
      const now = offsets.at(-1) ?? 0
      const [next, , decision] = yield* source.step(now, undefined, state)
      if (ScheduleDecision.isDone(decision)) break
      offsets.push(ScheduleIntervals.start(decision.intervals))
      state = next
    }
    return { offsets }
  })

/** How long after the round's start its last attempt comes. */
export const lastOffset = (retries: RetrySchedule): number => retries.offsets.at(-1) ?? 0

/**
 * When the attempt after the `k`th of a round is due, or undefined when the `k`th was the last. The latest of: the
 * round's start + its offset; the end of the `k`th + the smaller of the gap between the two offsets and five minutes;
 * the end of the `k`th + `Retry-After`. All times in milliseconds.
 */
export const nextDue = (
  retries: RetrySchedule,
  round: { readonly start: number; readonly k: number; readonly endedAt: number; readonly retryAfter?: number }
): number | undefined => {
  const next = retries.offsets[round.k]
  if (next === undefined) return undefined
  const gap = next - (retries.offsets[round.k - 1] ?? 0)
  return Math.max(
    round.start + next,
    round.endedAt + Math.min(gap, spacing),
    round.endedAt + Math.min(round.retryAfter ?? 0, retryAfterLimit)
  )
}
