import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Effect, Layer, Redacted } from "effect"
import { hash, timingSafeEqual } from "node:crypto"
import { Authentication } from "./contract/Common.ts"
import { Unauthorized } from "./Errors.ts"

/** The operator's API key, `hk_<id>_<secret>`: from the settings or the data directory. */
export class OperatorKey extends Context.Tag("hookline/surface/OperatorKey")<OperatorKey, Redacted.Redacted>() {}

const digest = (key: string): Buffer => hash("sha256", key, "buffer")

const scheme = /^Bearer +([\x21-\x7e]{1,512})$/i

const missing = new Unauthorized({
  type: "unauthorized",
  field: "authorization",
  message: "an API key is required: `Authorization: Bearer hk_…`"
})
const wrong = new Unauthorized({ type: "unauthorized", field: "authorization", message: "the API key is not valid" })

/** Only the key's SHA-256 is kept, and compared in constant time: neither length nor prefix can be found out by timing. */
export const layer = Layer.effect(
  Authentication,
  Effect.map(OperatorKey, (key) => {
    const expected = digest(Redacted.value(key))
    return {
      // The platform takes the header's text from the eighth character on, whatever the scheme is: hence a look of our own.
      bearer: () =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
          const given = scheme.exec(request.headers.authorization ?? "")?.[1]
          if (given === undefined) return Effect.fail(missing)
          return timingSafeEqual(digest(given), expected) ? Effect.void : Effect.fail(wrong)
        })
    }
  })
)
