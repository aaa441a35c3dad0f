import { Effect, Either } from "effect"
import type { Connection } from "../../broker/Connection.ts"
import { streamLayout } from "../../broker/StreamLayout.ts"
import { type BrokerUnavailable, Streams } from "../../broker/Streams.ts"
import {
  deliveriesAllFilter,
  deliveriesStream,
  partitionOf,
  streamNames,
  webhooksFilter,
  workspaceDeliveriesFilter,
  workspaceWebhooksFilter
} from "../../broker/Subjects.ts"
import { type Delivery, type DeliveryRecord, evolve as evolveDelivery } from "../../model/Delivery.ts"
import { deliveryId } from "../../model/Id.ts"
import type { Webhook } from "../../model/Webhook.ts"
import { decodeFact } from "../../model/WebhookFacts.ts"
import { evolve as evolveWebhook } from "../../model/WebhookLife.ts"
import { decode } from "../Record.ts"

/** How things were at a moment of the past, by the folds that everything else uses: only what had happened by then. Times are broker milliseconds. */

/** All webhooks that there were, deleted ones too, in the order of creation. */
export const webhooksAt = (
  time: number,
  workspace: string | undefined
): Effect.Effect<ReadonlyArray<Webhook>, BrokerUnavailable, Streams> =>
  Effect.gen(function*() {
    const streams = yield* Streams
    const known = new Map<string, Webhook>()
    const end = yield* streams.sequenceAt(streamNames.webhooks, time + 1)
    yield* streams.scan({
      stream: streamNames.webhooks,
      filter: workspace === undefined ? webhooksFilter : workspaceWebhooksFilter(workspace),
      from: 1,
      to: end - 1,
      onMessage: ({ data }) => {
        const fact = decodeFact(data)
        // What cannot be read changed nothing when it was folded either.
        if (Either.isLeft(fact)) return
        const webhook = evolveWebhook(known.get(fact.right.webhookId), fact.right)
        if (webhook !== undefined) known.set(webhook.id, webhook)
      }
    })
    return [...known.values()]
  })

export interface PastDelivery {
  readonly delivery: Delivery
  /** Its records up to then, in the order of the stream. */
  readonly records: ReadonlyArray<DeliveryRecord>
}

/** A delivery; undefined: it had no record by then. Reads all of DELIVERIES up to then, or all of a workspace's. */
export const deliveryAt = (
  time: number,
  id: string,
  workspace: string | undefined
): Effect.Effect<PastDelivery | undefined, BrokerUnavailable, Streams | Connection> =>
  Effect.gen(function*() {
    const streams = yield* Streams
    const layout = yield* streamLayout
    const { created } = yield* streams.state(streamNames.events)
    const records: Array<DeliveryRecord> = []
    let delivery: Delivery | undefined
    const sources = workspace === undefined
      ? layout.deliveries.map((stream) => [stream, deliveriesAllFilter] as const)
      : [
        [
          deliveriesStream(partitionOf(workspace, layout.partitions), layout.deliveries.length),
          workspaceDeliveriesFilter(partitionOf(workspace, layout.partitions), workspace)
        ] as const
      ]
    const wanted = Buffer.from(id)
    yield* Effect.forEach(sources, ([stream, filter]) =>
      Effect.gen(function*() {
        const end = yield* streams.sequenceAt(stream, time + 1)
        yield* streams.scan({
          stream,
          filter,
          from: 1,
          to: end - 1,
          onMessage: ({ data }) => {
            if (Buffer.from(data.buffer, data.byteOffset, data.byteLength).indexOf(wanted) === -1) return
            const fact = decode(data)
            if (Either.isLeft(fact) || fact.right.type !== "deliveries") return
            for (const record of fact.right.records) {
              const { eventSequence, webhookId } = record.delivery
              if (deliveryId(created, eventSequence, webhookId) !== id) continue
              records.push(record)
              delivery = evolveDelivery(delivery, record)
            }
          }
        })
      }), { concurrency: "unbounded", discard: true })
    return delivery === undefined ? undefined : { delivery, records }
  })
