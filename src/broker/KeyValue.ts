import { Context, Data, type Effect, type Option } from "effect"
import type { BrokerUnavailable } from "./Streams.ts"

/** The buckets of ARCHITECTURE.md. */
export type Bucket = "POSITIONS" | "LEASES" | "API_KEYS" | "SECRETS" | "JOBS" | "SESSIONS"

export interface Entry {
  readonly value: Uint8Array
  readonly revision: number
}

/** Somebody else wrote the key first. */
export class RevisionConflict extends Data.TaggedError("RevisionConflict")<{
  readonly bucket: Bucket
  readonly key: string
}> {}

/** Key-value buckets. Keys are tokens joined by dots. Reads are from the leader, never from a stale replica. */
export class KeyValue extends Context.Tag("hookline/broker/KeyValue")<KeyValue, {
  readonly get: (bucket: Bucket, key: string) => Effect.Effect<Option.Option<Entry>, BrokerUnavailable>
  /**
   * Writes if the key's revision is still `revision` (0: the key does not exist, was deleted or has expired); gives the new one.
   * An answer lost on the way fails with `BrokerUnavailable`: read again before a second try.
   */
  readonly write: (
    bucket: Bucket,
    key: string,
    value: Uint8Array | string,
    revision: number
  ) => Effect.Effect<number, BrokerUnavailable | RevisionConflict>
  /** Deletes the key; for `SECRETS` and `API_KEYS` its history goes with it (purge). */
  readonly remove: (bucket: Bucket, key: string) => Effect.Effect<void, BrokerUnavailable>
  /** Of all keys, or of those whose first token is `first`. In no order. */
  readonly keys: (bucket: Bucket, first?: string) => Effect.Effect<ReadonlyArray<string>, BrokerUnavailable>
}>() {}
