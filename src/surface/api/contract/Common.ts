import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { WorkspaceId } from "../../../model/Id.ts"
import * as Error from "../Errors.ts"

/** What the groups of routes share. The JSON of the API: snake_case keys, times ISO 8601 in UTC with milliseconds. */

/** `Authorization: Bearer <key>`, nothing else: no query parameter, no cookie. */
export class Authentication extends HttpApiMiddleware.Tag<Authentication>()("hookline/surface/Authentication", {
  failure: Error.Unauthorized.http,
  security: {
    bearer: HttpApiSecurity.bearer.pipe(
      HttpApiSecurity.annotateContext(
        OpenApi.annotations({ description: "An API key, `hk_<id>_<secret>`.", format: "hk_<id>_<secret>" })
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

/** A page: `next` is the cursor of the following page, or null. */
export const page = <A, I>(item: Schema.Schema<A, I>, identifier: string) =>
  Schema.Struct({
    data: Schema.Array(item),
    next: Schema.NullOr(Schema.String).annotations({ description: "Cursor of the next page; null: there is none." })
  }).annotations({ identifier })

export const WorkspaceHeader = Schema.Struct({
  "x-workspace-id": WorkspaceId.annotations({
    description: "The workspace the request is about: 1 to 64 characters of A-Z, a-z, 0-9, _ and -.",
    examples: [WorkspaceId.make("ws_550e8400e29b41d4a716446655440000")]
  })
})
