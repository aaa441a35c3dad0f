import { Duration, Effect, Either, Runtime, Schedule } from "effect"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { KeyValue } from "../broker/KeyValue.ts"
import { type StoredMessage, Streams } from "../broker/Streams.ts"
import { bucketFilter, bucketKey, bucketStream, key } from "../broker/Subjects.ts"
import { isToken } from "../model/Id.ts"
import { decode, type KeyRecord } from "./ApiKeyRecord.ts"

/*
 * The bucket API_KEYS in memory. Every process has one, so that a request is authenticated without asking anybody.
 *
 *   follow ───── each message, within milliseconds ──▶ fold
 *   every 1 s ── the stream's last sequence, from its leader; what is not folded yet is read ──▶ fold, confirmed
 *   every 60 s ─ the keys that there are: what is gone without a message is dropped; what was revoked an hour ago is purged
 *
 * Invariant: while `confirmed`, every revocation that was answered more than 5 s ago is folded. A follower alone cannot say so: it may be
 * cut off and not know. What a fold says twice, or late, changes nothing: the highest sequence of a key wins.
 */

/** How often the leader is asked, and after how long without an answer nothing in memory is taken for true. Together below 5 s. */
const interval = Duration.millis(1000)
const confirmedFor = 4000
const reconcileEvery = 60_000
/** A revoked key's record is kept so long: its deletion may be repeated, and whoever missed the message sees it. */
const keptRevoked = 3_600_000
/** So few that it does not keep the next confirmation waiting. */
const purgedAtOnce = 200

export interface KnownKey {
  record: KeyRecord
  /** Of the message that says so: the revision to write over. */
  sequence: number
  /** When this process last noted a use, broker milliseconds. */
  notedAt: number
}

const stream = bucketStream("API_KEYS")
const filter = bucketFilter("API_KEYS")

/** Follows the bucket for as long as the scope lives; gives the projection once everything that stood there is in it. */
export const makeProjection = Effect.gen(function*() {
  const streams = yield* Streams
  const keyValue = yield* KeyValue
  const clock = yield* BrokerClock
  const runtime = yield* Effect.runtime<never>()

  const known = new Map<string, KnownKey>()
  const byWorkspace = new Map<string | null, Map<string, KnownKey>>()
  let confirmedAt = clock.monotonic()
  const first = yield* streams.state(stream)
  let created = first.created
  /** Everything up to here is folded. */
  let folded = 0
  /** Whether the follower leaves nothing out: not when the bucket it began on was replaced. */
  let following = true
  let reconciledAt = confirmedAt

  const drop = (id: string): void => {
    const entry = known.get(id)
    if (entry === undefined) return
    known.delete(id)
    const { workspaceId } = entry.record.key
    const siblings = byWorkspace.get(workspaceId)
    siblings?.delete(id)
    if (siblings?.size === 0) byWorkspace.delete(workspaceId)
  }

  const put = (record: KeyRecord, sequence: number): void => {
    const { id, workspaceId } = record.key
    const entry = known.get(id)
    if (entry !== undefined && sequence <= entry.sequence) return
    if (entry !== undefined && entry.record.key.workspaceId === workspaceId) {
      entry.record = record
      entry.sequence = sequence
      return
    }
    drop(id)
    const made = { record, sequence, notedAt: 0 }
    known.set(id, made)
    const siblings = byWorkspace.get(workspaceId) ?? new Map<string, KnownKey>()
    byWorkspace.set(workspaceId, siblings.set(id, made))
  }

  const fold = (message: Pick<StoredMessage, "subject" | "sequence" | "data" | "header">): void => {
    // The follower and the reading to the leader's end bring the same: what one of them was late with must not undo what came after it.
    if (message.sequence <= folded) return
    const id = bucketKey("API_KEYS", message.subject)
    const entry = known.get(id)
    if (entry !== undefined && entry.sequence >= message.sequence) return
    // The marker of another client's deletion.
    if (message.header("KV-Operation") !== undefined) return drop(id)
    const record = decode(message.data)
    const same = Either.isRight(record) && isToken(id) && record.right.key.id === id &&
      (entry === undefined || entry.record.key.workspaceId === record.right.key.workspaceId)
    if (same) return put(record.right, message.sequence)
    drop(id)
    Runtime.runFork(runtime)(
      Effect.logError("API_KEYS holds something that is no API key; it is not valid").pipe(
        Effect.annotateLogs({ id: id.slice(0, 64), reason: Either.isLeft(record) ? "unreadable" : "of another key" })
      )
    )
  }

  const readTo = (to: number) =>
    Effect.suspend(() =>
      to <= folded ? Effect.void : Effect.map(
        streams.scan({ stream, filter, from: folded + 1, to, onMessage: fold }),
        () => void (folded = Math.max(folded, to))
      )
    )

  const reconcile = Effect.gen(function*() {
    const upTo = folded
    const names = new Set(yield* keyValue.keys("API_KEYS"))
    for (const [id, { sequence }] of known) if (sequence <= upTo && !names.has(id)) drop(id)
  })

  const purge = Effect.gen(function*() {
    const over = clock.now() - keptRevoked
    const ids = [...known.values()].filter(({ record: { revokedAt } }) => revokedAt !== undefined && revokedAt <= over)
    for (const { record } of ids.slice(0, purgedAtOnce)) {
      yield* keyValue.remove("API_KEYS", key(record.key.id))
      drop(record.key.id)
    }
  })

  const confirm = Effect.gen(function*() {
    const at = clock.monotonic()
    // What is folded while the answer is on its way may be younger than the answer.
    const before = folded
    const state = yield* streams.state(stream)
    if (state.created !== created || state.lastSequence < before) {
      yield* Effect.logWarning("API_KEYS is no longer the bucket that was read; it is read anew")
      confirmedAt = Number.NEGATIVE_INFINITY
      known.clear()
      byWorkspace.clear()
      folded = 0
      following = false
      created = state.created
    }
    yield* readTo(state.lastSequence)
    // After a gap also what went without a message may have been missed.
    const reconciling = at - confirmedAt > confirmedFor || at - reconciledAt > reconcileEvery
    if (reconciling) yield* reconcile
    confirmedAt = at
    if (!reconciling) return
    reconciledAt = at
    yield* purge
  })

  yield* readTo(first.lastSequence)
  yield* streams.follow({
    stream,
    filter,
    from: folded + 1,
    onMessage: (message) => {
      fold(message)
      if (following) folded = Math.max(folded, message.sequence)
    }
  })
  yield* confirm.pipe(
    Effect.catchAll((error) => Effect.logDebug("what is known of API_KEYS could not be confirmed", error)),
    Effect.catchAllDefect((defect) => Effect.logError("confirming API_KEYS stumbled", defect)),
    Effect.interruptible,
    Effect.repeat(Schedule.spaced(interval)),
    Effect.forkScoped
  )

  return {
    find: (id: string): KnownKey | undefined => known.get(id),
    ofWorkspace: (workspaceId: string | null): ReadonlyArray<KnownKey> => [
      ...byWorkspace.get(workspaceId)?.values() ?? []
    ],
    /** Those that have keys, revoked ones included. */
    workspaces: (): ReadonlyArray<string> => [...byWorkspace.keys()].filter((id) => id !== null),
    count: (workspaceId: string | null): number => byWorkspace.get(workspaceId)?.size ?? 0,
    /** What this process wrote or read itself, without waiting for the message. */
    put,
    drop,
    confirmed: (): boolean => clock.monotonic() - confirmedAt <= confirmedFor
  }
})
