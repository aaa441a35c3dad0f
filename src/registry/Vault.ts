import { Context, Data, Effect, Either, Layer, Option, Redacted, Schema } from "effect"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { type Entry, KeyValue, type RevisionConflict } from "../broker/KeyValue.ts"
import type { BrokerUnavailable } from "../broker/Streams.ts"
import { key } from "../broker/Subjects.ts"
import type { StaticHeader } from "../model/StaticHeaders.ts"
import { versionsReferred, type Webhook } from "../model/Webhook.ts"
import { KeyRing, sealedBy } from "./KeyRing.ts"

/**
 * What signing an attempt needs, in clear. Which secrets are in force at the moment of the attempt says `secretsInForce`; each version that
 * may be is here. A previous one can be missing only when its overlap was over at the time of loading.
 */
export interface SigningMaterial {
  readonly secrets: ReadonlyMap<number, Redacted.Redacted>
  readonly headers: Redacted.Redacted<ReadonlyArray<StaticHeader>>
}

/**
 * The webhook's secret or headers cannot be read. `key_missing`: the ring lacks `keyId` (an operator mends it); `not_found`: SECRETS has no
 * such version; `corrupt`: what it has does not open. Nothing is sent then (CONTRACT 8).
 */
export class SecretUnavailable extends Data.TaggedError("SecretUnavailable")<{
  readonly workspaceId: string
  readonly webhookId: string
  readonly reason: "key_missing" | "not_found" | "corrupt"
  readonly keyId?: string
}> {
  override get message(): string {
    const why = {
      key_missing: `the master key ${this.keyId ?? ""} is not in the ring`,
      not_found: "there is no such version in SECRETS",
      corrupt: "what SECRETS holds does not open"
    }
    return `the secret of ${this.webhookId} cannot be read: ${why[this.reason]}`
  }
}

/** What is to be sealed, each under a version of its own. */
export interface ToSeal {
  readonly secret?: Redacted.Redacted
  readonly headers?: Redacted.Redacted<ReadonlyArray<StaticHeader>>
}

export interface SealedVersions {
  readonly secret?: number
  readonly headers?: number
}

/**
 * Sealed secrets and header values, in the bucket SECRETS under `<workspace>.<webhook>` as `{v, written_at, entries: {"<version>": box}}`.
 * They are written before the fact that refers to them. A version number is used once for a webhook: the next is always above the highest
 * that the webhook's facts or the bucket know.
 */
export class Vault extends Context.Tag("hookline/registry/Vault")<Vault, {
  /**
   * Seals under new versions. `webhook` is the state on which the fact that will refer to them is decided, undefined for a new one. Keeps
   * every version that the state refers to or that may be another writer's (above its `highestVersion`), drops the others. A race for the
   * key is run five times before it is lost.
   */
  readonly seal: (
    place: { readonly workspaceId: string; readonly webhookId: string },
    webhook: Webhook | undefined,
    values: ToSeal
  ) => Effect.Effect<SealedVersions, BrokerUnavailable | RevisionConflict>
  /** What signs for this webhook, if it was loaded since its secrets last changed. */
  readonly signing: (webhook: Webhook) => SigningMaterial | undefined
  /** Reads and opens it; from then on `signing` has it, until 100,000 others were used later. */
  readonly load: (webhook: Webhook) => Effect.Effect<SigningMaterial, SecretUnavailable | BrokerUnavailable>
  readonly destroy: (workspaceId: string, webhookId: string) => Effect.Effect<void, BrokerUnavailable>
  /**
   * Destroys what no webhook has: secrets of the deleted (a kill came between the fact and the purge), and those whose webhook's creation
   * was never recorded within a day. Gives how many. The caller's `stateOf` must have caught up with WEBHOOKS.
   */
  readonly sweep: (
    stateOf: (workspaceId: string, webhookId: string) => "live" | "deleted" | "unknown"
  ) => Effect.Effect<number, BrokerUnavailable>
}>() {
  static readonly layer = Layer.effect(Vault, Effect.suspend(() => make))
}

