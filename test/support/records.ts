import { Effect, Either } from "effect"
import { type BrokerUnavailable, Streams } from "../../src/broker/Streams.ts"
import { deliveriesAllFilter, deliveriesStream } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { decode } from "../../src/ledger/Record.ts"
import type { DeliveryRecord } from "../../src/model/Delivery.ts"

/** Each record of a delivery on all DELIVERIES streams, with the time at which the broker took it, milliseconds. */
export const eachRecord = (
  onRecord: (record: DeliveryRecord, time: number) => void
): Effect.Effect<void, BrokerUnavailable, Streams | Topology> =>
  Effect.gen(function*() {
    const streams = yield* Streams
    const { deliveriesStreams } = yield* Topology
    for (let index = 0; index < deliveriesStreams; index++) {
      const stream = deliveriesStream(index, deliveriesStreams)
      const { lastSequence } = yield* streams.state(stream)
      yield* streams.scan({
        stream,
        filter: deliveriesAllFilter,
        from: 1,
        to: lastSequence,
        onMessage: ({ data, time }) => {
          const fact = Either.getOrThrow(decode(data))
          if (fact.type !== "deliveries") return
          for (const record of fact.records) onRecord(record, time)
        }
      })
    }
  })
