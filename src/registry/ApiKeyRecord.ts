import { Either, Schema } from "effect"
import { type ApiKey, roles } from "../model/ApiKey.ts"
import { WorkspaceId } from "../model/Id.ts"

/**
 * What the bucket API_KEYS holds under a key's id (docs/messages.md). A revoked key leaves a record without its hash behind: followers of
 * the bucket see a message, not that one is missing.
 */
export interface KeyRecord {
  readonly key: ApiKey
  /** SHA-256 of the key's text; undefined: revoked. */
  readonly digest: Buffer | undefined
  /** Broker milliseconds. */
  readonly revokedAt: number | undefined
}

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const Stored = Schema.Struct({
  v: Schema.Literal(1),
  id: Schema.String,
  workspace_id: Schema.NullOr(WorkspaceId),
  role: Schema.Literal(...roles),
  name: Schema.String,
  sha256: optional(Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/))),
  created_at: Schema.String,
  expires_at: optional(Schema.String),
  last_used_at: optional(Schema.String),
  revoked_at: optional(Schema.String)
})
const decodeStored = Schema.decodeUnknownEither(Schema.parseJson(Stored))
const encodeStored = Schema.encodeSync(Schema.parseJson(Stored))

const iso = (milliseconds: number): string => new Date(milliseconds).toISOString()
const time = (name: "created_at" | "expires_at" | "last_used_at" | "revoked_at", milliseconds: number | undefined) =>
  milliseconds === undefined ? {} : { [name]: iso(milliseconds) }

export const encode = ({ digest, key, revokedAt }: KeyRecord): string =>
  encodeStored({
    v: 1,
    id: key.id,
    workspace_id: key.workspaceId,
    role: key.role,
    name: key.name,
    ...(digest === undefined ? {} : { sha256: digest.toString("hex") }),
    created_at: iso(key.createdAt),
    ...time("expires_at", key.expiresAt),
    ...time("last_used_at", key.lastUsedAt),
    ...time("revoked_at", revokedAt)
  })

const at = (text: string | undefined): number | undefined => text === undefined ? undefined : Date.parse(text)

const utf8 = new TextDecoder("utf-8")

/** The record, or why it is none. Without a hash, or with a time that is none, a key could not be checked: it is none. */
export const decode = (value: Uint8Array): Either.Either<KeyRecord, string> =>
  Either.gen(function*() {
    const stored = yield* Either.mapLeft(decodeStored(utf8.decode(value)), ({ message }) => message)
    const record: KeyRecord = {
      key: {
        id: stored.id,
        workspaceId: stored.workspace_id,
        role: stored.role,
        name: stored.name,
        createdAt: Date.parse(stored.created_at),
        expiresAt: at(stored.expires_at),
        lastUsedAt: at(stored.last_used_at)
      },
      digest: stored.sha256 === undefined || stored.revoked_at !== undefined
        ? undefined
        : Buffer.from(stored.sha256, "hex"),
      revokedAt: at(stored.revoked_at)
    }
    const times = [record.key.createdAt, record.key.expiresAt, record.key.lastUsedAt, record.revokedAt]
    if (times.some(Number.isNaN)) return yield* Either.left("a time is none")
    if (record.digest === undefined && record.revokedAt === undefined) return yield* Either.left("there is no sha256")
    return record
  })
