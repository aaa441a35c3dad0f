import { Layer } from "effect"
import { Answers } from "./Answers.ts"
import { BrokerClock } from "./BrokerClock.ts"
import { Connection, type ConnectionSettings } from "./Connection.ts"
import * as JetStreamAppendLog from "./JetStreamAppendLog.ts"
import * as JetStreamKeyValue from "./JetStreamKeyValue.ts"
import * as JetStreamLease from "./JetStreamLease.ts"
import * as JetStreamObjectStore from "./JetStreamObjectStore.ts"
import * as JetStreamStreams from "./JetStreamStreams.ts"
import { Topology } from "./Topology.ts"

/** Everything of this folder over one connection; `url` as in `HOOKLINE_NATS_URL`, with credentials. */
export const layer = (options: ConnectionSettings) =>
  JetStreamLease.layer.pipe(
    Layer.provideMerge(JetStreamObjectStore.layer),
    Layer.provideMerge(JetStreamKeyValue.layer),
    Layer.provideMerge(Layer.mergeAll(JetStreamStreams.layer, JetStreamAppendLog.layer, Answers.layer)),
    Layer.provideMerge(Topology.layer),
    Layer.provideMerge(Layer.merge(Connection.layer(options), BrokerClock.layer))
  )
