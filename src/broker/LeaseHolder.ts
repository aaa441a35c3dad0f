import { Option, Schema } from "effect"
import type { StoredMessage } from "./Streams.ts"

/** What the key of a lease holds. */
const LeaseHolder = Schema.Struct({
  /** Null: given back. */
  holder: Schema.NullOr(Schema.String),
  host: Schema.String,
  process: Schema.Number,
  /** Tells a process of the same machine whether the holder lives: after a kill -9 nobody has to wait for the key to expire. */
  place: Schema.optional(Schema.String),
  started: Schema.optional(Schema.String),
  /** Since when it is held, broker time; for readers only. Absent until the holder has measured the broker's time. */
  acquired_at: Schema.optional(Schema.String)
})

const json = Schema.parseJson(LeaseHolder)
export const encodeHolder = Schema.encodeSync(json)
export const decodeHolder = (data: Uint8Array): Option.Option<typeof LeaseHolder.Type> =>
  Schema.decodeUnknownOption(json)(Buffer.from(data).toString())

/**
 * Since when a lease has been held by whom its key names, broker milliseconds, for a reader of its bucket; undefined: by nobody. Of a holder that does
 * not say it, since its last renewal: more is not known.
 */
export const heldSince = (newest: Option.Option<Pick<StoredMessage, "data" | "time">>): number | undefined =>
  Option.getOrUndefined(
    Option.flatMap(newest, ({ data, time }) =>
      Option.map(
        Option.filter(decodeHolder(data), ({ holder }) => holder !== null),
        ({ acquired_at: acquired }) => {
          const since = acquired === undefined ? time : Date.parse(acquired)
          return Number.isNaN(since) ? time : since
        }
      ))
  )
