import { Context, Effect, Either, Layer, Option } from "effect"
import { type BrokerUnavailable, type StoredMessage, Streams } from "../broker/Streams.ts"
import { deliveriesFilter, deliveriesStream, retryRequestsFilter, streamNames } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import { type Delivery, type DeliveryRecord, isLive, isNewer, type RecordKind } from "../model/Delivery.ts"
import type { WebhookId } from "../model/Id.ts"
import { identity } from "../model/Identity.ts"
import { PackedDeliveries } from "../model/PackedDelivery.ts"
import type { RetryRequest } from "../model/RetryRequest.ts"
import { Identities } from "./Identities.ts"
import { positionKey, PositionMismatch } from "./Positions.ts"
import { decode } from "./Record.ts"
import { patience } from "./RetryRequests.ts"
import { type Snapshot, Snapshots } from "./Snapshots.ts"
import { type HeldLimits, heldLimits, Overflow, Spill } from "./Spill.ts"

/** A partition as its records leave it. */
export interface Recovered {
  readonly floor: number
  readonly live: PackedDeliveries
  /** Held ones that are not in `live`, by webhook. */
  readonly spills: ReadonlyArray<Spill>
  /** For events above the floor: the webhooks whose delivery has a record. Such an event comes again, less these. */
  readonly settled: ReadonlyMap<number, ReadonlySet<WebhookId>>
  /** Events above the floor that were recorded as repeats. */
  readonly duplicates: ReadonlySet<number>
  /** Retries asked for that no record answers. */
  readonly requests: ReadonlyArray<RetryRequest>
  /** Deliveries that were retried by hand and have ended, as far as the replay met them. */
  readonly retried: ReadonlyArray<Delivery>
  readonly identities: Identities
  /** Where reading EVENTS for identities has to begin; those up to the floor are only noted. */
  readonly identitiesFrom: number
  /** The sequence of the partition's DELIVERIES stream that was replayed to. */
  readonly lastSequence: number
  /** S0 of the snapshot it began with, 0 without one. */
  readonly snapshotSequence: number
  /** The highest epoch met: an owner whose own is not above it must fence again. */
  readonly highestEpoch: number
}

/** LOAD and REPLAY of a partition's life: the newest valid snapshot, then DELIVERIES to its last sequence. */
export class Recovery extends Context.Tag("hookline/ledger/Recovery")<Recovery, {
  /**
   * `floor` is the position's. Call it after the fence: what a former owner writes later carries a lower epoch and is ignored. A position that was
   * put back or deleted may be behind the snapshot, in its floor and its epoch: the snapshot fits the streams, and goes first.
   */
  readonly recover: (
    partition: number,
    floor: number
  ) => Effect.Effect<Recovered, BrokerUnavailable | PositionMismatch>
}>() {
  static readonly layer = Layer.effect(
    Recovery,
    Effect.gen(function*() {
      const streams = yield* Streams
      const snapshots = yield* Snapshots
      const topology = yield* Topology

      const recover = Effect.fnUntraced(function*(partition: number, floor: number) {
        const stream = deliveriesStream(partition, topology.deliveriesStreams)
        const { lastSequence } = yield* streams.state(stream)
        const events = yield* streams.state(streamNames.events)
        const snapshot = Option.getOrUndefined(yield* snapshots.newest(positionKey(partition)))
        const fold = new Fold(snapshot, floor)
        if (snapshot !== undefined) {
          // A former owner that was about to go has answered none of these, and its snapshot may be of later.
          const from = yield* streams.sequenceAt(stream, events.brokerTime - patience)
          yield* streams.scan({
            stream,
            filter: retryRequestsFilter(partition),
            from,
            to: snapshot.s0,
            onMessage: (message) => fold.take(message)
          })
        }
        yield* streams.scan({
          stream,
          filter: deliveriesFilter(partition),
          from: (snapshot?.s0 ?? 0) + 1,
          to: lastSequence,
          onMessage: (message) => fold.take(message)
        })
        // DELIVERIES of a later moment than EVENTS: what is published from now on would be taken for what these records have settled.
        const newestEvent = fold.newestEvent
        if (newestEvent !== undefined) {
          const { eventSequence, publishedAt } = newestEvent
          const message = yield* streams.message(streamNames.events, eventSequence)
          // Records of before `published_at` was written say a later time: only a message that is newer still is another.
          const other = Option.exists(message, ({ time }) => time > publishedAt)
          if (other || eventSequence > events.lastSequence) {
            return yield* new PositionMismatch({
              partition: positionKey(partition),
              detail: `${stream} has a record of event ${eventSequence}, which is not in EVENTS`
            })
          }
        }
        if (fold.unreadable > 0) {
          yield* Effect.logError(
            `${fold.unreadable} records of ${stream} could not be read and were passed over: ${fold.problem}`
          )
        }
        const identitiesFrom = snapshot === undefined
          ? yield* streams.sequenceAt(streamNames.events, events.brokerTime - Identities.window)
          : snapshot.floor + 1
        return fold.result(identitiesFrom, lastSequence)
      })
      return { recover }
    })
  )
}

