import type { Actors } from "./Actors.ts"
import type { Admission } from "./Admission.ts"
import { isOpen } from "./Circuit.ts"
import { Endpoint, type Live } from "./Endpoint.ts"
import type { Environment } from "./Environment.ts"
import type { InFlight } from "./InFlight.ts"
import type { Ownership } from "./Ownership.ts"
import type { Queueing } from "./Queueing.ts"
import type { Scheduler } from "./Scheduler.ts"
import type { Spilling } from "./Spilling.ts"
import { shortPause, type Timers } from "./Timers.ts"
import type { Transitions } from "./Transitions.ts"

/** A due delivery looks again this often while nothing may start. */
const unwellPause = 1_000
/** How often what is held is looked through. */
const longPause = 60_000

interface Parts extends Pick<Environment, "find" | "ledger"> {
  readonly actors: Actors
  readonly admission: Admission
  readonly ownership: Ownership
  readonly inFlight: InFlight
  readonly queueing: Queueing
  readonly scheduler: Scheduler
  readonly spilling: Spilling
  readonly timers: Timers
  readonly transitions: Transitions
}

/** Everything that time moves: what is due, what is slow, what waits too long, what is held too long. */
export class Sweep {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Says in how many milliseconds it has to be called again at the latest. */
  run(): number {
    const { actors, inFlight, ledger, ownership, queueing, scheduler, timers, transitions } = this.#parts
    const at = ledger.now()
    const well = ownership.isWell && !ownership.stopping
    timers.sweep(
      at,
      (live) => this.#due(live, at, well),
      (endpoint) => scheduler.pump(endpoint),
      (endpoint, eventSequence) => queueing.wake(endpoint, eventSequence)
    )
    const slow = inFlight.sweep(at, (live) => {
      if (live.settle !== undefined && !live.recording) transitions.happen(live, { type: "still_running", at })
    })
    if (slow !== undefined) timers.sweepBy(slow)
    if (well) this.#waiting(at)
    if (actors.waiting.size > 0) timers.sweepBy(well ? timers.nextLong : at + shortPause)
    scheduler.serveTurns()
    return timers.plan(at)
  }

  #due(live: Live, at: number, well: boolean): void {
    const { find, queueing, timers, transitions } = this.#parts
    if (live.cancelled) return
    const webhook = find(live.endpoint.webhookId)
    if (webhook === undefined) return queueing.cancel(live)
    if (!well) return timers.delivery(live, at + unwellPause)
    if (at >= live.state.expiresAt) return transitions.happen(live, { type: "expired", at })
    if (live.state.state === "due") return queueing.arrive(live, webhook)
    queueing.hold(live)
  }

  /** Ready ones that wait too long; everything that waits, after a time in which nothing could start; once a minute what is held too long. */
  #waiting(at: number): void {
    const { actors, admission, find, scheduler, timers, transitions } = this.#parts
    const all = admission.blocked || at >= timers.nextLong
    admission.blocked = false
    if (at >= timers.nextLong) {
      timers.nextLong = at + longPause
      this.#long(at)
    }
    for (const endpoint of actors.waiting) {
      for (
        let live = endpoint.ready.peek();
        live !== undefined && at - live.since > Endpoint.patience;
        live = endpoint.ready.peek()
      ) {
        endpoint.ready.shift()
        transitions.defer(live, find(endpoint.webhookId)?.rateLimit === undefined ? "busy" : "rate")
      }
      if (endpoint.ready.size > 0) timers.sweepBy(at + shortPause)
      if (endpoint.waiting === 0) actors.waiting.delete(endpoint)
      else if (all) scheduler.pump(endpoint)
    }
  }

  /** Once a minute: what is held too long, and actors that nothing needs any more. */
  #long(at: number): void {
    const { actors, find, queueing, spilling, transitions } = this.#parts
    for (const endpoint of actors.values()) {
      if (endpoint.held.values().some((live) => queueing.overdue(live, at) !== undefined)) {
        for (const live of endpoint.held.drain()) {
          const happening = queueing.overdue(live, at)
          if (happening === undefined) endpoint.held.push(live)
          else transitions.happen(live, happening)
        }
      }
      // A bucket that is forgotten is a full one: it has to be full by then.
      const rate = find(endpoint.webhookId)?.rateLimit ?? 1
      const rested = endpoint.bucket === undefined || at - endpoint.bucket.at > Math.max(longPause, 1_000 / rate)
      const idle = endpoint.size === 0 && endpoint.overflow.spill === undefined && !endpoint.reading
      if (idle && !isOpen(endpoint.circuit) && rested) actors.forget(endpoint)
      else spilling.refill(endpoint)
    }
  }
}
