import * as Errors from "./Errors.ts"

/**
 * What `@effect/platform` does not say in the OpenAPI document by itself: errors all have one shape (its own decode error never
 * leaves the server, see Faults.ts), a 503 names its Retry-After, the bodies of `disable`, `rotate-secret` and `test` may be left out.
 */

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const error = { $ref: "#/components/schemas/Error" }

const retryAfter = {
  "Retry-After": { description: "Seconds until it is worth trying again.", schema: { type: "integer" }, required: true }
}

const optionalBodies = ["webhooks.disable", "webhooks.rotateSecret", "webhooks.test"]

/** Every error class, and what the platform's own decode error is made of. */
const replaced = new Set([
  "HttpApiDecodeError",
  "Issue",
  "PropertyKey",
  ...Object.keys(Errors).filter((name) => name !== "ErrorBody")
])

const describeOperation = (operation: Json): Json => {
  const responses = Object.entries(isObject(operation.responses) ? operation.responses : {}).map(
    ([status, response]) => {
      const notReady = operation.operationId === "readyz" && status === "503"
      if (!isObject(response) || Number(status) < 400 || notReady) return [status, response]
      return [status, {
        ...response,
        ...(status === "400"
          ? { description: "The request is malformed, or names no workspace. Nothing was done." }
          : {}),
        ...(status === "503" ? { headers: retryAfter } : {}),
        content: { "application/json": { schema: error } }
      }]
    }
  )
  const body = operation.requestBody
  return {
    ...operation,
    responses: Object.fromEntries(responses),
    ...(isObject(body)
      ? { requestBody: { ...body, required: !optionalBodies.includes(String(operation.operationId)) } }
      : {})
  }
}

/** Every schema of "anything" comes with the same `$id`, which is then not one of a kind, as an `$id` has to be. */
const withoutIds = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(withoutIds)
    : isObject(value)
    ? Object.fromEntries(
      Object.entries(value).filter(([key]) => key !== "$id").map(([key, item]) => [key, withoutIds(item)])
    )
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
  const kept = Object.entries(schemas).filter(([name]) => !replaced.has(name))
  return {
    ...document,
    paths: withoutIds(Object.fromEntries(paths)),
    components: { ...components, schemas: withoutIds(Object.fromEntries(kept)) }
  }
}
