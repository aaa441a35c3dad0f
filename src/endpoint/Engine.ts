/**
 * All endpoint actors of an owner, put together: who may start an attempt, what follows from it, and what waits for what.
 *
 *     offer ──▶ ready ─┐                       ┌─▶ succeeded, failed, suppressed: recorded, gone
 *     adopt ──▶ held ──┼─▶ lane: one attempt ──┼─▶ attempt_failed: recorded ─▶ timers ─▶ (due) ready
 *     timers ──────────┤                       └─▶ deferred: recorded ─▶ held
 *     retry ─▶ recorded┘
 *
 * Its parts, each of which calls only those to its right; what is acknowledged, and what is read back, comes in again on the left:
 *
 *     Sweep ──▶ Queueing ──▶ Scheduler ──▶ Admission ──▶ Transitions ──▶ ledger
 *     ManualRetries ─────────────────────────────────────────┘
 *
 * What must stay true: everything runs on one thread, in plain objects. A delivery has at most one unacknowledged record, and a change that has a
 * record is in force when that is acknowledged. A live delivery is in exactly one of ready, held, timers or a lane, or waits for its record, or is
 * spilled (Spilling); each of these has a trigger (a free lane, the sweep, a due time, an acknowledgement, a backlog that has become short).
 */
import type { Effect } from "effect"
import type { Spill, SpillState } from "../ledger/Spill.ts"
import { type Delivery, type Match, matched } from "../model/Delivery.ts"
import type { ParsedEvent } from "../model/Event.ts"
import type { WebhookId } from "../model/Id.ts"
import type { RetryAnswer, RetryRequest } from "../model/RetryRequest.ts"
import type { Webhook } from "../model/Webhook.ts"
import * as Telemetry from "../Telemetry.ts"
import { Actors } from "./Actors.ts"
import { Admission } from "./Admission.ts"
import { Live } from "./Endpoint.ts"
import type { Environment } from "./Environment.ts"
import { Figures } from "./Figures.ts"
import { InFlight } from "./InFlight.ts"
import { ManualRetries } from "./ManualRetries.ts"
import { Ownership } from "./Ownership.ts"
import { Queueing } from "./Queueing.ts"
import { Retried } from "./Retried.ts"
import { Scheduler } from "./Scheduler.ts"
import { Spilling } from "./Spilling.ts"
import { Sweep } from "./Sweep.ts"
import { Timers } from "./Timers.ts"
import { Transitions } from "./Transitions.ts"
import { Turns } from "./Turns.ts"

export class Engine {
  readonly #env: Environment
  readonly #ownership: Ownership
  readonly #actors: Actors
  readonly #inFlight: InFlight
  readonly #retried: Retried
  readonly #transitions: Transitions
  readonly #spilling: Spilling
  readonly #scheduler: Scheduler
  readonly #queueing: Queueing
  readonly #sweep: Sweep
  readonly #manualRetries: ManualRetries
  readonly figures: Figures

  constructor(env: Environment) {
    const ownership = new Ownership(env)
    const actors = new Actors(env)
    const inFlight = new InFlight(env.places)
    const timers = new Timers(env.wake)
    const turns = new Turns()
    const retried = new Retried(env.recordedUpTo)
    const shared = { ...env, ownership, actors, inFlight, timers, turns, retried }
    const transitions = new Transitions({
      ...shared,
      moved: (live, stored) => this.#queueing.moved(live, stored)
    })
    const spilling = new Spilling({
      reader: env.reader,
      now: env.ledger.now,
      recordedUpTo: env.recordedUpTo,
      ended: () => ownership.isEnding,
      revive: (endpoint, delivery) => this.#queueing.revive(endpoint, delivery),
      revived: (endpoint) => this.#scheduler.pump(endpoint),
      later: (endpoint, at) => timers.endpoint(endpoint, at)
    })
    const admission = new Admission({ ...shared, transitions })
    const scheduler = new Scheduler({ ...shared, admission, spilling, transitions })
    const queueing = new Queueing({ ...shared, admission, scheduler, spilling, transitions })
    this.#env = env
    this.#ownership = ownership
    this.#actors = actors
    this.#inFlight = inFlight
    this.#retried = retried
    this.#transitions = transitions
    this.#spilling = spilling
    this.#scheduler = scheduler
    this.#queueing = queueing
    this.#sweep = new Sweep({ ...shared, admission, queueing, scheduler, spilling, transitions })
    this.#manualRetries = new ManualRetries({ ...shared, spilling, transitions })
    this.figures = new Figures(env, actors, inFlight)
  }

  // --- what comes in

