import { NodeHttpServerRequest } from "@effect/platform-node"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, ParseResult, Schema } from "effect"
import { isUtf8 } from "node:buffer"
import type { IncomingMessage } from "node:http"
import { printable } from "../../model/Printable.ts"
import { BadRequest, TooLarge, Unavailable, Unprocessable } from "./Errors.ts"

/** Largest bodies, in bytes. What surrounds an event of 512 KiB in a request of its own is white space: none is needed. */
export const bodyLimits = { event: 512 * 1024, batch: 5 * 1024 ** 2, settings: 1024 ** 2 } as const

/** What the bodies of all requests in the process may hold in memory, each until its answer is sent; beyond it, 503. */
const memoryLimit = 256 * 1024 ** 2
let held = 0

const tooLarge = (limit: number) =>
  new TooLarge({ type: "too_large", message: `the body is over the limit of ${limit} bytes` })

const cutShort = new BadRequest({ type: "incomplete_body", message: "the body ended before it was complete" })

const overloaded = new Unavailable({ type: "overloaded", message: "too many large requests at once" })

const compressed = new BadRequest({
  type: "unsupported_encoding",
  field: "content-encoding",
  message: "compressed bodies are not taken"
})

/** The body's bytes as they came. Over the limit it fails at once, and what still comes is thrown away unread. */
const read = (
  source: IncomingMessage,
  limit: number,
  charge: (bytes: number) => void
): Effect.Effect<Buffer, BadRequest | TooLarge | Unavailable> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    let length = 0
    const stop = () => source.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose)
    const done = (result: Effect.Effect<Buffer, BadRequest | TooLarge | Unavailable>) => {
      // Unread bytes would keep the connection from its next request.
      stop().on("error", () => undefined).resume()
      resume(result)
    }
    const onData = (chunk: Buffer) => {
      length += chunk.length
      if (length > limit) return done(Effect.fail(tooLarge(limit)))
      charge(chunk.length)
      if (held > memoryLimit) return done(Effect.fail(overloaded))
      chunks.push(chunk)
    }
    const onEnd = () => done(Effect.succeed(Buffer.concat(chunks, length)))
    const onClose = () => done(Effect.fail(cutShort))
    if (Number(source.headers["content-length"] ?? 0) > limit) return done(Effect.fail(tooLarge(limit)))
    if (source.readableEnded) return resume(Effect.succeed(Buffer.alloc(0)))
    source.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose)
    return Effect.sync(() => void stop())
  })

/** The raw body of a request: at most `limit` bytes, not compressed. Any content type is taken for JSON. */
export const rawBody = Effect.fnUntraced(function*(request: HttpServerRequest.HttpServerRequest, limit: number) {
  const encoding = request.headers["content-encoding"]
  if (encoding !== undefined && encoding !== "identity") return yield* compressed
  let charged = 0
  yield* Effect.addFinalizer(() => Effect.sync(() => void (held -= charged)))
  return yield* read(NodeHttpServerRequest.toIncomingMessage(request), limit, (bytes) => {
    charged += bytes
    held += bytes
  })
})

/** `headers.x-team`, `events[0]`. */
const fieldOf = (path: ReadonlyArray<PropertyKey>): string =>
  printable(
    path.map((part) => typeof part === "number" ? `[${part}]` : `.${String(part)}`).join("").replace(/^\./, ""),
    200
  )

const kinds: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  null: "a number or null",
  object: "an object"
}

/** What is wrong, never with the value itself: it may be a secret. */
export const sentenceOf = (issue: Pick<ParseResult.ArrayFormatterIssue, "_tag" | "message"> | undefined): string => {
  if (issue?._tag === "Missing") return "is required"
  if (issue?._tag === "Unexpected") return "is not a known key"
  const expected = /^Expected ([^]*?)(?:, actual [^]*)?$/.exec(issue?.message ?? "")?.[1]
  if (expected === undefined) return printable(issue?.message ?? "is not valid", 200)
  return `must be ${kinds[expected] ?? printable(expected, 200)}`
}

/** The first thing that is wrong with a body. */
const invalid = (error: ParseResult.ParseError): Unprocessable => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  const field = fieldOf(issue?.path ?? [])
  return field === ""
    ? new Unprocessable({ type: "invalid", message: "the body must be a JSON object" })
    : new Unprocessable({
      type: issue?._tag === "Unexpected" ? "unknown_key" : "invalid",
      field,
      message: `${field}: ${sentenceOf(issue)}`
    })
}

const malformed = (why: string) => new BadRequest({ type: "malformed_json", message: `the body ${why}` })

/** Bytes as JSON that satisfies a schema. Malformed: 400; not valid: 422 with the field. `otherwise` stands for an empty body. */
export const readJson = <A, I>(schema: Schema.Schema<A, I>, otherwise?: I) => {
  const decode = Schema.decodeUnknown(schema)
  return Effect.fnUntraced(function*(bytes: Buffer) {
    if (bytes.length === 0 && otherwise === undefined) return yield* malformed("is empty")
    if (!isUtf8(bytes)) return yield* malformed("is not valid UTF-8")
    const json = bytes.length === 0 ? otherwise : yield* Effect.try({
      try: (): unknown => JSON.parse(bytes.toString("utf8")),
      catch: () => malformed("is not valid JSON")
    })
    return yield* Effect.mapError(decode(json), invalid)
  })
}

/** The body of a request, read by `readJson`. */
export const jsonBody = <A, I>(schema: Schema.Schema<A, I>, otherwise?: I) => {
  const read = readJson(schema, otherwise)
  return (request: HttpServerRequest.HttpServerRequest) => Effect.flatMap(rawBody(request, bodyLimits.settings), read)
}
