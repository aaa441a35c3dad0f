import type { HoldReason } from "../model/Delivery.ts"
import type { Endpoint, Live } from "./Endpoint.ts"

/** One delivery on its way to being held. */
export interface Deferred {
  readonly live: Live
  readonly reason: HoldReason
}

/** Collects what is deferred in one turn of the event loop, by endpoint: it goes out together, up to 500 in a record. */
export class Deferring {
  #collected = new Map<Endpoint, Array<Deferred>>()
  readonly #flush: (deferred: ReadonlyArray<Deferred>) => void

  constructor(flush: (deferred: ReadonlyArray<Deferred>) => void) {
    this.#flush = flush
  }

  add(live: Live, reason: HoldReason): void {
    if (this.#collected.size === 0) queueMicrotask(() => this.#flushAll())
    const deferred = this.#collected.get(live.endpoint)
    if (deferred === undefined) this.#collected.set(live.endpoint, [{ live, reason }])
    else deferred.push({ live, reason })
  }

  #flushAll(): void {
    const collected = this.#collected
    this.#collected = new Map()
    for (const deferred of collected.values()) this.#flush(deferred)
  }
}
