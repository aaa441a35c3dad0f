import { Context, type Effect, type Scope } from "effect"

/** A lease that is held. */
export interface Held {
  /** False from 4 s after the last acknowledged renewal on: no POST, no append, no ack then. */
  readonly holds: () => boolean
  /** Completes with the reason when it no longer holds. */
  readonly lost: Effect.Effect<string>
}

/**
 * One lease for the worker (KV `LEASES`, TTL 6 s, renewed every 2 s, given up at 4 s). Each renewal measures the broker's time for
 * `BrokerClock`.
 */
export class Lease extends Context.Tag("hookline/broker/Lease")<Lease, {
  /**
   * Waits until the lease is ours (a log line says that another holds it and that we stand by; we have it at most 10 s after the other is
   * gone) and renews it for as long as the scope lives, which gives it back at once.
   */
  readonly acquire: (name: string) => Effect.Effect<Held, never, Scope.Scope>
}>() {}
