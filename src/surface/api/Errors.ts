import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import { Schema } from "effect"

/** What every answer that is not a success holds, whatever the status. */
export const ErrorBody = Schema.Struct({
  error: Schema.Struct({
    type: Schema.String.annotations({
      description: "What went wrong, as a word for programs; new ones may come.",
      examples: ["unknown_type"]
    }),
    message: Schema.String.annotations({ description: "The same as a sentence for people." }),
    field: Schema.optionalWith(Schema.String, { exact: true }).annotations({
      description:
        "Where in the input: a dot path with list indexes in brackets, such as `events[1]`, `[3].data` in a batch, a query parameter or a header."
    })
  })
}).annotations({
  identifier: "Error",
  examples: [{ error: { type: "unknown_type", message: "there is no event type project.exploded", field: "event" } }]
})

interface Problem {
  readonly type: string
  readonly message: string
  readonly field?: string
}

const fields = {
  type: Schema.String,
  message: Schema.String,
  field: Schema.optionalWith(Schema.String, { exact: true })
}

/** An error class as it goes over HTTP: its status, and `ErrorBody` as its JSON. */
const over = <A extends Problem, I>(
  status: number,
  description: string,
  self: Schema.Schema<A, I> & { new(problem: Problem): A }
) =>
  Schema.transform(ErrorBody, Schema.typeSchema(self), {
    strict: true,
    decode: ({ error }) => new self(error),
    encode: ({ field, message, type }) => ({ error: { type, message, ...(field === undefined ? {} : { field }) } })
  }).annotations(HttpApiSchema.annotations({ status, description }))

/** 400: not a request we understand (malformed JSON, no workspace). Nothing was done. */
export class BadRequest extends Schema.TaggedError<BadRequest>()("BadRequest", fields) {
  static readonly http = over(400, "The request is malformed, or names no workspace. Nothing was done.", BadRequest)
}

/** 401: no API key, or not a valid one. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", fields) {
  static readonly http = over(401, "There is no API key, or it is not valid.", Unauthorized)
}

/** 403: the key is valid, and its role or scope too small. The message names what is needed. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", fields) {
  static readonly http = over(403, "The key's role or scope is too small; the message names what is needed.", Forbidden)
}

/** 404: there is no such thing in this workspace; a foreign id looks the same (CONTRACT 8). */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", fields) {
  static readonly http = over(404, "There is no such thing in this workspace.", NotFound)
}

/** 405: the path exists, the method does not. */
export class MethodNotAllowed extends Schema.TaggedError<MethodNotAllowed>()("MethodNotAllowed", fields) {
  static readonly http = over(405, "The path has no such method; `Allow` names those it has.", MethodNotAllowed)
}

/** 409: refused in the present state; repeating it unchanged does not help until the state has changed. */
export class Conflict extends Schema.TaggedError<Conflict>()("Conflict", fields) {
  static readonly http = over(409, "Refused in the present state, or somebody else changed it meanwhile.", Conflict)
}

/** 410: it was there, and is used up. */
export class Gone extends Schema.TaggedError<Gone>()("Gone", fields) {
  static readonly http = over(410, "It was there, and is used up or has expired.", Gone)
}

/** 413: over a size limit. Nothing was stored. */
export class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", fields) {
  static readonly http = over(413, "The body is over the limit. Nothing was stored.", TooLarge)
}

/** 422: understood, and not valid; `field` says where. Nothing was stored. */
export class Unprocessable extends Schema.TaggedError<Unprocessable>()("Unprocessable", fields) {
  static readonly http = over(
    422,
    "Something in the input is not valid; `field` says where. Nothing was stored.",
    Unprocessable
  )
}

/** 429 with Retry-After: the key made too many requests. Nothing was done. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", fields) {
  static readonly http = over(
    429,
    "The key made too many requests. Repeat it after `Retry-After` seconds. Nothing was done.",
    RateLimited
  )
}

/** 500: a fault of ours. Repeating is safe with the same ids. */
export class InternalError extends Schema.TaggedError<InternalError>()("InternalError", fields) {
  static readonly http = over(500, "A fault of ours; it is in the log.", InternalError)
}

/** 503 with Retry-After: the broker cannot be reached, or a stream is full. Repeating is safe with the same ids. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", fields) {
  static readonly http = over(
    503,
    "The broker cannot be reached or has no room. Repeat it after `Retry-After` seconds; with the same ids that is safe.",
    Unavailable
  )
}

export type ApiError =
  | BadRequest
  | Unauthorized
  | Forbidden
  | NotFound
  | MethodNotAllowed
  | Conflict
  | Gone
  | TooLarge
  | Unprocessable
  | RateLimited
  | InternalError
  | Unavailable
