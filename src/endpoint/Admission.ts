import type { HoldReason } from "../model/Delivery.ts"
import type { Webhook } from "../model/Webhook.ts"
import { isOpen } from "./Circuit.ts"
import type { Endpoint, Live } from "./Endpoint.ts"
import type { Environment } from "./Environment.ts"
import { type InFlight, slowAfter } from "./InFlight.ts"
import { allowed } from "./Lanes.ts"
import type { Ownership } from "./Ownership.ts"
import { shortPause, type Timers } from "./Timers.ts"
import { full, nextToken, take } from "./TokenBucket.ts"
import type { Transitions } from "./Transitions.ts"
import type { Turns } from "./Turns.ts"

interface Parts extends Pick<Environment, "concurrency" | "find" | "ledger"> {
  readonly ownership: Ownership
  readonly inFlight: InFlight
  readonly timers: Timers
  readonly transitions: Transitions
  readonly turns: Turns
}

/** Who may start an attempt. Whatever is refused is looked at again: by a timer, in its turn, or when an attempt of its endpoint ends. */
export class Admission {
  readonly #parts: Parts
  /** A start was refused because of the ledger or the lease: everything that waits is looked at again when it is well. */
  blocked = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** The guard before a POST: the next delivery of the endpoint, now in flight, or undefined when none may start. */
  admit(endpoint: Endpoint): Live | undefined {
    const { find, inFlight, ledger, ownership, timers, transitions, turns } = this.#parts
    if (endpoint.waiting === 0 || ownership.isEnding) return undefined
    if (!ownership.isWell) {
      this.blocked = true
      timers.sweepBy(ledger.now() + shortPause)
      return undefined
    }
    const webhook = find(endpoint.webhookId)
    if (webhook === undefined || webhook.state !== "enabled") return undefined
    if (endpoint.inFlight >= this.#lanes(endpoint, webhook)) return undefined
    const at = ledger.now()
    const probe = isOpen(endpoint.circuit)
    // The last one in flight looks again when it ends.
    if (probe && endpoint.inFlight > 0) return undefined
    if (probe && at < endpoint.circuit.probeAt) {
      timers.endpoint(endpoint, endpoint.circuit.probeAt)
      return undefined
    }
    if (at < endpoint.restUntil) {
      timers.endpoint(endpoint, endpoint.restUntil)
      return undefined
    }
    if (!inFlight.hasPlace(endpoint)) {
      turns.add(endpoint)
      return undefined
    }
    const rate = webhook.rateLimit
    const bucket = rate === undefined ? undefined : take(endpoint.bucket ?? full(rate, at), rate, at)
    if (rate !== undefined && bucket === undefined) {
      timers.endpoint(endpoint, nextToken(endpoint.bucket ?? full(rate, at), rate, at))
      return undefined
    }
    for (let live = endpoint.next(probe, at); live !== undefined; live = endpoint.next(probe, at)) {
      if (at >= live.state.expiresAt) {
        transitions.happen(live, { type: "expired", at })
        continue
      }
      endpoint.bucket = bucket
      live.probe = probe
      transitions.happen(live, { type: "started", at })
      if (live.state.state !== "in_flight") continue
      inFlight.begin(live, at)
      timers.sweepBy(at + slowAfter)
      return live
    }
    const next = endpoint.held.nextAt(at)
    if (next !== undefined) timers.endpoint(endpoint, next)
    return undefined
  }

  /** What stands between an endpoint and any attempt, a lane apart. */
  obstacle(endpoint: Endpoint, webhook: Webhook): HoldReason | undefined {
    if (this.#parts.ownership.stopping) return "shutdown"
    if (webhook.state === "paused") return "paused"
    return isOpen(endpoint.circuit) ? "circuit" : undefined
  }

  /** Whether a delivery's turn would come within a second; one of a recovery's many may go only if nothing else waits. */
  hasRoom(live: Live, webhook: Webhook, at: number): boolean {
    const { backlog, endpoint } = live
    const lanes = this.#lanes(endpoint, webhook)
    return backlog ? endpoint.isIdle(lanes) : endpoint.hasRoom(lanes, at)
  }

  #lanes(endpoint: Endpoint, webhook: Webhook): number {
    return allowed(endpoint.lanes, webhook.concurrency ?? this.#parts.concurrency)
  }
}
