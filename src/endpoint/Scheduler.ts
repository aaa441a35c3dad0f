import { isLocalFault, wasAnswered } from "../model/Attempt.ts"
import type { Admission } from "./Admission.ts"
import { attempted, isOpen } from "./Circuit.ts"
import type { Endpoint, Live } from "./Endpoint.ts"
import type { Environment, Outcome } from "./Environment.ts"
import type { InFlight } from "./InFlight.ts"
import { afterAttempt } from "./Lanes.ts"
import type { Ownership } from "./Ownership.ts"
import type { Spilling } from "./Spilling.ts"
import { faultPause, type Transitions } from "./Transitions.ts"
import type { Turns } from "./Turns.ts"

interface Parts extends Pick<Environment, "attempt" | "concurrency" | "find" | "ledger"> {
  readonly admission: Admission
  readonly ownership: Ownership
  readonly inFlight: InFlight
  readonly spilling: Spilling
  readonly transitions: Transitions
  readonly turns: Turns
}

/** Attempts, from a free lane to what their outcome means for the endpoint: its lanes, its circuit, its rest. */
export class Scheduler {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Starts as many lanes as there is work and leave for. */
  pump(endpoint: Endpoint): void {
    const { admission, spilling } = this.#parts
    for (let live = admission.admit(endpoint); live !== undefined; live = admission.admit(endpoint)) this.#attempt(live)
    spilling.refill(endpoint)
  }

  /** A lane goes on as long as there is something for it, and nobody else waits for the place. */
  continue(endpoint: Endpoint): void {
    const { turns } = this.#parts
    if (turns.size === 0) return this.pump(endpoint)
    if (endpoint.waiting > 0) turns.add(endpoint)
    this.serveTurns()
  }

  serveTurns(): void {
    const { admission, inFlight, turns } = this.#parts
    for (let left = turns.size; left > 0 && inFlight.hasPlace(); left--) {
      const endpoint = turns.next()
      const live = endpoint === undefined ? undefined : admission.admit(endpoint)
      if (endpoint === undefined || live === undefined) continue
      this.#attempt(live)
      if (endpoint.waiting > 0) turns.add(endpoint)
    }
  }

  /** Ends every attempt in flight; each is recorded as held. */
  abort(): void {
    for (const live of this.#parts.inFlight.all) {
      if (live.abort === undefined) continue
      live.abort()
      live.abort = undefined
      this.#ended(live, { class: "shutdown", error: "hookline stops" })
    }
  }

  /** One attempt; when its record is acknowledged, and only then, the lane is free. */
  #attempt(live: Live): void {
    const webhook = this.#parts.find(live.endpoint.webhookId)
    // Deleted between the guard and here: nothing was sent.
    if (webhook === undefined) return this.#ended(live, { class: "shutdown", error: "the webhook was deleted" })
    let settled = false
    const abort = this.#parts.attempt(webhook, live.state, live.event, (outcome) => {
      settled = true
      live.abort = undefined
      this.#ended(live, outcome)
    })
    if (!settled) live.abort = abort
  }

  #ended(live: Live, outcome: Outcome): void {
    const { concurrency, find, ledger, ownership, transitions } = this.#parts
    if (ownership.abandoned) return
    if (live.recording) {
      live.afterRecord = () => this.#ended(live, outcome)
      return
    }
    const at = ledger.now()
    if (outcome.class === "expired") return transitions.happen(live, { type: "expired", at })
    const { endpoint } = live
    if (isLocalFault(outcome)) {
      if (outcome.class !== "shutdown") endpoint.restUntil = at + faultPause
      return transitions.happen(live, { type: "faulted", at, reason: outcome.class })
    }
    const most = find(endpoint.webhookId)?.concurrency ?? concurrency
    endpoint.lanes = afterAttempt(endpoint.lanes, outcome.class === "success", most)
    endpoint.circuit = attempted(endpoint.circuit, { answered: wasAnswered(outcome), probe: live.probe, at })
    transitions.happen(live, { type: "finished", at, outcome })
    if (isOpen(endpoint.circuit)) {
      for (const ready of endpoint.ready.drain()) transitions.defer(ready, "circuit")
    }
  }
}
