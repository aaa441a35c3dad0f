import { Effect } from "effect"
import type { Endpoint, Live } from "./Endpoint.ts"
import type { Places } from "./Places.ts"

/** An attempt older than this no longer holds its event open (ARCHITECTURE: rule "2 s"), and is one of the slow ones. */
export const slowAfter = 2_000

/** The attempts in flight, each until its record is acknowledged: that defines "in flight". Broker milliseconds. */
export class InFlight {
  /** In order of their start. */
  readonly #lives = new Set<Live>()
  readonly #places: Places
  readonly #none = Effect.unsafeMakeLatch(true)
  #slow = 0

  constructor(places: Places) {
    this.#places = places
  }

  get size(): number {
    return this.#lives.size
  }

  /** Those older than `slowAfter`. */
  get slow(): number {
    return this.#slow
  }

  get places(): Pick<Places, "limit" | "most"> {
    return this.#places
  }

  get all(): Iterable<Live> {
    return this.#lives
  }

  has(live: Live): boolean {
    return this.#lives.has(live)
  }

  /** Completes when nothing is in flight. */
  get idle(): Effect.Effect<void> {
    return this.#none.await
  }

  /** Whether an endpoint may start one more. Slow ones keep no thread busy: they count only against the most there may ever be, at most half of it. */
  hasPlace(endpoint?: Endpoint): boolean {
    const { limit, most } = this.#places
    if (this.#lives.size >= most || this.#lives.size - this.#slow >= limit) return false
    return endpoint === undefined || this.#slow * 2 < most || !endpoint.isSlow(slowAfter)
  }

  begin(live: Live, at: number): void {
    const { endpoint } = live
    live.since = at
    if (endpoint.inFlight++ === 0) endpoint.progressAt = at
    if (this.#lives.size === 0) this.#none.unsafeClose()
    this.#lives.add(live)
  }

  /** Frees the lane and the place in the process; false when it had none. */
  end(live: Live, at: number): boolean {
    if (!this.#lives.delete(live)) return false
    const { endpoint } = live
    endpoint.inFlight--
    endpoint.progressAt = at
    endpoint.note(at - live.since)
    this.#places.ended(this.#lives.size - this.#slow + 1)
    if (live.slow) {
      live.slow = false
      this.#slow--
      endpoint.slow--
    }
    if (this.#lives.size === 0) this.#none.unsafeOpen()
    return true
  }

  /** Marks those that have become slow; says when the next one may. */
  sweep(at: number, onSlow: (live: Live) => void): number | undefined {
    for (const live of this.#lives) {
      if (live.slow) continue
      if (at - live.since < slowAfter) return live.since + slowAfter
      live.slow = true
      this.#slow++
      live.endpoint.slow++
      onSlow(live)
    }
    return undefined
  }
}
