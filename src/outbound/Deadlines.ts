import { type Clock, Effect } from "effect"

/** Something that ends by itself unless it is removed before. */
export interface Expiring {
  /** Milliseconds of the same clock as `Deadlines.now`. */
  deadline: number
  /** Called once, after removal; must not throw. */
  readonly expire: () => void
}

/** No timer sleeps longer, whatever the timeout is: Node's own end at 24 days. */
const longestSleep = 3_600_000

/**
 * One deadline for all attempts in flight, without a timer for each: as all get the same timeout, the order in which
 * they begin is the order in which they expire, and one fiber sleeping until the first is enough.
 *
 * Invariant: a set keeps the order of insertion, and `add` is called with a deadline never before the last one's.
 */
export class Deadlines<A extends Expiring> {
  readonly #items = new Set<A>()
  readonly #some = Effect.unsafeMakeLatch(false)
  readonly #clock: Clock.Clock

  constructor(clock: Clock.Clock) {
    this.#clock = clock
  }

  /** Milliseconds, with fractions, on a clock that does not jump. */
  readonly now = (): number => Number(this.#clock.unsafeCurrentTimeNanos()) / 1e6

  /** What is in flight; removing while iterating is fine. */
  get all(): Iterable<A> {
    return this.#items
  }

  /** Puts an item at the end, also one that is in already. */
  add(item: A): void {
    this.#items.delete(item)
    this.#items.add(item)
    this.#some.unsafeOpen()
  }

  remove(item: A): void {
    this.#items.delete(item)
  }

  /** Never ends; to be forked once in the scope of what it serves. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => {
    const [head] = this.#items
    if (head === undefined) {
      this.#some.unsafeClose()
      return this.#some.await
    }
    const left = head.deadline - this.now()
    if (left > 0) return Effect.sleep(Math.ceil(Math.min(left, longestSleep)))
    this.#items.delete(head)
    head.expire()
    return Effect.void
  }).pipe(Effect.forever)
}
