import { Effect, Option, Schema } from "effect"
import type { BrokerUnavailable, Streams } from "../broker/Streams.ts"

type StreamsService = typeof Streams.Service

/**
 * Where streams ended when a position or a snapshot was made: the sequence and the broker's time (milliseconds) of the last message, by the stream's
 * name. Together they tell a stream that was put back to an older copy, also when it has since grown past that sequence, by publishers who cannot
 * know.
 */
export const StreamMarks = Schema.Record({
  key: Schema.String,
  // Without a time only the sequence is known (snapshots of before there were marks).
  value: Schema.Struct({ seq: Schema.Number, time: Schema.optional(Schema.Number) })
})
export type StreamMarks = typeof StreamMarks.Type

/** The marks of some streams, now. What was acknowledged before the call is before them. */
export const marksOf = (
  streams: StreamsService,
  names: ReadonlyArray<string>
): Effect.Effect<StreamMarks, BrokerUnavailable> =>
  Effect.forEach(
    names,
    (name) =>
      Effect.map(
        streams.state(name),
        ({ lastSequence, lastTime }) => [name, { seq: lastSequence, time: lastTime }] as const
      ),
    { concurrency: "unbounded" }
  ).pipe(Effect.map((entries) => Object.fromEntries(entries)))

/** What shows that a stream is not the one that was marked, in words; none when nothing does. A message that has aged out shows nothing. */
export const misfit = (
  streams: StreamsService,
  marks: StreamMarks
): Effect.Effect<Option.Option<string>, BrokerUnavailable> =>
  Effect.forEach(Object.entries(marks), ([name, { seq, time }]) =>
    Effect.gen(function*() {
      const { lastSequence } = yield* streams.state(name)
      if (seq > lastSequence) {
        return Option.some(`${name} ends at ${lastSequence}, and had ${seq} messages when this was written`)
      }
      const message = yield* streams.message(name, seq)
      return Option.map(
        Option.filter(message, (found) => time !== undefined && found.time !== time),
        () => `message ${seq} of ${name} is not the one that stood there when this was written`
      )
    })).pipe(Effect.map(Option.firstSomeOf))
