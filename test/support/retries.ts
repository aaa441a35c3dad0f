/** What tests of retries by hand have in common. */
import { it } from "@effect/vitest"
import { Context, Effect, Either, Layer, Option } from "effect"
import { Streams } from "../../src/broker/Streams.ts"
import { deliveriesFilter, deliveriesStream, partitionOf } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { decode } from "../../src/ledger/Record.ts"
import { RetryRequests } from "../../src/ledger/RetryRequests.ts"
import type { Delivery, DeliveryRecord } from "../../src/model/Delivery.ts"
import type { brokerLayer } from "./broker.ts"
import { receiver } from "./receiver.ts"
import { startWorker } from "./worker.ts"

/** The records of ws_1, and the sequence up to which they were read. */
export const recorded = Effect.gen(function*() {
  const streams = yield* Streams
  const { deliveriesStreams, partitions } = yield* Topology
  const partition = partitionOf("ws_1", partitions)
  const stream = deliveriesStream(partition, deliveriesStreams)
  const { lastSequence } = yield* streams.state(stream)
  const records: Array<DeliveryRecord> = []
  yield* streams.scan({
    stream,
    filter: deliveriesFilter(partition),
    from: 1,
    to: lastSequence,
    onMessage: ({ data }) => {
      const fact = Either.getOrThrow(decode(data))
      if (fact.type === "deliveries") records.push(...fact.records)
    }
  })
  return { records, lastSequence }
}).pipe(Effect.orDie)

/** Asks for a retry of a delivery as it was seen; null when no owner has answered. */
export const asking = Effect.map(Layer.build(RetryRequests.layer), (context) => {
  const requests = Context.get(context, RetryRequests)
  return (delivery: Delivery, seenSequence: number) =>
    requests.ask(delivery, seenSequence).pipe(Effect.map(Option.getOrNull), Effect.orDie)
})

// What a test here may need, for its type alone.
const everything = Effect.zipRight(startWorker, Effect.zipRight(asking, receiver()))

/** Tests each on a broker of its own. */
export const testsOn =
  (broker: ReturnType<typeof brokerLayer>, timeout?: number) =>
  (name: string, body: Effect.Effect<void, unknown, Effect.Effect.Context<typeof everything>>) =>
    it.scopedLive(name, () => body.pipe(Effect.provide(broker), Effect.orDie), timeout)
