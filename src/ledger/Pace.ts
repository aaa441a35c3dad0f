import { Duration, Effect } from "effect"

/** How far behind its pace something may be and still catch up, milliseconds: what a timer or a busy process is late. */
const catchUp = 100

/**
 * So many a second, evenly: each run of the effect waits for its turn. Over any stretch of time it lets through at most what the rate allows for
 * that stretch and 101 ms more. On Effect's clock, monotonic.
 */
export const makePace = (perSecond: number): Effect.Effect<void> => {
  const interval = 1_000 / perSecond
  let next = Number.NEGATIVE_INFINITY
  return Effect.clockWith((clock) =>
    Effect.suspend(() => {
      const now = Number(clock.unsafeCurrentTimeNanos()) / 1e6
      const at = Math.max(next, now - catchUp)
      next = at + interval
      // A timer counts whole milliseconds.
      return at - now < 1 ? Effect.void : clock.sleep(Duration.millis(Math.ceil(at - now)))
    })
  )
}
