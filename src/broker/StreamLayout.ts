import { Effect, Option } from "effect"
import { Connection } from "./Connection.ts"
import { ask } from "./JetStreamApi.ts"
import { BrokerUnavailable } from "./Streams.ts"
import { parseDeliveriesStream, partitionsOf, streamNames } from "./Subjects.ts"

/** How the streams that are there were made, for a reader who must change nothing. */
interface StreamLayout {
  readonly partitions: number
  /** Names of the DELIVERIES streams. */
  readonly deliveries: ReadonlyArray<string>
  /** Streams may have their leaders on different servers, each with a clock of its own. */
  readonly clustered: boolean
}

/** Asks the broker that `Connection` is connected to. Fails when hookline has never made its streams there. */
export const streamLayout = Effect.gen(function*() {
  const connection = yield* Connection
  const { streams } = yield* ask<{ readonly streams: ReadonlyArray<string> | null }>(connection, "STREAM.NAMES", {
    subject: "deliveries.>"
  })
  const { config } = yield* ask<{ readonly config: { readonly subject_transform?: { readonly dest?: string } } }>(
    connection,
    `STREAM.INFO.${streamNames.events}`
  )
  const partitions = partitionsOf(config.subject_transform?.dest ?? "")
  const deliveries = (streams ?? []).filter((name) => Option.isSome(parseDeliveriesStream(name))).sort()
  if (Option.isNone(partitions) || deliveries.length === 0) {
    return yield* new BrokerUnavailable({ operation: "looking for streams", detail: "they are not those of hookline" })
  }
  const clustered = connection.nats.info?.cluster !== undefined
  return { partitions: partitions.value, deliveries, clustered } satisfies StreamLayout
})
