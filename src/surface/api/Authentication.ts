import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Context, Effect, FiberRef, HashMap, Layer, Redacted } from "effect"
import { timingSafeEqual } from "node:crypto"
import { Config } from "../../Config.ts"
import { digestOf, keyIdOf } from "../../model/ApiKey.ts"
import { ApiKeys } from "../../registry/ApiKeys.ts"
import { HooklineApi } from "./Contract.ts"
import { accessOf, type Needed, routeName } from "./contract/Access.ts"
import { Authentication, type Principal } from "./contract/Common.ts"
import { Forbidden, RateLimited, Unauthorized, Unavailable } from "./Errors.ts"
import { type Allowance, makeRateLimit } from "./RateLimit.ts"
import { refuseWorkspace } from "./Workspace.ts"

/** The operator's API key, `hk_<id>_<secret>`: from the settings or the data directory. It is in no bucket, and always valid. */
export class OperatorKey extends Context.Tag("hookline/surface/OperatorKey")<OperatorKey, Redacted.Redacted>() {}

const scheme = /^Bearer +([\x21-\x7e]{1,512})$/i

const missing = new Unauthorized({
  type: "unauthorized",
  field: "authorization",
  message: "an API key is required: `Authorization: Bearer hk_…`"
})
const wrong = new Unauthorized({ type: "unauthorized", field: "authorization", message: "the API key is not valid" })

const unconfirmed = new Unavailable({
  type: "broker_unavailable",
  message: "the broker cannot be reached to confirm that the API key was not revoked; try again"
})

/** Keys whose buckets are held. */
const most = 10_000

/**
 * Requests with keys that are not valid, all together: beyond so many the log says that somebody guesses. Each is 401 and nothing more: a
 * look into a map, and one hash of at most 512 bytes where the id is a key's. A real key is never locked out by guesses.
 */
const failures = { rate: 100, burst: 1000, most: 1 }
/** How often that is said, milliseconds. */
const saidEvery = 60_000

const rateHeaders = ({ allowed, limit, remaining, reset, retryAfter }: Allowance): Record<string, string> => ({
  "ratelimit-limit": String(limit),
  "ratelimit-remaining": String(remaining),
  "ratelimit-reset": String(reset),
  ...(allowed ? {} : { "retry-after": String(retryAfter) })
})

/** On whatever is answered, an error too. */
const announce = (allowance: Allowance) =>
  HttpApp.appendPreResponseHandler((_, response) =>
    Effect.succeed(HttpServerResponse.setHeaders(response, rateHeaders(allowance)))
  )

/** Whatever is logged of the request from here on says whose it is; the id is no secret. */
const named = ({ keyId }: Principal["Type"]) =>
  FiberRef.update(FiberRef.currentLogAnnotations, HashMap.set<string, unknown>("key", keyId))

const tooMany = ({ retryAfter }: Allowance) =>
  new RateLimited({
    type: "rate_limited",
    message: `the API key made too many requests; try again in ${retryAfter} s`
  })

/** Why the key may not use the route; undefined when it may. */
const refusal = ({ role, workspaceId }: Principal["Type"], needed: Needed): Forbidden | undefined => {
  if (needed.scope === "operator" && workspaceId !== null) {
    return new Forbidden({ type: "forbidden", message: "this needs an operator's key; this one is a workspace's" })
  }
  if (needed.role === "any" || role === "manage" || role === needed.role) return undefined
  const enough = needed.role === "manage" ? "`manage`" : `\`${needed.role}\` or \`manage\``
  return new Forbidden({
    type: "forbidden",
    message: `this needs a key of role ${enough}; the role of this one is \`${role}\``
  })
}

/**
 * Who asks, and whether he may: 401, then 429, 403, and 404 or 400 for the workspace. Only the keys' SHA-256 are kept, and compared in constant time: neither length
 * nor prefix can be found out by timing. Nothing is asked of the broker.
 */
export const layer = Layer.effect(
  Authentication,
  Effect.gen(function*() {
    const operatorKey = Redacted.value(yield* OperatorKey)
    const keys = yield* ApiKeys
    const { apiBurst, apiRate } = yield* Config
    const access = accessOf(HooklineApi)
    const limit = makeRateLimit({ rate: apiRate, burst: apiBurst, most })
    const failed = makeRateLimit(failures)
    let saidAt = Number.NEGATIVE_INFINITY

    const operatorId = keyIdOf(operatorKey) ?? ""
    const operatorDigest = digestOf(operatorKey)
    const operator: Principal["Type"] = { keyId: operatorId, workspaceId: null, role: "manage" }

    const refused = (now: number) => {
      if (failed.take("", now).allowed || now - saidAt < saidEvery) return Effect.fail(wrong)
      saidAt = now
      return Effect.zipRight(
        Effect.logWarning(`more than ${failures.rate} requests a second come with API keys that are not valid`),
        Effect.fail(wrong)
      )
    }

    const authenticated = (text: string): Principal["Type"] | Unavailable | undefined => {
      const id = keyIdOf(text)
      const found = id === undefined ? undefined : keys.find(id)
      if (id === undefined || (found === undefined && id !== operatorId)) return undefined
      const digest = digestOf(text)
      if (id === operatorId && timingSafeEqual(digest, operatorDigest)) return operator
      if (found === undefined || !timingSafeEqual(digest, found.digest)) return undefined
      if (!keys.confirmed()) return unconfirmed
      keys.used(found.key.id)
      return { keyId: found.key.id, workspaceId: found.key.workspaceId, role: found.key.role }
    }

    const check = Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      // The platform takes the header's text from the eighth character on, whatever the scheme is: hence a look of our own.
      const given = scheme.exec(request.headers.authorization ?? "")?.[1]
      if (given === undefined) return yield* missing
      const now = yield* Clock.currentTimeMillis
      const principal = authenticated(given)
      if (principal === undefined) return yield* refused(now)
      if (principal instanceof Unavailable) return yield* principal
      const allowance = limit.take(principal.keyId, now)
      yield* announce(allowance)
      yield* named(principal)
      if (!allowance.allowed) return yield* tooMany(allowance)
      const { method, path } = (yield* HttpRouter.RouteContext).route
      const needed = access.get(routeName(method, path)) ?? { role: "manage", scope: "operator" }
      const problem = refusal(principal, needed) ??
        refuseWorkspace(principal, request.headers["x-workspace-id"], needed.scope === "workspace")
      return problem === undefined ? principal : yield* problem
    })

    return { bearer: () => check }
  })
)
