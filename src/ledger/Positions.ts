import { Context, Data, Effect, Layer, Option, Schema } from "effect"
import { KeyValue, type RevisionConflict } from "../broker/KeyValue.ts"
import { type BrokerUnavailable, type StoredMessage, Streams } from "../broker/Streams.ts"
import { key, streamNames } from "../broker/Subjects.ts"
import { misfit, StreamMarks } from "./StreamMarks.ts"

/** The number of what has no partition, because its subject has the wrong shape. It has a position, and no records. */
export const misfits = -1

/** What a position has in POSITIONS; a partition's snapshots have it as well. */
export const positionKey = (partition: number): string => partition === misfits ? "misfit" : `p${partition}`

/**
 * Where a partition stands: "the position is ours" (ARCHITECTURE). Every event with a sequence up to `floor` is settled. Written only after the
 * records that settle it are acknowledged; the epoch fences former owners.
 */
interface Position {
  readonly epoch: number
  readonly floor: number
  /** The projection's sequence at the last match. */
  readonly webhooksSequence: number
  /** Of EVENTS, WEBHOOKS and the partition's DELIVERIES stream, taken after the records that `floor` stands for were acknowledged. */
  readonly marks: StreamMarks
}

const Stored = Schema.parseJson(
  Schema.Struct({
    v: Schema.Literal(1),
    epoch: Schema.Number,
    floor: Schema.Number,
    webhooks_seq: Schema.Number,
    events_created: Schema.String,
    // Absent in what was written before there were marks.
    streams: Schema.optional(StreamMarks)
  })
)
const decode = Schema.decodeUnknown(Stored)
const encode = Schema.encodeSync(Stored)

interface StoredPosition extends Pick<Position, "epoch" | "floor"> {
  /** Creation time of the EVENTS it was written for. */
  readonly created: string
  /** Broker milliseconds. */
  readonly writtenAt: number
}

/** A position as the bucket holds it, for a reader; undefined when there is none, or none that can be read. */
export const readPosition = (
  message: Option.Option<Pick<StoredMessage, "data" | "time">>
): Effect.Effect<StoredPosition | undefined> =>
  Effect.fromNullable(Option.getOrUndefined(message)).pipe(
    Effect.flatMap(({ data, time }) =>
      Effect.map(decode(new TextDecoder().decode(data)), ({ epoch, events_created, floor }) => ({
        epoch,
        floor,
        created: events_created,
        writtenAt: time
      }))
    ),
    Effect.orElseSucceed(() => undefined)
  )

/**
 * The position does not fit the streams: one was recreated or restored from an older copy. Going on would pass over, without a word, what the
 * position says is settled and the stream does not know. Nothing is guessed; an operator decides.
 */
export class PositionMismatch extends Data.TaggedError("PositionMismatch")<{
  readonly partition: string
  readonly detail: string
}> {
  override get message(): string {
    return `POSITIONS ${this.partition} does not fit the streams: ${this.detail}. Restore all from one backup, or delete the key to start over (docs/backup.md)`
  }
}

/** A claimed position: writes are compare-and-set against the last one, so that only the newest owner's succeed. */
export interface ClaimedPosition {
  readonly position: Position
  /** Fails with `RevisionConflict` when another owner has claimed the partition since. */
  readonly write: (next: Omit<Position, "epoch">) => Effect.Effect<void, BrokerUnavailable | RevisionConflict>
}

export class Positions extends Context.Tag("hookline/ledger/Positions")<Positions, {
  /** FENCE: raises the partition's epoch above every former owner's, and at least to `above + 1`. */
  readonly claim: (
    partition: string,
    above: number
  ) => Effect.Effect<ClaimedPosition, BrokerUnavailable | RevisionConflict | PositionMismatch>
}>() {
  static readonly layer = Layer.effect(
    Positions,
    Effect.gen(function*() {
      const store = yield* KeyValue
      const streams = yield* Streams

      const claim = Effect.fnUntraced(function*(partition: string, above: number) {
        const name = key(partition)
        const found = yield* store.get("POSITIONS", name)
        // After the position: what a former owner that still goes on has taken since it was looked at is beyond its floor.
        const events = yield* streams.state(streamNames.events)
        const known = Option.isNone(found)
          ? undefined
          : yield* decode(new TextDecoder().decode(found.value.value)).pipe(
            Effect.mapError((error) => new PositionMismatch({ partition, detail: `unreadable: ${error.message}` }))
          )
        if (known !== undefined && known.events_created !== events.created) {
          return yield* new PositionMismatch({
            partition,
            detail: `it was written for EVENTS made at ${known.events_created}, which was now made at ${events.created}`
          })
        }
        if (known !== undefined && known.floor > events.lastSequence) {
          return yield* new PositionMismatch({
            partition,
            detail: `its floor ${known.floor} is beyond the last sequence of EVENTS, ${events.lastSequence}`
          })
        }
        const wrong = yield* misfit(streams, known?.streams ?? {})
        if (Option.isSome(wrong)) return yield* new PositionMismatch({ partition, detail: wrong.value })
        const position: Position = {
          epoch: Math.max(known?.epoch ?? 0, above) + 1,
          floor: known?.floor ?? 0,
          webhooksSequence: known?.webhooks_seq ?? 0,
          marks: known?.streams ?? {}
        }
        const put = (next: Position, revision: number) =>
          store.write(
            "POSITIONS",
            name,
            encode({
              v: 1,
              epoch: next.epoch,
              floor: next.floor,
              webhooks_seq: next.webhooksSequence,
              events_created: events.created,
              streams: next.marks
            }),
            revision
          )
        let revision = yield* put(position, Option.match(found, { onNone: () => 0, onSome: (entry) => entry.revision }))

        // An answer lost on the way leaves the write in doubt: what is stored tells whether it was ours.
        const write = (next: Omit<Position, "epoch">) =>
          put({ ...next, epoch: position.epoch }, revision).pipe(
            Effect.catchTag("RevisionConflict", (conflict) =>
              store.get("POSITIONS", name).pipe(
                Effect.flatMap(Option.match({
                  onNone: () => Effect.fail(conflict),
                  onSome: (entry) =>
                    decode(new TextDecoder().decode(entry.value)).pipe(
                      Effect.mapError(() => conflict),
                      Effect.filterOrFail((stored) => stored.epoch === position.epoch, () => conflict),
                      Effect.zipRight(put({ ...next, epoch: position.epoch }, entry.revision))
                    )
                }))
              )),
            Effect.map((written) => {
              revision = written
            })
          )
        return { position, write } satisfies ClaimedPosition
      })
      return {
        // The last write of a former owner may come between the look and the claim.
        claim: (partition, above) =>
          Effect.retry(claim(partition, above), { while: ({ _tag }) => _tag === "RevisionConflict", times: 3 })
      }
    })
  )
}
