import { Context, Effect, Either, Layer, Option } from "effect"
import { type BrokerUnavailable, Streams } from "../broker/Streams.ts"
import { deliveriesStream, partitionOf } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import type { DeliveryRecord } from "../model/Delivery.ts"
import { decode } from "./Record.ts"

/** How many records are read at once. */
const concurrency = 16

/** Single records, read back from DELIVERIES: what the history says of an attempt in short stands there in full. */
export class Records extends Context.Tag("hookline/ledger/Records")<Records, {
  /** Of the workspace's stream, by sequence, in that order; those that have left the stream are left out. */
  readonly at: (
    workspaceId: string,
    sequences: ReadonlyArray<number>
  ) => Effect.Effect<ReadonlyArray<DeliveryRecord>, BrokerUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Records,
    Effect.gen(function*() {
      const streams = yield* Streams
      const { deliveriesStreams, partitions } = yield* Topology
      return {
        at: (workspaceId, sequences) => {
          const stream = deliveriesStream(partitionOf(workspaceId, partitions), deliveriesStreams)
          return Effect.map(
            Effect.forEach(sequences, (sequence) => streams.message(stream, sequence), { concurrency }),
            (messages) =>
              messages.flatMap((message) => {
                const fact = Option.isSome(message)
                  ? Option.getOrUndefined(Either.getRight(decode(message.value.data)))
                  : undefined
                return fact?.type === "deliveries" ? fact.records : []
              })
          )
        }
      }
    })
  )
}
