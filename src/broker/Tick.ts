import { Duration, Effect, type Scope } from "effect"

/** One write of the connection for all that comes within this time: a system call costs as much as ten small messages. */
const tick = Duration.millis(2)

/**
 * Runs what it is given at the end of a tick: the first at once, so that an idle system waits for nothing, what comes in the two milliseconds
 * after it together (ARCHITECTURE: "sends and acks coalesced in ticks of about 2 ms").
 */
export const makeTick: Effect.Effect<(flush: () => void) => void, never, Scope.Scope> = Effect.gen(function*() {
  const some = yield* Effect.makeLatch(false)
  let waiting: Array<() => void> = []
  yield* Effect.gen(function*() {
    yield* some.await
    some.unsafeClose()
    const flushes = waiting
    waiting = []
    for (const flush of flushes) flush()
    yield* Effect.sleep(tick)
  }).pipe(Effect.forever, Effect.forkScoped)
  return (flush) => {
    waiting.push(flush)
    some.unsafeOpen()
  }
})
