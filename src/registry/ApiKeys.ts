import { Context, Data, Effect, Either, Layer, Option, Queue, Redacted } from "effect"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { KeyValue, type RevisionConflict } from "../broker/KeyValue.ts"
import { BrokerUnavailable } from "../broker/Streams.ts"
import { key as bucketKey } from "../broker/Subjects.ts"
import { type ApiKey, digestOf, newApiKey, type Role } from "../model/ApiKey.ts"
import { isToken, WorkspaceId } from "../model/Id.ts"
import { type KnownKey, makeProjection } from "./ApiKeyProjection.ts"
import { decode, encode, type KeyRecord } from "./ApiKeyRecord.ts"

/** There is no such key in this scope: never was, is another workspace's, or was revoked more than an hour ago. */
export class ApiKeyNotFound extends Data.TaggedError("ApiKeyNotFound")<{ readonly id: string }> {}

/** The scope has as many keys as it may have; some must be revoked first. */
export class TooManyApiKeys extends Data.TaggedError("TooManyApiKeys")<{ readonly limit: number }> {}

/** A key with its text in clear: the only time that it is shown. */
export interface WithText {
  readonly key: ApiKey
  readonly text: Redacted.Redacted
}

/** A key as a request presents it: what it is, and the SHA-256 that the presented text must have. */
export interface ValidKey {
  readonly key: ApiKey
  readonly digest: Buffer
}

/** Keys of one workspace, or of the operator, those revoked within the last hour included. Each process counts what it knows. */
const limit = 1000
/** A write over another's is decided anew so often. */
const attempts = 5

/**
 * API keys in the bucket API_KEYS (CONTRACT 8). What they are is known from memory (ApiKeyProjection.ts has how): a revocation is
 * effective at once in this process, within milliseconds in the others, and after 5 s at the latest even where the broker cannot be
 * reached, because nothing is `confirmed` there any more.
 *
 * `BrokerUnavailable`: it may nevertheless have been done. A key that was made then is in the list, and nobody has it: revoke it.
 */
export class ApiKeys extends Context.Tag("hookline/registry/ApiKeys")<ApiKeys, {
  /** The key of an id, unless it is revoked or has expired. Its digest is still to be compared, in constant time. */
  readonly find: (id: string) => ValidKey | undefined
  /** Whether what `find` says can be relied on now. */
  readonly confirmed: () => boolean
  /**
   * Notes that a key was used. It is written at most once a minute for each key, whatever the number of processes, by a fiber of the layer;
   * of more than 10,000 keys that wait to be written the next use is noted instead. Never waits, never fails.
   */
  readonly used: (id: string) => void
  /** `workspaceId` null: the operator's. */
  readonly create: (settings: {
    readonly workspaceId: WorkspaceId | null
    readonly role: Role
    readonly name: string
    readonly expiresAt: number | undefined
  }) => Effect.Effect<WithText, TooManyApiKeys | BrokerUnavailable>
  /** Those not revoked, expired ones included, newest first. */
  readonly list: (workspaceId: WorkspaceId | null) => ReadonlyArray<ApiKey>
  /** The workspaces that have keys which are not revoked, in no order. */
  readonly workspaces: () => ReadonlyArray<WorkspaceId>
  /** Whether the key is the operator's own, and not a workspace's. */
  readonly isOfOperator: (id: string) => boolean
  /** Revoking a revoked key changes nothing. */
  readonly revoke: (
    workspaceId: WorkspaceId | null,
    id: string
  ) => Effect.Effect<void, ApiKeyNotFound | BrokerUnavailable>
}>() {
  static readonly layer = Layer.scoped(ApiKeys, Effect.suspend(() => make))
}

const minute = 60_000
const waitingUses = 10_000

const newestFirst = (a: ApiKey, b: ApiKey): number => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1)

const raced = ({ bucket, key }: RevisionConflict) =>
  new BrokerUnavailable({ operation: `writing ${bucket} ${key}`, detail: "others wrote it at the same time" })