  offer(input: Match, webhook: Webhook, event: ParsedEvent, partition: number, settled: () => void): void {
    const endpoint = this.#actors.of(input, partition)
    if (endpoint.has(input.eventSequence)) return settled()
    const live = new Live(endpoint, matched(input, this.#env.ledger.now(), this.#transitions.rules(endpoint)))
    live.event = event
    live.settle = settled
    endpoint.live.set(input.eventSequence, live)
    Telemetry.deliveriesMatched.add()
    this.#queueing.arrive(live, webhook)
  }

  adopt(delivery: Delivery, partition: number): void {
    const webhook = this.#env.find(delivery.webhookId)
    if (webhook === undefined) return
    const endpoint = this.#actors.of(delivery, partition)
    const at = this.#env.ledger.now()
    // A snapshot may have caught it in flight: it is held, as its last record says or would. A retry that was accepted waits for a lane.
    const reason = delivery.state === "in_flight" ? "in_flight" : delivery.state === "ready" ? "busy" : undefined
    const state: Delivery = reason === undefined
      ? delivery
      : { ...delivery, state: "held", heldReason: reason, heldSince: delivery.heldSince || at }
    const live = new Live(endpoint, state)
    endpoint.live.set(state.eventSequence, live)
    if (state.state === "due") return this.#queueing.wait(live)
    if (state.state === "held" && webhook.state === "disabled") {
      return this.#transitions.happen(live, { type: "disabled", at })
    }
    this.#queueing.hold(live)
  }

  /** A backlog that is not in memory. `replayedTo`: the sequence that the replay of the partition reached. */
  adoptSpill(spill: Spill, partition: number, replayedTo: number): void {
    if (this.#env.find(spill.webhookId) === undefined) return
    const endpoint = this.#actors.of(spill, partition)
    spill.fence([replayedTo, this.#env.epoch(partition)])
    endpoint.overflow.spill = spill
    this.#spilling.refill(endpoint)
  }

  /** What the replay of a partition met of deliveries that were retried by hand and have ended; `from`: the sequence it began at. */
  adoptRetried(ended: ReadonlyArray<Delivery>, partition: number, from: number): void {
    this.#retried.knownFrom(partition, from)
    for (const delivery of ended) this.#retried.ended(delivery)
  }

  /** A retry is asked for by hand; see ManualRetries. */
  retry(request: RetryRequest, partition: number, answer: (answer: RetryAnswer) => void): void {
    this.#manualRetries.ask(request, partition, answer)
  }

  /** A fact about a webhook was applied to the projection. */
  changed(webhookId: WebhookId): void {
    const endpoint = this.#actors.get(webhookId)
    if (endpoint === undefined) return
    const webhook = this.#env.find(webhookId)
    if (webhook !== undefined) endpoint.held.follow(webhook)
    if (webhook === undefined) {
      for (const live of endpoint.live.values()) this.#queueing.cancel(live)
      endpoint.asleep.clear()
      endpoint.ready.drain()
      endpoint.held.drain()
      endpoint.overflow.drop()
    } else if (webhook.state === "disabled") {
      const at = this.#env.ledger.now()
      for (const live of [...endpoint.ready.drain(), ...endpoint.held.drain()]) {
        this.#transitions.happen(live, { type: "disabled", at })
      }
    } else if (webhook.state === "paused") {
      for (const live of endpoint.ready.drain()) this.#transitions.defer(live, "paused")
    } else this.#scheduler.pump(endpoint)
    this.#spilling.refill(endpoint)
  }

  /** Looks at everything that time moves; says in how many milliseconds it has to be called again at the latest. */
  sweep(): number {
    return this.#sweep.run()
  }

  // --- what a snapshot has of a partition

  live(partition: number): ReadonlyArray<Delivery> {
    return this.#actors.live(partition)
  }

  /** The backlogs that are not in memory. */
  spills(partition: number): ReadonlyArray<SpillState> {
    return this.#actors.spills(partition)
  }

  // --- the end

  /** Starts nothing more; ready deliveries are recorded as held. */
  stop(): void {
    this.#ownership.stopping = true
    for (const endpoint of this.#actors.values()) {
      for (const live of endpoint.ready.drain()) this.#transitions.defer(live, "shutdown")
    }
  }

  /** Completes when nothing is in flight. */
  get idle(): Effect.Effect<void> {
    return this.#inFlight.idle
  }

  /** Ends every attempt in flight; each is recorded as held. */
  abort(): void {
    this.#scheduler.abort()
  }

  /** LOST: nothing is recorded from here on, whatever still ends. */
  abandon(): void {
    this.#ownership.abandoned = true
    for (const live of this.#inFlight.all) live.abort?.()
  }
}
