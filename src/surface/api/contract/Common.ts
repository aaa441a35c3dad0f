import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Context, ParseResult, Schema } from "effect"
import type { Role } from "../../../model/ApiKey.ts"
import { WorkspaceId } from "../../../model/Id.ts"
import type { Right } from "../../../model/Right.ts"
import * as Error from "../Errors.ts"

/** What the groups of routes share. The JSON of the API: snake_case keys, times ISO 8601 in UTC with milliseconds. */

/** Whether who asked may still ask. `unconfirmed`: nobody knows, for the broker cannot be reached. */
export type Standing = "valid" | "over" | "unconfirmed"

/** Who asks: an API key, or a session that stands for one. */
export class Principal extends Context.Tag("hookline/surface/Principal")<Principal, {
  /** The key, or the one with which the portal link was made. */
  readonly keyId: string
  /** Of the key's text: another key that comes to have the id is not this one. */
  readonly fingerprint: string
  /** The only workspace it can see or touch; null: an operator's key. */
  readonly workspaceId: WorkspaceId | null
  readonly rights: ReadonlySet<Right>
  /** Of the key; undefined: a portal session, which has rights of its own. */
  readonly role: Role | undefined
  /** For what goes on after the request was let in. */
  readonly standing: () => Standing
}>() {}

/**
 * `Authorization: Bearer <key>`, or the cookie of a session (Sessions.ts), never a query parameter. What a route needs of either is in
 * Access.ts. The cookie's scheme is put into the OpenAPI document by OpenApi.ts: the platform tries one scheme after another, and the error
 * of the last would hide that of the one that was meant.
 */
export class Authentication extends HttpApiMiddleware.Tag<Authentication>()("hookline/surface/Authentication", {
  failure: Schema.Union(
    Error.BadRequest.http,
    Error.Unauthorized.http,
    Error.Forbidden.http,
    Error.NotFound.http,
    Error.RateLimited.http,
    Error.Unavailable.http
  ),
  provides: Principal,
  security: {
    bearer: HttpApiSecurity.bearer.pipe(
      HttpApiSecurity.annotateContext(
        OpenApi.annotations({
          description:
            "An API key, `hk_<id>_<secret>`, of one workspace or of the operator. Its role: `publish` posts events and reads the event types; `read` makes every GET of its workspace; `manage` does everything. Every answer to a valid key has `RateLimit-Limit` (requests it may make at once), `RateLimit-Remaining` and `RateLimit-Reset` (seconds until all may be made again).",
          format: "hk_<id>_<secret>"
        })
      )
    )
  }
}) {}

export const doc = (summary: string, description: string) => OpenApi.annotations({ summary, description })

/** For the schema of a request's body: unknown keys are refused. */
export const strict = { parseOptions: { onExcessProperty: "error", errors: "first" } } as const

export const Time = Schema.String.annotations({
  description: "ISO 8601 in UTC.",
  examples: ["2025-03-23T14:35:21.000Z"]
})

export const exact = <A, I, R>(schema: Schema.Schema<A, I, R>) => Schema.optionalWith(schema, { exact: true })

/** A query parameter that is a whole number: text in the address, and a number in the OpenAPI document. */
export const wholeNumber = (minimum: number, maximum: number) =>
  Schema.NumberFromString.pipe(Schema.int(), Schema.between(minimum, maximum)).annotations({
    jsonSchema: { type: "integer", minimum, maximum }
  })

/** What every page has. */
export const paged = <A, I>(item: Schema.Schema<A, I>) => ({
  data: Schema.Array(item),
  next: Schema.NullOr(Schema.String).annotations({ description: "Cursor of the next page; null: there is none." })
})

/** A page: `next` is the cursor of the following page, or null. */
export const page = <A, I>(item: Schema.Schema<A, I>, identifier: string) =>
  Schema.Struct(paged(item)).annotations({ identifier })

/** In whatever comes from the history, which follows the streams at a distance. */
export const behind = Schema.Number.annotations({
  description: "How many messages of the streams the history had not read yet, half a second ago at most; 0: none."
})

/** A page of the history. */
export const historyPage = <A, I>(item: Schema.Schema<A, I>, identifier: string) =>
  Schema.Struct({ ...paged(item), behind }).annotations({ identifier })

/** Where a page goes on, as the page before said; its form is nobody's business but the page's. */
export const cursor = (form: RegExp) =>
  Schema.String.pipe(Schema.pattern(form, { message: () => "none that a page gave" })).annotations({
    description: "`next` of the page before.",
    jsonSchema: { type: "string" }
  })

/** How many entries a page has. */
export const limit = wholeNumber(1, 100).annotations({ description: "At most so many, 1 to 100 (50)." })

/** ISO 8601 in a query parameter, to milliseconds. */
export const TimeQuery = Schema.transformOrFail(Schema.String, Schema.Number, {
  strict: true,
  decode: (text, _, ast) => {
    const time = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN
    return Number.isNaN(time)
      ? ParseResult.fail(
        new ParseResult.Type(ast, text, "must be a time such as 2025-03-23T14:35:21Z, or a day such as 2025-03-23")
      )
      : ParseResult.succeed(time)
  },
  encode: (time) => ParseResult.succeed(new Date(time).toISOString())
}).annotations({ examples: [1_742_740_521_000] })

export const WorkspaceHeader = Schema.Struct({
  "x-workspace-id": exact(WorkspaceId).annotations({
    description:
      "The workspace the request is about: 1 to 64 characters of A-Z, a-z, 0-9, _ and -. Required with an operator's key; with a workspace's key it may be left out, and another workspace is not found.",
    examples: [WorkspaceId.make("ws_550e8400e29b41d4a716446655440000")]
  })
})

/** In a path. */
export const webhookId = HttpApiSchema.param(
  "id",
  Schema.String.annotations({ description: "The webhook's id.", examples: ["wh_550e8400e29b41d4a716446655440000"] })
)