const make = Effect.gen(function*() {
  const keyValue = yield* KeyValue
  const clock = yield* BrokerClock
  const known = yield* makeProjection
  /** Being written, by workspace: they count too. */
  const making = new Map<string | null, number>()
  const uses = yield* Queue.dropping<string>(waitingUses)

  const write = (record: KeyRecord, revision: number) =>
    Effect.map(
      keyValue.write("API_KEYS", bucketKey(record.key.id), encode(record), revision),
      (sequence) => known.put(record, sequence)
    )

  /** The key as the leader has it, from then on known here too. */
  const read = (id: string): Effect.Effect<KnownKey | undefined, BrokerUnavailable> =>
    Effect.map(keyValue.get("API_KEYS", bucketKey(id)), (entry) => {
      const record = Option.flatMap(entry, ({ value }) => Either.getRight(decode(value)))
      if (Option.isNone(entry) || Option.isNone(record) || record.value.key.id !== id) known.drop(id)
      else known.put(record.value, entry.value.revision)
      return known.find(id)
    })

  /** Over what is known, so that a key that was revoked or used meanwhile, here or elsewhere, stays as it is. */
  const writeUse = (id: string) =>
    Effect.suspend(() => {
      const entry = known.find(id)
      if (entry?.record.digest === undefined) return Effect.void
      const { record, sequence } = entry
      return write({ ...record, key: { ...record.key, lastUsedAt: entry.notedAt } }, sequence)
    }).pipe(Effect.catchAll((error) => Effect.logDebug("the use of an API key was not written", error)))

  yield* Queue.take(uses).pipe(Effect.flatMap(writeUse), Effect.forever, Effect.interruptible, Effect.forkScoped)

  const revoke = (workspaceId: WorkspaceId | null, id: string) => {
    const attempt = (ask: boolean) =>
      Effect.gen(function*() {
        const entry = (ask ? undefined : known.find(id)) ?? (yield* read(id))
        if (entry === undefined || entry.record.key.workspaceId !== workspaceId) {
          return yield* new ApiKeyNotFound({ id })
        }
        if (entry.record.digest === undefined) return
        const { key } = entry.record
        yield* write({ key, digest: undefined, revokedAt: clock.now() }, entry.sequence)
        yield* Effect.logInfo("an API key was revoked").pipe(Effect.annotateLogs({ key: id, workspace: workspaceId }))
      })
    return attempt(false).pipe(
      Effect.catchTag(
        "RevisionConflict",
        () => Effect.retry(attempt(true), { times: attempts - 1, while: ({ _tag }) => _tag === "RevisionConflict" })
      ),
      Effect.catchTag("RevisionConflict", (conflict) => Effect.fail(raced(conflict))),
      Effect.uninterruptible
    )
  }

  const counted =
    (workspaceId: string | null) => <A, E>(create: Effect.Effect<A, E>): Effect.Effect<A, E | TooManyApiKeys> =>
      Effect.suspend((): Effect.Effect<A, E | TooManyApiKeys> => {
        const before = making.get(workspaceId) ?? 0
        if (known.count(workspaceId) + before >= limit) return Effect.fail(new TooManyApiKeys({ limit }))
        making.set(workspaceId, before + 1)
        return Effect.ensuring(
          create,
          Effect.sync(() => {
            const left = (making.get(workspaceId) ?? 1) - 1
            if (left === 0) making.delete(workspaceId)
            else making.set(workspaceId, left)
          })
        )
      })

  return ApiKeys.of({
    find: (id) => {
      const record = known.find(id)?.record
      if (record?.digest === undefined) return undefined
      const { digest, key } = record
      return key.expiresAt !== undefined && key.expiresAt <= clock.now() ? undefined : { key, digest }
    },
    confirmed: known.confirmed,
    used: (id) => {
      const entry = known.find(id)
      if (entry === undefined) return
      const now = clock.now()
      if (now - Math.max(entry.notedAt, entry.record.key.lastUsedAt ?? 0) < minute) return
      entry.notedAt = now
      uses.unsafeOffer(id)
    },
    create: ({ expiresAt, name, role, workspaceId }) =>
      Effect.gen(function*() {
        const { id, text } = newApiKey()
        const key = { id, workspaceId, role, name, createdAt: clock.now(), expiresAt, lastUsedAt: undefined }
        yield* write({ key, digest: digestOf(text), revokedAt: undefined }, 0)
        yield* Effect.logInfo("an API key was made").pipe(
          Effect.annotateLogs({ key: id, workspace: workspaceId, role })
        )
        return { key, text: Redacted.make(text) }
      }).pipe(
        Effect.catchTag("RevisionConflict", (conflict) => Effect.fail(raced(conflict))),
        counted(workspaceId),
        Effect.uninterruptible
      ),
    list: (workspaceId) =>
      known.ofWorkspace(workspaceId)
        .filter(({ record: { digest } }) => digest !== undefined)
        .map(({ record: { key } }) => key)
        .sort(newestFirst),
    workspaces: () =>
      known.workspaces()
        .filter((id) => known.ofWorkspace(id).some(({ record: { digest } }) => digest !== undefined))
        .map((id) => WorkspaceId.make(id)),
    isOfOperator: (id) => known.find(id)?.record.key.workspaceId === null,
    revoke: (workspaceId, id) => isToken(id) ? revoke(workspaceId, id) : Effect.fail(new ApiKeyNotFound({ id }))
  })
})
