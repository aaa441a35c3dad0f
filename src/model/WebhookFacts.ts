import { Either, ParseResult, Schema } from "effect"
import { WebhookId, WorkspaceId } from "./Id.ts"

/**
 * What happens to webhooks, as it stands in the stream WEBHOOKS on `webhooks.<workspace>.<webhook>`: JSON with snake_case keys, times in
 * ISO 8601 with milliseconds. Never a secret or a header's value, only the versions under which SECRETS holds them.
 */

const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** Broker milliseconds, on the wire `2025-03-23T14:35:21.000Z`. */
const Instant = Schema.transformOrFail(Schema.String.pipe(Schema.pattern(iso)), Schema.Int, {
  strict: true,
  decode: (text, _, ast) => {
    const time = Date.parse(text)
    return Number.isNaN(time)
      ? ParseResult.fail(new ParseResult.Type(ast, text, "no such time"))
      : ParseResult.succeed(time)
  },
  encode: (time) => ParseResult.succeed(new Date(time).toISOString())
})

const wire = <A, I>(key: string, schema: Schema.Schema<A, I>) =>
  Schema.propertySignature(schema).pipe(Schema.fromKey(key))
const optional = <A, I>(key: string, schema: Schema.Schema<A, I>) =>
  Schema.optionalWith(schema, { exact: true }).pipe(Schema.fromKey(key))

const Version = Schema.Int.pipe(Schema.positive())
const Names = Schema.Array(Schema.String)

const fact = <const Type extends string, Fields extends Schema.Struct.Fields>(type: Type, fields: Fields) =>
  Schema.Struct({
    // First, for the union to choose by it.
    type: Schema.Literal(type),
    v: Schema.Literal(1),
    webhookId: wire("webhook_id", WebhookId),
    workspaceId: wire("workspace_id", WorkspaceId),
    /** Counts the facts of this webhook, from 1. */
    revision: Schema.Int.pipe(Schema.positive()),
    at: Instant,
    ...fields
  })

const Created = fact("webhook.created", {
  url: Schema.String,
  events: Names,
  description: Schema.String,
  /** Names of the static headers; their values lie in SECRETS. */
  headers: Names,
  headersVersion: optional("headers_version", Version),
  concurrency: Schema.optionalWith(Schema.Int, { exact: true }),
  rateLimit: optional("rate_limit", Schema.Number),
  secretVersion: wire("secret_version", Version)
})

/** Only what changed; null takes a value away. `headers` and `headers_version` go together. */
const Changed = fact("webhook.changed", {
  url: Schema.optionalWith(Schema.String, { exact: true }),
  events: Schema.optionalWith(Names, { exact: true }),
  description: Schema.optionalWith(Schema.String, { exact: true }),
  headers: Schema.optionalWith(Names, { exact: true }),
  headersVersion: optional("headers_version", Schema.NullOr(Version)),
  concurrency: Schema.optionalWith(Schema.NullOr(Schema.Int), { exact: true }),
  rateLimit: optional("rate_limit", Schema.NullOr(Schema.Number))
})

const Enabled = fact("webhook.enabled", {})
const Disabled = fact("webhook.disabled", { reason: Schema.optionalWith(Schema.String, { exact: true }) })
const Paused = fact("webhook.paused", {})
/** With `drain_rate`, attempts a second: so fast drains what is held at this moment. Without it, at once. */
const Resumed = fact("webhook.resumed", { drainRate: optional("drain_rate", Schema.Number) })

/**
 * Which secrets are in force from now on. Without a previous version there is no overlap; with the same `secret_version` as before it
 * only ends the overlap.
 */
const SecretRotated = fact("webhook.secret_rotated", {
  secretVersion: wire("secret_version", Version),
  previousSecretVersion: optional("previous_secret_version", Version),
  overlapUntil: optional("overlap_until", Instant)
})

const Deleted = fact("webhook.deleted", {})

const WebhookFact = Schema.Union(Created, Changed, Enabled, Disabled, Paused, Resumed, SecretRotated, Deleted)
export type WebhookFact = typeof WebhookFact.Type

const decodeJson = Schema.decodeUnknownEither(Schema.parseJson(WebhookFact))
const encodeJson = Schema.encodeSync(Schema.parseJson(WebhookFact))
const utf8 = new TextDecoder("utf-8", { fatal: true })

/** The first few problems, one a field. */
const describe = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .slice(0, 3)
    .map(({ message, path }) => path.length === 0 ? message : `${path.join(".")}: ${message}`)
    .join("; ")
    .slice(0, 500)

/** A fact as the stream holds it, or why it is none. Keys it does not know are ignored. */
export const decodeFact = (data: Uint8Array): Either.Either<WebhookFact, string> =>
  Either.try({ try: () => utf8.decode(data), catch: () => "not UTF-8" }).pipe(
    Either.flatMap((text) => Either.mapLeft(decodeJson(text), describe))
  )

export const encodeFact = (fact: WebhookFact): string => encodeJson(fact)
