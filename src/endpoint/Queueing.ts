import type { Stored } from "../ledger/Ledger.ts"
import { circuitLimit, type Delivery, type Happening } from "../model/Delivery.ts"
import type { Webhook } from "../model/Webhook.ts"
import type { Actors } from "./Actors.ts"
import type { Admission } from "./Admission.ts"
import { type Endpoint, Live } from "./Endpoint.ts"
import type { Environment } from "./Environment.ts"
import type { InFlight } from "./InFlight.ts"
import type { Retried } from "./Retried.ts"
import type { Scheduler } from "./Scheduler.ts"
import type { Spilling } from "./Spilling.ts"
import { shortPause, type Timers } from "./Timers.ts"
import type { Transitions } from "./Transitions.ts"

interface Parts extends Pick<Environment, "find" | "keepBody" | "ledger" | "retries"> {
  readonly actors: Actors
  readonly admission: Admission
  readonly inFlight: InFlight
  readonly retried: Retried
  readonly scheduler: Scheduler
  readonly spilling: Spilling
  readonly timers: Timers
  readonly transitions: Transitions
}

/** What is due sooner stays as it is, milliseconds. */
const shortSleep = 5_000

/** What waits for what: a live delivery that is not in flight is put into ready, held or the timers, is spilled, or is gone. */
export class Queueing {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** READY, or due now: into the queue if its turn comes within a second, else held. */
  arrive(live: Live, webhook: Webhook): void {
    const { actors, admission, ledger, scheduler, timers, transitions } = this.#parts
    const { endpoint } = live
    if (webhook.state === "disabled") return transitions.happen(live, { type: "disabled", at: ledger.now() })
    const obstacle = admission.obstacle(endpoint, webhook)
    const at = ledger.now()
    if (obstacle !== undefined || !admission.hasRoom(live, webhook, at)) {
      return transitions.defer(live, obstacle ?? "busy")
    }
    live.since = at
    endpoint.ready.push(live)
    actors.waiting.add(endpoint)
    scheduler.pump(endpoint)
    if (endpoint.ready.size > 0) timers.sweepBy(live.since + shortPause)
  }

  hold(live: Live): void {
    const { actors, scheduler, timers } = this.#parts
    const { endpoint } = live
    endpoint.held.push(live)
    actors.waiting.add(endpoint)
    scheduler.pump(endpoint)
    if (endpoint.held.size > 0) timers.sweepBy(timers.nextLong)
  }

  /** Its record is acknowledged, and it is not in flight, or no longer. */
  moved(live: Live, stored: Stored): void {
    const { inFlight, ledger, scheduler, spilling } = this.#parts
    const freed = inFlight.end(live, ledger.now())
    this.#route(live, stored)
    if (freed) scheduler.continue(live.endpoint)
    spilling.refill(live.endpoint)
  }

  /** Puts a delivery where its state belongs. */
  #route(live: Live, stored: Stored): void {
    const { find, keepBody, ledger, retried, spilling, transitions } = this.#parts
    const { endpoint, event, state } = live
    live.event = undefined
    const ended = state.state !== "due" && state.state !== "held" && state.state !== "ready"
    if (ended && state.round > 1) retried.ended(state)
    if (ended || live.cancelled) {
      // A retry by hand may have taken its place.
      if (endpoint.live.get(state.eventSequence) === live) endpoint.live.delete(state.eventSequence)
      return
    }
    const webhook = find(endpoint.webhookId)
    if (webhook === undefined) return this.cancel(live)
    if (state.state === "due") return this.wait(live)
    if (state.state === "ready") return this.arrive(live, webhook)
    if (webhook.state === "disabled") return transitions.happen(live, { type: "disabled", at: ledger.now() })
    if (spilling.takes(live, stored)) return
    if (event !== undefined) keepBody(state.eventSequence, event)
    this.hold(live)
  }

  /** DUE: it sleeps, unless that is not worth it. */
  wait(live: Live): void {
    const { ledger, timers } = this.#parts
    const { endpoint, state: { dueAt, eventSequence } } = live
    if (dueAt - ledger.now() < shortSleep || live.afterRecord !== undefined) return timers.delivery(live, dueAt)
    endpoint.live.delete(eventSequence)
    endpoint.asleep.put(live.state)
    timers.asleep(endpoint, eventSequence, dueAt)
  }

  /** Its time has almost come, if it is still asleep. */
  wake(endpoint: Endpoint, eventSequence: number): void {
    const delivery = endpoint.asleep.take(eventSequence)
    if (delivery === undefined) return
    const live = new Live(endpoint, delivery)
    endpoint.live.set(eventSequence, live)
    this.#parts.timers.delivery(live, delivery.dueAt)
  }

  /** HELD, and back in memory. Starts nothing. */
  revive(endpoint: Endpoint, delivery: Delivery): void {
    const { actors, find, ledger, timers, transitions } = this.#parts
    const live = new Live(endpoint, delivery)
    endpoint.live.set(delivery.eventSequence, live)
    const webhook = find(endpoint.webhookId)
    if (webhook === undefined) return this.cancel(live)
    const at = ledger.now()
    const happening: Happening | undefined = webhook.state === "disabled"
      ? { type: "disabled", at }
      : this.overdue(live, at)
    if (happening !== undefined) return transitions.happen(live, happening)
    endpoint.held.push(live)
    actors.waiting.add(endpoint)
    timers.sweepBy(timers.nextLong)
  }

  /** What becomes of a held delivery by time alone. */
  overdue(live: Live, at: number): Happening | undefined {
    const { openedAt } = live.endpoint.circuit
    if (at >= live.state.expiresAt) return { type: "expired", at }
    return openedAt !== undefined && at >= circuitLimit(live.state, openedAt, this.#parts.retries)
      ? { type: "circuit_exhausted", at }
      : undefined
  }

  /** `webhook.deleted` is the record: nothing is appended. What is in flight, or has a record on its way, goes when that is done. */
  cancel(live: Live): void {
    live.cancelled = true
    if (live.recording || this.#parts.inFlight.has(live)) return
    live.endpoint.live.delete(live.state.eventSequence)
    const settle = live.settle
    live.settle = undefined
    settle?.()
  }
}
