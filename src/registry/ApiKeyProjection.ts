import { Effect, Either, Runtime } from "effect"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { KeyValue } from "../broker/KeyValue.ts"
import type { StoredMessage } from "../broker/Streams.ts"
import { bucketKey, key } from "../broker/Subjects.ts"
import { isToken } from "../model/Id.ts"
import { decode, type KeyRecord } from "./ApiKeyRecord.ts"
import { confirmedReading } from "./ConfirmedReading.ts"

/*
 * The bucket API_KEYS in memory (ConfirmedReading.ts has how it comes there). Every process has one, so that a request is authenticated without
 * asking anybody. Every 60 s what is gone without a message is dropped, and what was revoked an hour ago is purged.
 *
 * What a fold says twice, or late, changes nothing: the highest sequence of a key wins.
 */

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

/** Follows the bucket for as long as the scope lives; gives the projection once everything that stood there is in it. */
export const makeProjection = Effect.gen(function*() {
  const keyValue = yield* KeyValue
  const clock = yield* BrokerClock
  const runtime = yield* Effect.runtime<never>()

  const known = new Map<string, KnownKey>()
  const byWorkspace = new Map<string | null, Map<string, KnownKey>>()

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

  const fold = (message: StoredMessage): void => {
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

  const reconcile = Effect.fnUntraced(function*(upTo: number) {
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

  const confirmed = yield* confirmedReading({
    bucket: "API_KEYS",
    fold,
    anew: () => {
      known.clear()
      byWorkspace.clear()
    },
    reconcile,
    tidy: purge
  })

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
    confirmed
  }
})
