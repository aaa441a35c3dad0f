import type { Stored } from "../ledger/Ledger.ts"
import {
  decide,
  type Decision,
  type Delivery,
  type DeliveryRecord,
  type Happening,
  type HoldReason
} from "../model/Delivery.ts"
import { type Deferred, Deferring } from "./Deferring.ts"
import type { Endpoint, Live } from "./Endpoint.ts"
import type { Environment } from "./Environment.ts"
import type { InFlight } from "./InFlight.ts"
import type { Ownership } from "./Ownership.ts"
import type { Timers } from "./Timers.ts"

/** Faults on our side are tried again this often. */
export const faultPause = 60_000

interface Parts extends Pick<Environment, "epoch" | "ledger" | "report" | "retries"> {
  readonly ownership: Ownership
  readonly inFlight: InFlight
  readonly timers: Timers
  /** A record is acknowledged, and the delivery is not in flight after it: it goes where its state belongs. */
  readonly moved: (live: Live, stored: Stored) => void
}

/**
 * What happens to deliveries. The table of model/Delivery.ts decides; what has a record there is recorded, and is in force when that is
 * acknowledged; what has none is in force at once. A delivery has at most one unacknowledged record.
 */
export class Transitions {
  readonly #parts: Parts
  readonly #deferring = new Deferring((deferred) => this.#flush(deferred))

  constructor(parts: Parts) {
    this.#parts = parts
  }

  rules(endpoint: Endpoint) {
    return { retries: this.#parts.retries, epoch: this.#parts.epoch(endpoint.partition) }
  }

  happen(live: Live, happening: Happening): void {
    const decision = this.#decide(live, happening)
    if (decision === undefined) return
    if (decision.record === undefined) {
      live.state = decision.next
      return
    }
    live.recording = true
    this.#parts.ledger.record(decision.record, (stored) => this.#applied(live, decision.next, stored))
  }

  /** On its way to being held: recorded at the end of this turn of the event loop, together with what else its endpoint defers. */
  defer(live: Live, reason: HoldReason): void {
    live.recording = true
    this.#deferring.add(live, reason)
  }

  #flush(deferred: ReadonlyArray<Deferred>): void {
    const { ledger } = this.#parts
    const at = ledger.now()
    const decided: Array<readonly [Live, Delivery, DeliveryRecord]> = []
    for (const { live, reason } of deferred) {
      const decision = this.#decide(live, { type: "deferred", at, reason })
      if (decision?.record !== undefined) decided.push([live, decision.next, decision.record])
    }
    ledger.defer(decided.map(([, , record]) => record), (index, stored) => {
      const one = decided[index]
      if (one !== undefined) this.#applied(one[0], one[1], stored)
    })
  }

  /** A happening that the table does not know here is a bug of ours: it is told, and this delivery alone stands aside for a minute. */
  #decide(live: Live, happening: Happening): Decision | undefined {
    const decision = decide(live.state, happening, this.rules(live.endpoint))
    if (!("refused" in decision)) return decision
    const { eventSequence, state, webhookId } = live.state
    const { inFlight, ledger, report, timers } = this.#parts
    report(`delivery of event ${eventSequence} to ${webhookId}: ${happening.type} does not apply to ${state}`)
    live.recording = false
    inFlight.end(live, ledger.now())
    timers.delivery(live, ledger.now() + faultPause)
    return undefined
  }

  #applied(live: Live, next: Delivery, stored: Stored): void {
    if (this.#parts.ownership.abandoned) return
    live.recording = false
    live.state = next
    const settle = live.settle
    live.settle = undefined
    settle?.()
    if (next.state === "in_flight") live.endpoint.overflow.stays(next, stored.sequence)
    else this.#parts.moved(live, stored)
    const after = live.afterRecord
    live.afterRecord = undefined
    after?.()
  }
}
