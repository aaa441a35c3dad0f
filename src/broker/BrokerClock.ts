import { Context, Effect, Layer } from "effect"

/**
 * Broker time (ARCHITECTURE "due times"): this machine's monotonic clock plus an offset that is measured against the broker at each renewal
 * of a lease, and once a second where it is waited for, so that a wall clock that jumps moves no due time.
 */
export class BrokerClock extends Context.Tag("hookline/broker/BrokerClock")<BrokerClock, {
  /** Milliseconds since the epoch, on the broker's clock. */
  readonly now: () => number
  /** Takes a measurement: the broker's time in an answer, with our monotonic milliseconds when it was asked and when it came. */
  readonly adjust: (brokerTime: number, askedAt: number, answeredAt: number) => void
  /** Our monotonic milliseconds; only differences mean anything. */
  readonly monotonic: () => number
}>() {
  static readonly layer = Layer.effect(
    BrokerClock,
    Effect.clockWith((clock) =>
      Effect.sync(() => {
        const monotonic = () => Number(clock.unsafeCurrentTimeNanos() / 1000n) / 1000
        let offset = clock.unsafeCurrentTimeMillis() - monotonic()
        return {
          monotonic,
          now: () => Math.round(monotonic() + offset),
          adjust: (brokerTime: number, askedAt: number, answeredAt: number) => {
            offset = brokerTime - (askedAt + answeredAt) / 2
          }
        }
      })
    )
  )
}
