import { Duration, Effect, Option, Schedule } from "effect"
import { BrokerClock } from "../broker/BrokerClock.ts"
import type { Bucket } from "../broker/KeyValue.ts"
import { type BrokerUnavailable, type StoredMessage, Streams } from "../broker/Streams.ts"
import { bucketFilter, bucketStream } from "../broker/Subjects.ts"

/*
 * A bucket read into memory, so that a request is judged without asking anybody.
 *
 *   follow ───── each message, within milliseconds ──▶ fold
 *   every 1 s ── the stream's last sequence, from its leader; what is not folded yet is read ──▶ fold, confirmed
 *   every 60 s, and after a gap ─ reconcile: what the bucket no longer has, for that may have gone without a message; then tidy
 *
 * Invariant: while `confirmed`, everything whose writing was answered more than 5 s ago is folded. A follower alone cannot say so: it may be
 * cut off and not know. A bucket that was made anew is noticed, and read from its beginning.
 */

/** How often the leader is asked, and after how long without an answer nothing in memory is taken for true. Together below 5 s. */
const interval = Duration.millis(1000)
const confirmedFor = 4000
const reconcileEvery = 60_000

export interface Reading {
  readonly bucket: Bucket
  /** Of keys whose first token it is; without, of all. */
  readonly first?: string
  /** Synchronous. Messages come in order, but for a new bucket's, which begin at its first. */
  readonly fold: (message: StoredMessage) => void
  /** The bucket is another one. */
  readonly anew?: () => void
  /** Everything up to the sequence is folded; what fails in it leaves the reading unconfirmed. */
  readonly reconcile?: (upTo: number) => Effect.Effect<void, BrokerUnavailable>
  /** After it, when the reading is confirmed. */
  readonly tidy?: Effect.Effect<void, BrokerUnavailable>
}

/** Follows the bucket for as long as the scope lives; gives whether what is in memory can be relied on, once everything that stood there is in it. */
export const confirmedReading = (
  { anew = () => undefined, bucket, first, fold, reconcile = () => Effect.void, tidy = Effect.void }: Reading
) =>
  Effect.gen(function*() {
    const streams = yield* Streams
    const clock = yield* BrokerClock
    const stream = bucketStream(bucket)
    const filter = bucketFilter(bucket, first)

    let confirmedAt = clock.monotonic()
    const begun = yield* streams.state(stream)
    let created = begun.created
    /** Everything up to here is folded. */
    let folded = 0
    /** Whether the follower leaves nothing out: not when the bucket it began on was replaced. */
    let following = true
    let reconciledAt = confirmedAt

    // The follower and the reading to the leader's end bring the same: what one of them was late with must not undo what came after it.
    const onMessage = (message: StoredMessage): void => {
      if (message.sequence > folded) fold(message)
    }

    const readTo = (to: number) =>
      Effect.gen(function*() {
        if (to <= folded) return
        // Other keys of the bucket may be written all the time: a question is cheaper than reading nothing.
        const isSome = first === undefined || Option.isSome(yield* streams.next(stream, filter, folded + 1))
        if (isSome) yield* streams.scan({ stream, filter, from: folded + 1, to, onMessage })
        folded = Math.max(folded, to)
      })

    const confirm = Effect.gen(function*() {
      const at = clock.monotonic()
      // What is folded while the answer is on its way may be younger than the answer.
      const before = folded
      const state = yield* streams.state(stream)
      if (state.created !== created || state.lastSequence < before) {
        yield* Effect.logWarning(`${bucket} is no longer the bucket that was read; it is read anew`)
        confirmedAt = Number.NEGATIVE_INFINITY
        anew()
        folded = 0
        following = false
        created = state.created
      }
      yield* readTo(state.lastSequence)
      // After a gap also what went without a message may have been missed.
      const reconciling = at - confirmedAt > confirmedFor || at - reconciledAt > reconcileEvery
      if (reconciling) yield* reconcile(folded)
      confirmedAt = at
      if (!reconciling) return
      reconciledAt = at
      yield* tidy
    })

    yield* readTo(begun.lastSequence)
    yield* streams.follow({
      stream,
      filter,
      from: folded + 1,
      onMessage: (message) => {
        onMessage(message)
        if (following) folded = Math.max(folded, message.sequence)
      }
    })
    yield* confirm.pipe(
      Effect.catchAll((error) => Effect.logDebug(`what is known of ${bucket} could not be confirmed`, error)),
      Effect.catchAllDefect((defect) => Effect.logError(`confirming ${bucket} stumbled`, defect)),
      Effect.interruptible,
      Effect.repeat(Schedule.spaced(interval)),
      Effect.forkScoped
    )

    return (): boolean => clock.monotonic() - confirmedAt <= confirmedFor
  })
