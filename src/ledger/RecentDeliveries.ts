import { Context, Effect, Either, Layer } from "effect"
import { type BrokerUnavailable, type StoredMessage, Streams } from "../broker/Streams.ts"
import { deliveriesStream, partitionOf, webhookDeliveriesFilter } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import type { AttemptOutcome } from "../model/Attempt.ts"
import { type Delivery, type DeliveryRecord, type DeliveryState, isNewer } from "../model/Delivery.ts"
import { deliveryId } from "../model/Id.ts"
import { decode } from "./Record.ts"

/** A delivery as its records say it is, for people. Times are broker milliseconds. */
export interface DeliveryView {
  readonly id: string
  readonly eventId: string
  readonly eventType: string
  /** `retrying` waits for its due time; `held` waits for the end of a reason and uses up no attempt. */
  readonly status: "succeeded" | "retrying" | "failed" | "held" | "suppressed" | "cancelled"
  /** HTTP requests made so far. */
  readonly attempts: number
  /** HTTP status, error and latency (milliseconds) of the last attempt that has a record. */
  readonly lastStatus?: number | undefined
  readonly lastError?: string | undefined
  readonly lastLatency?: number | undefined
  readonly nextDue?: number | undefined
  readonly heldReason?: string | undefined
  readonly updatedAt: number
}

const shown = 50
/** How far back the records are read, in steps: a stream cannot be read backwards. */
const reaches = [2_000, 20_000, 200_000, Number.POSITIVE_INFINITY]

/** What became of a webhook's latest deliveries, read from DELIVERIES. */
export class RecentDeliveries extends Context.Tag("hookline/ledger/RecentDeliveries")<RecentDeliveries, {
  /** The last 50, newest first. */
  readonly of: (
    workspaceId: string,
    webhookId: string
  ) => Effect.Effect<ReadonlyArray<DeliveryView>, BrokerUnavailable>
}>() {
  static readonly layer = Layer.effect(
    RecentDeliveries,
    Effect.gen(function*() {
      const streams = yield* Streams
      const topology = yield* Topology

      const of = Effect.fnUntraced(function*(workspaceId: string, webhookId: string) {
        const partition = partitionOf(workspaceId, topology.partitions)
        const stream = deliveriesStream(partition, topology.deliveriesStreams)
        const { firstSequence, lastSequence } = yield* streams.state(stream)
        let known = new Map<number, Known>()
        for (const reach of reaches) {
          const from = Math.max(firstSequence, lastSequence - reach + 1, 1)
          known = new Map()
          yield* streams.scan({
            stream,
            filter: webhookDeliveriesFilter(partition, workspaceId, webhookId),
            from,
            to: lastSequence,
            onMessage: (message) => take(known, message)
          })
          if (known.size >= shown || from <= Math.max(firstSequence, 1)) break
        }
        return Array.from(known.values(), (one) => view(one, topology.eventsCreated))
          .sort((left, right) => right.updatedAt - left.updatedAt)
          .slice(0, shown)
      })
      return { of }
    })
  )
}

interface Known {
  delivery: Delivery
  at: number
  attempted: { readonly attempt: number; readonly outcome: AttemptOutcome } | undefined
}

const take = (known: Map<number, Known>, message: StoredMessage): void => {
  const decoded = decode(message.data)
  if (Either.isLeft(decoded) || decoded.right.type !== "deliveries") return
  for (const record of decoded.right.records) {
    const before = known.get(record.delivery.eventSequence)
    if (before === undefined) {
      known.set(record.delivery.eventSequence, {
        delivery: record.delivery,
        at: record.at,
        attempted: attemptOf(record)
      })
      continue
    }
    const attempted = attemptOf(record)
    if (attempted !== undefined && attempted.attempt >= (before.attempted?.attempt ?? 0)) before.attempted = attempted
    if (!isNewer(record.delivery, before.delivery)) continue
    before.delivery = record.delivery
    before.at = record.at
  }
}

const attemptOf = ({ delivery, outcome }: DeliveryRecord): Known["attempted"] =>
  outcome === undefined ? undefined : { attempt: delivery.attempt, outcome }

const statuses: Record<DeliveryState, DeliveryView["status"]> = {
  ready: "retrying",
  in_flight: "retrying",
  due: "retrying",
  held: "held",
  succeeded: "succeeded",
  failed: "failed",
  suppressed: "suppressed"
}

const view = ({ at, attempted, delivery }: Known, eventsCreated: string): DeliveryView => ({
  id: deliveryId(eventsCreated, delivery.eventSequence, delivery.webhookId),
  eventId: delivery.eventId,
  eventType: delivery.eventType,
  status: statuses[delivery.state],
  attempts: delivery.attempt,
  lastStatus: attempted?.outcome.status,
  lastError: attempted?.outcome.error ??
    (delivery.failReason === "expired" ? "the event has left the stream" : undefined),
  lastLatency: attempted?.outcome.latency,
  nextDue: delivery.state === "due" ? delivery.dueAt : undefined,
  heldReason: delivery.heldReason,
  updatedAt: at
})
