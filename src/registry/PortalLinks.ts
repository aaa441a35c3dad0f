import { Context, Effect, Either, Layer, Option, Redacted, Schema } from "effect"
import { hash, randomBytes } from "node:crypto"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { KeyValue, type RevisionConflict } from "../broker/KeyValue.ts"
import { BrokerUnavailable } from "../broker/Streams.ts"
import { key } from "../broker/Subjects.ts"
import { Brand } from "../model/Brand.ts"
import { WorkspaceId } from "../model/Id.ts"
import { portalRights } from "../model/Right.ts"

/** What the bucket SESSIONS holds of a link, under the SHA-256 of its token (docs/messages.md). */
const Stored = Schema.Struct({
  v: Schema.Literal(1),
  workspace_id: WorkspaceId,
  /** The key that made it: both are valid only as long as that is. */
  key_id: Schema.String,
  /** Of the key's text: another key that comes to have the id is not this one. */
  key_fingerprint: Schema.String,
  rights: Schema.Array(Schema.Literal(...portalRights)),
  brand: Schema.NullOr(Brand),
  session_seconds: Schema.Number,
  expires_at: Schema.String,
  /** Who has used it: random, so that a process knows its own mark again. */
  used_by: Schema.optionalWith(Schema.String, { exact: true })
})
export type PortalLink = typeof Stored.Type
const decode = Schema.decodeUnknownEither(Schema.parseJson(Stored))
/** As the bucket has it. */
export const encodeLink = Schema.encodeSync(Schema.parseJson(Stored))
export const decodeLink = (value: Uint8Array): Either.Either<PortalLink, string> =>
  Either.mapLeft(decode(Buffer.from(value).toString("utf8")), ({ message }) => message)

/** What came of using a link. `unknown`: never was, or is gone: SESSIONS forgets after 26 hours. */
export type Use<Granted, Refusal> =
  | { readonly state: "opened"; readonly granted: Granted }
  | { readonly state: "refused"; readonly why: Refusal }
  | { readonly state: "unknown" | "used" | "expired" }

/**
 * Links that open the dashboard once, for one workspace. Of its token only the SHA-256 is kept; a plain hash is enough, as for API keys. Which
 * of many that use it at once was first says the bucket, by compare-and-set, whatever the number of processes.
 */
export class PortalLinks extends Context.Tag("hookline/registry/PortalLinks")<PortalLinks, {
  /** Makes one. `lasts` in seconds. */
  readonly create: (
    link: Omit<PortalLink, "v" | "expires_at" | "used_by"> & { readonly lasts: number }
  ) => Effect.Effect<{ readonly token: Redacted.Redacted; readonly expiresAt: number }, BrokerUnavailable>
  /**
   * Uses it up for what `grant` gives, which is asked once at most, and before anything is written: what that refuses leaves the link as it was.
   * `BrokerUnavailable`: it may be used up all the same.
   */
  readonly use: <Granted, Refusal>(
    token: string,
    grant: (link: PortalLink) => Effect.Effect<Granted, Refusal>
  ) => Effect.Effect<Use<Granted, Refusal>, BrokerUnavailable>
  /** Keeps a picture for as long as a link made now, or its session, may show it; gives its SHA-256. */
  readonly keepLogo: (picture: Uint8Array) => Effect.Effect<string, BrokerUnavailable>
  readonly hasLogo: (picture: Uint8Array) => Effect.Effect<boolean, BrokerUnavailable>
  readonly logo: (sha256: string) => Effect.Effect<Option.Option<Uint8Array>, BrokerUnavailable>
}>() {
  static readonly layer = Layer.effect(PortalLinks, Effect.suspend(() => make))
}

const shape = /^pl_[A-Za-z0-9_-]{43}$/
const sha256 = (of: string | Uint8Array): string => hash("sha256", of, "hex")

/** A use is tried again so often: when somebody else was faster, or an answer was lost on the way. */
const again = 2

const raced = ({ bucket, key }: RevisionConflict) =>
  new BrokerUnavailable({ operation: `writing ${bucket} ${key}`, detail: "others wrote it at the same time" })

const make = Effect.gen(function*() {
  const keyValue = yield* KeyValue
  const clock = yield* BrokerClock

  const write = (name: string, link: PortalLink, revision: number) =>
    keyValue.write("SESSIONS", name, encodeLink(link), revision)

  return PortalLinks.of({
    create: ({ lasts, ...settings }) =>
      Effect.gen(function*() {
        const token = `pl_${randomBytes(32).toString("base64url")}`
        const expiresAt = clock.now() + lasts * 1000
        yield* write(
          key("link", sha256(token)),
          { v: 1, ...settings, expires_at: new Date(expiresAt).toISOString() },
          0
        )
        return { token: Redacted.make(token), expiresAt }
      }).pipe(Effect.catchTag("RevisionConflict", raced)),
    use: <Granted, Refusal>(token: string, grant: (link: PortalLink) => Effect.Effect<Granted, Refusal>) => {
      if (!shape.test(token)) return Effect.succeed<Use<Granted, Refusal>>({ state: "unknown" })
      const name = key("link", sha256(token))
      const mark = randomBytes(12).toString("hex")
      let asked: Either.Either<Granted, Refusal> | undefined
      return Effect.gen(function*(): Effect.fn.Return<Use<Granted, Refusal>, BrokerUnavailable | RevisionConflict> {
        const entry = yield* keyValue.get("SESSIONS", name)
        const decoded = Option.flatMap(entry, ({ value }) => Either.getRight(decodeLink(value)))
        if (Option.isNone(entry) || Option.isNone(decoded)) return { state: "unknown" }
        const link = decoded.value
        if (link.used_by !== undefined) {
          return link.used_by === mark && asked?._tag === "Right"
            ? { state: "opened", granted: asked.right }
            : { state: "used" }
        }
        if (clock.now() >= Date.parse(link.expires_at)) return { state: "expired" }
        asked ??= yield* Effect.either(grant(link))
        if (Either.isLeft(asked)) return { state: "refused", why: asked.left }
        yield* write(name, { ...link, used_by: mark }, entry.value.revision)
        return { state: "opened", granted: asked.right }
      }).pipe(
        // Somebody else was faster, or the answer was lost: then our own mark is there.
        Effect.retry({ times: again }),
        Effect.catchTag("RevisionConflict", raced)
      )
    },
    keepLogo: (picture) =>
      Effect.gen(function*() {
        const digest = sha256(picture)
        const name = key("logo", digest)
        const revision = Option.match(yield* keyValue.get("SESSIONS", name), {
          onNone: () => 0,
          onSome: ({ revision }) => revision
        })
        // Written anew though it is the same: from now on it is kept for its full time again. Who was faster has done that.
        yield* Effect.catchTag(
          keyValue.write("SESSIONS", name, picture, revision),
          "RevisionConflict",
          () => Effect.void
        )
        return digest
      }),
    hasLogo: (picture) => Effect.map(keyValue.get("SESSIONS", key("logo", sha256(picture))), Option.isSome),
    logo: (digest) =>
      /^[0-9a-f]{64}$/.test(digest)
        ? Effect.map(keyValue.get("SESSIONS", key("logo", digest)), Option.map(({ value }) => value))
        : Effect.succeedNone
  })
})
