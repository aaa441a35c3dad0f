import * as Errors from "./Errors.ts"

/**
 * What `@effect/platform` does not say in the OpenAPI document by itself: errors all have one shape (its own decode error never
 * leaves the server, see Faults.ts), a 429 and a 503 name their Retry-After, the bodies of `disable`,
 * `resume`, `rotate-secret`, `recover` and `test` may be left out, whatever takes an API key takes a session's cookie, an answer that is a success says in words what it is, and a schema says nothing but what a generator of clients can use.
 */

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const error = { $ref: "#/components/schemas/Error" }

const retryAfter = {
  "Retry-After": { description: "Seconds until it is worth trying again.", schema: { type: "integer" }, required: true }
}

/** The platform names the schema here, which the document says anyway. */
const successes: Readonly<Record<string, string>> = {
  "201": "Created.",
  "202": "Taken: the stream has acknowledged it.",
  "204": "Done; the answer has no body."
}

const optionalBodies = ["webhooks.disable", "webhooks.resume", "webhooks.rotateSecret", "webhooks.test", "jobs.recover"]

/** Every error class, what the platform's own decode error is made of, and what is said in place (`plain`). */
const replaced = new Set([
  "HttpApiDecodeError",
  "Issue",
  "PropertyKey",
  "Int",
  ...Object.keys(Errors).filter((name) => name !== "ErrorBody")
])

/** Tried by ourselves, in one go with the key (Authentication.ts). */
const session = {
  type: "apiKey",
  in: "cookie",
  name: "__Host-hookline",
  description:
    "A session of the dashboard, begun with `POST /v1/session`; `__Host-hookline_portal` is a portal's, `hookline` a key's where there is no TLS. Counts only without `Authorization`. POST, PATCH and DELETE need `X-CSRF-Token` and an `Origin` that is the API's own."
}

const describeOperation = (operation: Json): Json => {
  const responses = Object.entries(isObject(operation.responses) ? operation.responses : {}).map(
    ([status, response]) => {
      const notReady = operation.operationId === "readyz" && status === "503"
      if (!isObject(response) || notReady) return [status, response]
      if (Number(status) < 400) return [status, { ...response, description: successes[status] ?? "Done." }]
      return [status, {
        ...response,
        ...(status === "400"
          ? { description: "The request is malformed, or names no workspace. Nothing was done." }
          : {}),
        ...(status === "429" || status === "503" ? { headers: retryAfter } : {}),
        content: { "application/json": { schema: error } }
      }]
    }
  )
  const body = operation.requestBody
  return {
    ...operation,
    ...(Array.isArray(operation.security) && operation.security.length > 0
      ? { security: [...operation.security as ReadonlyArray<unknown>, { session: [] }] }
      : {}),
    responses: Object.fromEntries(responses),
    ...(isObject(body)
      ? { requestBody: { ...body, required: !optionalBodies.includes(String(operation.operationId)) } }
      : {})
  }
}

/** What the platform says of a schema by itself: a name of its own check, or what `pattern`, `minimum` and `maximum` say already. */
const saysNothing = (key: string, value: unknown): boolean =>
  // Every schema of "anything" comes with the same `$id`, which is then not one of a kind, as an `$id` has to be.
  key === "$id" ||
  (key === "title" && /^(?:unknown|int|between\(.*\))$/.test(String(value))) ||
  (key === "description" && /^a (?:string matching the pattern|number between) /.test(String(value)))

const integer = { $ref: "#/components/schemas/Int" }

/** A whole number as such, not as a reference to a schema of one; a list of one schema that must hold as that schema. */
const plain = ({ allOf, ...schema }: Json): Json => {
  const only = Array.isArray(allOf) && allOf.length === 1 && isObject(allOf[0]) ? allOf[0] : undefined
  const merged = only === undefined ? { ...schema, ...(allOf === undefined ? {} : { allOf }) } : { ...only, ...schema }
  const { $ref, ...rest } = merged as Json
  return $ref === integer.$ref ? { type: "integer", ...rest } : merged
}

const tidied = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(tidied)
    : isObject(value)
    ? plain(Object.fromEntries(
      Object.entries(value).filter(([key, item]) => !saysNothing(key, item)).map(([key, item]) => [key, tidied(item)])
    ))
    : value

/** Completes the generated document; a pure function from document to document. */
export const describe = (document: Record<string, unknown>): Record<string, unknown> => {
  const paths = Object.entries(isObject(document.paths) ? document.paths : {}).map(([path, item]) => [
    path,
    Object.fromEntries(
      Object.entries(isObject(item) ? item : {}).map(([method, operation]) => [
        method,
        isObject(operation) ? describeOperation(operation) : operation
      ])
    )
  ])
  const components = isObject(document.components) ? document.components : {}
  const schemas = isObject(components.schemas) ? components.schemas : {}
  const schemes = isObject(components.securitySchemes) ? components.securitySchemes : {}
  const kept = Object.entries(schemas).filter(([name]) => !replaced.has(name))
  return {
    ...document,
    servers: [{ url: "/", description: "The server that this document comes from." }],
    paths: tidied(Object.fromEntries(paths)),
    components: {
      ...components,
      schemas: tidied(Object.fromEntries(kept)),
      securitySchemes: { ...schemes, session }
    }
  }
}
