import { Context, Effect, Layer, Option, Schema } from "effect"
import { KeyValue, type RevisionConflict } from "../broker/KeyValue.ts"
import type { BrokerUnavailable } from "../broker/Streams.ts"
import { key } from "../broker/Subjects.ts"
import { PositionMismatch } from "./Positions.ts"

const Stored = Schema.parseJson(
  Schema.Struct({
    v: Schema.Literal(1),
    epoch: Schema.Number,
    streams: Schema.Record({ key: Schema.String, value: Schema.Number })
  })
)
const decode = Schema.decodeUnknown(Stored)
const encode = Schema.encodeSync(Stored)

/** By stream: the sequence up to which what it tells of is published. */
export type NoticePosition = Readonly<Record<string, number>>

const name = key("notices")

/**
 * How far the streams are read for hookline's own events: `POSITIONS notices`, written only when these are acknowledged. The epoch tells one
 * owner's writes from another's; it keeps nobody from publishing, for what two publish is the same.
 */
export class NoticePositions extends Context.Tag("hookline/ledger/NoticePositions")<NoticePositions, {
  /** Takes over: `start` makes the first position of what is stored, of nothing when there never was one. */
  readonly claim: (start: (known: NoticePosition) => NoticePosition) => Effect.Effect<{
    readonly position: NoticePosition
    /** Fails with `RevisionConflict` when another owner has claimed it since. */
    readonly write: (next: NoticePosition) => Effect.Effect<void, BrokerUnavailable | RevisionConflict>
  }, BrokerUnavailable | RevisionConflict | PositionMismatch>
}>() {
  static readonly layer = Layer.effect(
    NoticePositions,
    Effect.map(KeyValue, (store) => {
      const read = Effect.flatMap(
        store.get("POSITIONS", name),
        Effect.transposeMapOption(({ revision, value }) =>
          Effect.mapBoth(decode(new TextDecoder().decode(value)), {
            onSuccess: (stored) => ({ ...stored, revision }),
            onFailure: ({ message }) => new PositionMismatch({ partition: name, detail: `unreadable: ${message}` })
          })
        )
      )
      return {
        claim: Effect.fnUntraced(function*(start) {
          const found = Option.getOrElse(yield* read, () => ({ epoch: 0, streams: {}, revision: 0 }))
          const epoch = found.epoch + 1
          const put = (streams: NoticePosition, expected: number) =>
            store.write("POSITIONS", name, encode({ v: 1, epoch, streams }), expected)
          const position = start(found.streams)
          let revision = yield* put(position, found.revision)
          const write = (next: NoticePosition) =>
            put(next, revision).pipe(
              // An answer lost on the way leaves the write in doubt: what is stored tells whether it was ours.
              Effect.catchTag("RevisionConflict", (conflict) =>
                read.pipe(
                  Effect.catchTag("PositionMismatch", () => Effect.fail(conflict)),
                  Effect.flatMap(Option.match({
                    onNone: () => Effect.fail(conflict),
                    onSome: (one) => one.epoch === epoch ? put(next, one.revision) : Effect.fail(conflict)
                  }))
                )),
              Effect.map((written) => {
                revision = written
              })
            )
          return { position, write }
        })
      }
    })
  )
}
