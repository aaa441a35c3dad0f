import { Context, type Effect, type Option } from "effect"
import type { BrokerUnavailable } from "./Streams.ts"

/** The object store `SNAPSHOTS`. */
export class ObjectStore extends Context.Tag("hookline/broker/ObjectStore")<ObjectStore, {
  readonly put: (name: string, data: Uint8Array) => Effect.Effect<void, BrokerUnavailable>
  /** None when there is no such object or its digest does not fit. */
  readonly get: (name: string) => Effect.Effect<Option.Option<Uint8Array>, BrokerUnavailable>
  readonly remove: (name: string) => Effect.Effect<void, BrokerUnavailable>
  readonly names: Effect.Effect<ReadonlyArray<string>, BrokerUnavailable>
}>() {}