/** What the fold knows of a delivery: that it has ended, what it is, or where it is held. */
interface Known extends Pick<Delivery, "epoch" | "step"> {
  /** Of one that is live and kept, or that was retried by hand and has ended. */
  readonly delivery: Delivery | undefined
  /** The sequence of its record, if it is spilled. */
  readonly spilledAt: number | undefined
}

/** The backlog of a webhook in the fold. */
interface Backlog {
  readonly overflow: Overflow
  /** Held ones that are kept. */
  held: number
  /** Where the spill of the snapshot ended; 0 without one. */
  readonly inherited: number
}

/**
 * The fold of what is live. Finished deliveries stay in it to the end, as numbers, so that a stray older record wakes none of them; and so do held
 * ones, beyond what is kept in memory of a webhook's.
 */
export class Fold {
  readonly #known = new Map<string, Known>()
  readonly #backlogs = new Map<WebhookId, Backlog>()
  readonly #settled = new Map<number, Set<WebhookId>>()
  readonly #duplicates = new Set<number>()
  readonly #requests: Array<RetryRequest> = []
  readonly #floor: number
  readonly #snapshot: Snapshot | undefined
  readonly #limits: HeldLimits
  readonly #identities: Identities
  #highestEpoch: number
  /** The newest event that a record was met of. */
  newestEvent: Pick<Delivery, "eventSequence" | "publishedAt"> | undefined
  unreadable = 0
  problem = ""

  constructor(snapshot: Snapshot | undefined, floor: number, limits = heldLimits) {
    this.#snapshot = snapshot
    this.#limits = limits
    this.#floor = Math.max(floor, snapshot?.floor ?? 0)
    this.#highestEpoch = snapshot?.epoch ?? 0
    this.#identities = new Identities(snapshot?.identities)
    for (const state of snapshot?.spills ?? []) {
      const spill = Spill.from(state)
      const backlog: Backlog = { overflow: this.#overflow(), held: 0, inherited: spill.to }
      backlog.overflow.spill = spill
      this.#backlogs.set(state.webhookId, backlog)
    }
    for (const delivery of snapshot?.live ?? []) {
      if (delivery.state === "held") this.#backlogOf(delivery.webhookId).held++
      this.#keep(delivery, undefined)
    }
    for (const [sequence, webhooks] of snapshot?.settled ?? []) {
      for (const webhook of webhooks) this.#settle(sequence, webhook)
    }
  }

  take(message: Pick<StoredMessage, "data" | "sequence" | "subject">): void {
    const decoded = decode(message.data)
    if (Either.isLeft(decoded)) {
      this.unreadable++
      this.problem = `${message.subject} at ${message.sequence}: ${decoded.left.detail}`
      return
    }
    const fact = decoded.right
    if (fact.type === "duplicate" && fact.eventSequence > this.#floor) this.#duplicates.add(fact.eventSequence)
    if (fact.type === "retry_requested") this.#requests.push(fact.request)
    if (fact.type !== "deliveries") return
    for (const record of fact.records) {
      const { delivery } = record
      // Behind a snapshot of a later owner only a former one, stopped or asleep, can have written this: it knows less.
      if (this.#snapshot !== undefined && delivery.epoch < this.#snapshot.epoch) continue
      this.#highestEpoch = Math.max(this.#highestEpoch, delivery.epoch)
      if (delivery.eventSequence > (this.newestEvent?.eventSequence ?? 0)) {
        this.newestEvent = { eventSequence: delivery.eventSequence, publishedAt: delivery.publishedAt }
      }
      this.#evolve(record, message.sequence)
      this.#settle(delivery.eventSequence, delivery.webhookId)
    }
  }

  /** As `evolve` of model/Delivery.ts does: the highest (epoch, step) stays. */
  #evolve({ delivery, kind }: DeliveryRecord, sequence: number): void {
    const known = this.#known.get(keyOf(delivery))
    if (known === undefined) {
      this.#identities.note(
        identity(delivery.workspaceId, delivery.eventId),
        delivery.eventSequence,
        delivery.publishedAt
      )
    } else if (!isNewer(delivery, known)) return this.#stale(delivery, known, sequence)
    const isHeld = delivery.state === "held"
    const backlog = isHeld ? this.#backlogOf(delivery.webhookId) : this.#backlogs.get(delivery.webhookId)
    if (backlog === undefined) return this.#keep(delivery, undefined)
    const counted = sequence <= backlog.inherited
    if (known === undefined) this.#mayLeave(backlog, delivery, kind, sequence, counted)
    else this.#leave(backlog, known, delivery, sequence)
    if (!isHeld) return this.#keep(delivery, undefined)
    if (!backlog.overflow.takes(delivery, sequence, backlog.held, false)) {
      backlog.held++
      return this.#keep(delivery, undefined)
    }
    if (counted && known === undefined) this.#count(backlog, -1)
    this.#keep(delivery, sequence)
  }

  /** Nothing in a range may stand that is not the newest. */
  #stale(delivery: Delivery, known: Known, sequence: number): void {
    const backlog = this.#backlogs.get(delivery.webhookId)
    if (delivery.state !== "held" || backlog === undefined) return
    const { spill } = backlog.overflow
    // A range that begins later begins behind it.
    if (spill?.covers(sequence) !== true) return
    if (known.spilledAt === undefined) spill.mask(delivery.eventSequence, sequence)
    else spill.maskBeside(delivery.eventSequence, sequence)
  }

