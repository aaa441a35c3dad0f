import { Effect } from "effect"

/**
 * Lets the event loop turn, in work that takes long: sockets are read, timers fire, the lease is renewed. `Effect.yieldNow` does not: the fiber goes
 * on in a microtask, up to 2,048 times in a row.
 */
export const turn: Effect.Effect<void> = Effect.sleep(0)
