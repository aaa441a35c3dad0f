import { Context, Effect, Either, Layer } from "effect"
import { type BrokerUnavailable, Streams } from "../broker/Streams.ts"
import { deliveriesStream, deliverySubject, partitionOf } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import type { Delivery } from "../model/Delivery.ts"
import type { WebhookId, WorkspaceId } from "../model/Id.ts"
import { decode } from "./Record.ts"

/** A record is stored so long after its time at the latest, unless the broker was away; then it is looked for further on. */
const storedWithin = 10_000

/** Where to read, both ends included. */
export interface HeldRange {
  readonly workspaceId: WorkspaceId
  readonly webhookId: WebhookId
  readonly from: number
  readonly to: number
}

/** The `deferred` records of a webhook, read back from DELIVERIES: its backlog, as far as it is not in memory. */
export class HeldRecords extends Context.Tag("hookline/ledger/HeldRecords")<HeldRecords, {
  /** In stream order, a message at a time, until `onRecords` says that it is enough. True: it came to the end. */
  readonly read: (
    range: HeldRange,
    onRecords: (sequence: number, deliveries: ReadonlyArray<Delivery>) => boolean
  ) => Effect.Effect<boolean, BrokerUnavailable>
  /** Offers the records of this very state in the range, until one is taken (true). */
  readonly find: (
    seen: Delivery,
    range: HeldRange,
    take: (sequence: number, delivery: Delivery) => boolean
  ) => Effect.Effect<void, BrokerUnavailable>
}>() {
  static readonly layer = Layer.effect(
    HeldRecords,
    Effect.gen(function*() {
      const streams = yield* Streams
      const topology = yield* Topology

      const read: Context.Tag.Service<HeldRecords>["read"] = ({ from, to, webhookId, workspaceId }, onRecords) =>
        Effect.gen(function*() {
          const partition = partitionOf(workspaceId, topology.partitions)
          let enough = false
          let unreadable = 0
          yield* streams.scan({
            stream: deliveriesStream(partition, topology.deliveriesStreams),
            filter: deliverySubject(partition, workspaceId, webhookId, "deferred"),
            from,
            to,
            onMessage: ({ data, sequence }) => {
              const decoded = decode(data)
              if (Either.isLeft(decoded)) unreadable++
              const records = Either.isRight(decoded) && decoded.right.type === "deliveries"
                ? decoded.right.records
                : []
              enough = onRecords(sequence, records.map(({ delivery }) => delivery))
            },
            enough: () => enough
          })
          if (unreadable > 0) yield* Effect.logError(`${unreadable} records of ${webhookId} could not be read`)
          return !enough
        })

      const find: Context.Tag.Service<HeldRecords>["find"] = (seen, range, take) =>
        Effect.gen(function*() {
          const partition = partitionOf(seen.workspaceId, topology.partitions)
          const stream = deliveriesStream(partition, topology.deliveriesStreams)
          const after = yield* streams.sequenceAt(stream, seen.heldSince - storedWithin)
          yield* read(
            { ...range, from: Math.max(range.from, after) },
            (sequence, deliveries) => deliveries.some((delivery) => isSame(delivery, seen) && take(sequence, delivery))
          )
        })
      return { read, find }
    })
  )
}

const isSame = (one: Delivery, other: Delivery): boolean =>
  one.eventSequence === other.eventSequence && one.epoch === other.epoch && one.step === other.step
