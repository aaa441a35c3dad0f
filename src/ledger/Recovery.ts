import { Context, Effect, Either, Layer, Option } from "effect"
import { type BrokerUnavailable, type StoredMessage, Streams } from "../broker/Streams.ts"
import { deliveriesFilter, deliveriesStream, streamNames } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import { type Delivery, evolve, isLive, isNewer } from "../model/Delivery.ts"
import type { WebhookId } from "../model/Id.ts"
import { identity } from "../model/Identity.ts"
import type { RetryRequest } from "../model/RetryRequest.ts"
import { Identities } from "./Identities.ts"
import { decode } from "./Record.ts"
import { type Snapshot, Snapshots } from "./Snapshots.ts"

/** A partition as its records leave it. */
export interface Recovered {
  readonly floor: number
  readonly live: Array<Delivery>
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
  /** `floor` is the position's. Call it after the fence: what a former owner writes later carries a lower epoch and is ignored. */
  readonly recover: (partition: number, floor: number) => Effect.Effect<Recovered, BrokerUnavailable>
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
        const newest = Option.getOrUndefined(yield* snapshots.newest(`p${partition}`))
        // Streams put back to an older state know less than a snapshot made since: it speaks of other messages.
        const ahead = newest !== undefined && (newest.floor > events.lastSequence || newest.s0 > lastSequence)
        if (ahead) {
          yield* Effect.logError(`the snapshot of partition ${partition} is ahead of its streams and is not used`)
        }
        const snapshot = ahead ? undefined : newest
        const fold = new Fold(snapshot, floor)
        yield* streams.scan({
          stream,
          filter: deliveriesFilter(partition),
          from: (snapshot?.s0 ?? 0) + 1,
          to: lastSequence,
          onMessage: (message) => fold.take(message)
        })
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

/** The fold of what is live. Finished deliveries stay in it to the end, so that a stray older record wakes none of them. */
class Fold {
  readonly #known = new Map<string, Delivery>()
  readonly #settled = new Map<number, Set<WebhookId>>()
  readonly #duplicates = new Set<number>()
  readonly #requests: Array<RetryRequest> = []
  readonly #floor: number
  readonly #snapshot: Snapshot | undefined
  readonly #identities: Identities
  #highestEpoch: number
  unreadable = 0
  problem = ""

  constructor(snapshot: Snapshot | undefined, floor: number) {
    this.#snapshot = snapshot
    this.#floor = Math.max(floor, snapshot?.floor ?? 0)
    this.#highestEpoch = snapshot?.epoch ?? 0
    this.#identities = new Identities(snapshot?.identities)
    for (const delivery of snapshot?.live ?? []) this.#put(delivery)
    for (const [sequence, webhooks] of snapshot?.settled ?? []) {
      for (const webhook of webhooks) this.#settle(sequence, webhook)
    }
  }

  take(message: StoredMessage): void {
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
      const known = this.#known.get(keyOf(delivery))
      if (known === undefined) {
        this.#identities.note(
          identity(delivery.workspaceId, delivery.eventId),
          delivery.eventSequence,
          delivery.publishedAt
        )
      }
      this.#put(evolve(known, record))
      this.#settle(delivery.eventSequence, delivery.webhookId)
    }
  }

  #put(delivery: Delivery): void {
    this.#known.set(keyOf(delivery), delivery)
  }

  #settle(sequence: number, webhook: WebhookId): void {
    if (sequence <= this.#floor) return
    const webhooks = this.#settled.get(sequence)
    if (webhooks === undefined) this.#settled.set(sequence, new Set([webhook]))
    else webhooks.add(webhook)
  }

  result(identitiesFrom: number, lastSequence: number): Recovered {
    return {
      floor: this.#floor,
      live: Array.from(this.#known.values()).filter(isLive),
      settled: this.#settled,
      duplicates: this.#duplicates,
      requests: this.#requests.filter(({ delivery }) => {
        const known = this.#known.get(keyOf(delivery))
        return known === undefined || !isNewer(known, delivery)
      }),
      retried: Array.from(this.#known.values()).filter((delivery) => delivery.round > 1 && !isLive(delivery)),
      identities: this.#identities,
      identitiesFrom: Math.min(identitiesFrom, this.#floor + 1),
      lastSequence,
      snapshotSequence: this.#snapshot?.s0 ?? 0,
      highestEpoch: this.#highestEpoch
    }
  }
}

const keyOf = (delivery: Delivery): string => `${delivery.webhookId}/${delivery.eventSequence}`