const Stored = Schema.Struct({
  v: Schema.Literal(1),
  /** Broker time of the last write, ISO 8601. */
  written_at: Schema.String,
  entries: Schema.Record({ key: Schema.String.pipe(Schema.pattern(/^[1-9]\d{0,9}$/)), value: Schema.String })
})
const decodeStored = Schema.decodeUnknownEither(Schema.parseJson(Stored))
const encodeStored = Schema.encodeSync(Schema.parseJson(Stored))

const decodeHeaders = Schema.decodeUnknownEither(
  Schema.parseJson(Schema.Array(Schema.Tuple(Schema.String, Schema.String)))
)

const utf8 = new TextDecoder("utf-8")

/** Webhooks whose clear material is held. */
const cacheLimit = 100_000
/** A lost race for the key is run again this often. */
const writeAttempts = 5
/** A secret without a webhook is somebody's creation under way, until then. */
const abandonedAfter = 24 * 3_600_000

const stampOf = (webhook: Webhook): string =>
  `${webhook.secretVersion}/${webhook.previousSecretVersion ?? ""}/${webhook.headersVersion ?? ""}`

/** Sealed boxes by their versions. */
export type Boxes = ReadonlyMap<number, string>

export const boxesOf = (entry: Option.Option<Entry>): Either.Either<Boxes, "not_found" | "corrupt"> =>
  Option.match(entry, {
    onNone: () => Either.left("not_found" as const),
    onSome: ({ value }) =>
      decodeStored(utf8.decode(value)).pipe(
        Either.mapBoth({
          onLeft: () => "corrupt" as const,
          onRight: ({ entries }) => new Map(Object.entries(entries).map(([version, box]) => [Number(version), box]))
        })
      )
  })

/** The value of a webhook's key in SECRETS, `at` broker milliseconds. */
export const storedOf = (boxes: Boxes, at: number): string =>
  encodeStored({ v: 1, written_at: new Date(at).toISOString(), entries: Object.fromEntries(boxes) })

/** The keys that sealed what SECRETS holds for one webhook; none when it is not readable as such. */
export const keysOf = (stored: Uint8Array): ReadonlyArray<string> =>
  decodeStored(utf8.decode(stored)).pipe(
    Either.map(({ entries }) => [...new Set(Object.values(entries).flatMap((box) => sealedBy(box) ?? []))]),
    Either.getOrElse(() => [])
  )