  /** What is met for the first time behind a snapshot may stand in its spill: not the first record of a delivery. */
  #mayLeave(backlog: Backlog, delivery: Delivery, kind: RecordKind, sequence: number, counted: boolean): void {
    if (delivery.step === 1 || backlog.inherited === 0) return
    backlog.overflow.spill?.mask(delivery.eventSequence, sequence - 1)
    // One that had ended and was retried by hand did not stand there.
    const hadEnded = kind === "retried" && delivery.round > 1 && delivery.roundAttempt === 0
    if (!counted && !hadEnded) this.#count(backlog, -1)
  }

  #leave(backlog: Backlog, known: Known, { eventSequence }: Delivery, sequence: number): void {
    if (known.spilledAt !== undefined) {
      backlog.overflow.spill?.mask(eventSequence, sequence - 1)
      this.#count(backlog, -1)
    } else if (known.delivery?.state === "held") backlog.held--
  }

  #count({ overflow: { spill } }: Backlog, change: number): void {
    if (spill !== undefined) spill.count = Math.max(0, spill.count + change)
  }

  #keep(delivery: Delivery, spilledAt: number | undefined): void {
    const { epoch, round, step } = delivery
    const whole = spilledAt === undefined && (isLive(delivery) || round > 1)
    this.#known.set(keyOf(delivery), { epoch, step, spilledAt, delivery: whole ? delivery : undefined })
  }

  #overflow(): Overflow {
    const snapshot = this.#snapshot
    return snapshot === undefined
      ? new Overflow(0, undefined, this.#limits)
      : new Overflow(snapshot.s0, [snapshot.s0, snapshot.epoch], this.#limits)
  }

  #backlogOf(webhookId: WebhookId): Backlog {
    const known = this.#backlogs.get(webhookId)
    if (known !== undefined) return known
    const backlog: Backlog = { overflow: this.#overflow(), held: 0, inherited: 0 }
    this.#backlogs.set(webhookId, backlog)
    return backlog
  }

  #settle(sequence: number, webhook: WebhookId): void {
    if (sequence <= this.#floor) return
    const webhooks = this.#settled.get(sequence)
    if (webhooks === undefined) this.#settled.set(sequence, new Set([webhook]))
    else webhooks.add(webhook)
  }

  /** What is left of the spills, without what is before the first that stands. */
  #spills(): ReadonlyArray<Spill> {
    const first = new Map<string, number>()
    for (const [key, { spilledAt }] of this.#known) {
      const webhook = key.slice(0, key.indexOf("/"))
      if (spilledAt !== undefined) first.set(webhook, Math.min(spilledAt, first.get(webhook) ?? spilledAt))
    }
    return Array.from(this.#backlogs).flatMap(([webhookId, { inherited, overflow: { spill } }]) => {
      if (spill === undefined) return []
      if (inherited === 0) spill.passed((first.get(webhookId) ?? Number.POSITIVE_INFINITY) - 1)
      spill.prune()
      return spill.isRead ? [] : [spill]
    })
  }

  result(identitiesFrom: number, lastSequence: number): Recovered {
    const kept = Array.from(this.#known.values(), ({ delivery }) => delivery).filter((delivery) =>
      delivery !== undefined
    )
    return {
      floor: this.#floor,
      live: new PackedDeliveries(kept.filter(isLive)),
      spills: this.#spills(),
      settled: this.#settled,
      duplicates: this.#duplicates,
      requests: this.#requests.filter(({ delivery }) => {
        const known = this.#known.get(keyOf(delivery))
        return known === undefined || !isNewer(known, delivery)
      }),
      retried: kept.filter((delivery) => delivery.round > 1 && !isLive(delivery)),
      identities: this.#identities,
      identitiesFrom: Math.min(identitiesFrom, this.#floor + 1),
      lastSequence,
      snapshotSequence: this.#snapshot?.s0 ?? 0,
      highestEpoch: this.#highestEpoch
    }
  }
}

const keyOf = (delivery: Delivery): string => `${delivery.webhookId}/${delivery.eventSequence}`