const make = Effect.gen(function*() {
  const keyValue = yield* KeyValue
  const keyRing = yield* KeyRing
  const clock = yield* BrokerClock

  /** By webhook, the least recently used first. `stamp` names the versions that the material was made of. */
  const cache = new Map<string, { readonly stamp: string; readonly material: SigningMaterial }>()

  const remember = (webhook: Webhook, material: SigningMaterial): void => {
    cache.delete(webhook.id)
    cache.set(webhook.id, { stamp: stampOf(webhook), material })
    for (const oldest of cache.keys()) {
      if (cache.size <= cacheLimit) break
      cache.delete(oldest)
    }
  }

  const destroy = (workspaceId: string, webhookId: string) =>
    Effect.suspend(() => {
      cache.delete(webhookId)
      return keyValue.remove("SECRETS", key(workspaceId, webhookId))
    })

  const openAll = (webhook: Webhook, boxes: Boxes): Either.Either<SigningMaterial, SecretUnavailable> => {
    const { id: webhookId, workspaceId } = webhook
    const failed = (reason: SecretUnavailable["reason"], keyId?: string) =>
      new SecretUnavailable({ workspaceId, webhookId, reason, ...(keyId === undefined ? {} : { keyId }) })
    const open = (version: number, kind: "secret" | "headers") => {
      const box = boxes.get(version)
      if (box === undefined) return Either.left(failed("not_found"))
      return keyRing.open(box, { workspaceId, webhookId, version, kind }).pipe(
        Either.mapLeft(({ keyId, reason }) => failed(reason, keyId))
      )
    }
    return Either.gen(function*() {
      const secrets = new Map([[webhook.secretVersion, yield* open(webhook.secretVersion, "secret")]])
      const previous = webhook.previousSecretVersion
      if (previous !== undefined) {
        const opened = open(previous, "secret")
        if (Either.isRight(opened)) secrets.set(previous, opened.right)
        // An overlap that is over needs the former secret no more: it must not hold the webhook when it does not open.
        else if (clock.now() < (webhook.overlapUntil ?? 0)) yield* opened
      }
      if (webhook.headersVersion === undefined) return { secrets, headers: Redacted.make([]) }
      const clear = yield* open(webhook.headersVersion, "headers")
      const headers = yield* Either.mapLeft(decodeHeaders(Redacted.value(clear)), () => failed("corrupt"))
      return { secrets, headers: Redacted.make(headers) }
    })
  }

  const seal: Context.Tag.Service<Vault>["seal"] = ({ webhookId, workspaceId }, webhook, values) => {
    const name = key(workspaceId, webhookId)
    const attempt = Effect.gen(function*() {
      const entry = yield* keyValue.get("SECRETS", name)
      const boxes = boxesOf(entry)
      if (Either.isLeft(boxes) && boxes.left === "corrupt") {
        yield* Effect.logError("SECRETS holds something unreadable for a webhook; it is written anew").pipe(
          Effect.annotateLogs({ webhook: webhookId })
        )
      }
      const present = Either.getOrElse(boxes, (): Boxes => new Map())
      const referred = webhook === undefined ? [] : versionsReferred(webhook)
      const highest = webhook?.highestVersion ?? 0
      const kept = new Map([...present].filter(([version]) => version > highest || referred.includes(version)))
      let next = Math.max(highest, ...present.keys())
      const put = (kind: "secret" | "headers", clear: Redacted.Redacted): number => {
        next += 1
        kept.set(next, keyRing.seal(clear, { workspaceId, webhookId, version: next, kind }))
        return next
      }
      const versions = {
        ...(values.secret === undefined ? {} : { secret: put("secret", values.secret) }),
        ...(values.headers === undefined
          ? {}
          : { headers: put("headers", Redacted.make(JSON.stringify(Redacted.value(values.headers)))) })
      }
      const revision = Option.match(entry, { onNone: () => 0, onSome: (found) => found.revision })
      yield* keyValue.write("SECRETS", name, storedOf(kept, clock.now()), revision)
      return versions
    })
    return Effect.retry(attempt, { times: writeAttempts - 1, while: (error) => error._tag === "RevisionConflict" })
  }

  const abandoned = (workspaceId: string, webhookId: string) =>
    Effect.map(keyValue.get("SECRETS", key(workspaceId, webhookId)), (entry) =>
      Option.match(entry, {
        onNone: () => false,
        onSome: ({ value }) => {
          const stored = decodeStored(utf8.decode(value))
          return Either.isRight(stored) && Date.parse(stored.right.written_at) + abandonedAfter < clock.now()
        }
      }))

  return Vault.of({
    seal,
    signing: (webhook) => {
      const cached = cache.get(webhook.id)
      if (cached === undefined || cached.stamp !== stampOf(webhook)) return undefined
      cache.delete(webhook.id)
      cache.set(webhook.id, cached)
      return cached.material
    },
    load: (webhook) =>
      Effect.flatMap(keyValue.get("SECRETS", key(webhook.workspaceId, webhook.id)), (entry) =>
        boxesOf(entry).pipe(
          Either.mapLeft((reason) =>
            new SecretUnavailable({ workspaceId: webhook.workspaceId, webhookId: webhook.id, reason })
          ),
          Either.flatMap((boxes) => openAll(webhook, boxes)),
          Either.map((material) => {
            remember(webhook, material)
            return material
          })
        )),
    destroy,
    sweep: (stateOf) =>
      Effect.gen(function*() {
        let destroyed = 0
        for (const name of yield* keyValue.keys("SECRETS")) {
          const [workspaceId = "", webhookId = "", ...rest] = name.split(".")
          const state = rest.length > 0 ? "live" : stateOf(workspaceId, webhookId)
          const gone = state === "deleted" || (state === "unknown" && (yield* abandoned(workspaceId, webhookId)))
          if (!gone) continue
          yield* destroy(workspaceId, webhookId)
          destroyed += 1
        }
        return destroyed
      })
  })
})
