import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Context, Effect, FiberRef, HashMap, Layer, Redacted } from "effect"
import { timingSafeEqual } from "node:crypto"
import { Config } from "../../Config.ts"
import { digestOf, keyIdOf, type Role } from "../../model/ApiKey.ts"
import type { WorkspaceId } from "../../model/Id.ts"
import { ApiKeys } from "../../registry/ApiKeys.ts"
import type { Standing } from "./contract/Common.ts"
import { RateLimited, Unauthorized, Unavailable } from "./Errors.ts"
import { type Allowance, makeRateLimit } from "./RateLimit.ts"

/** The operator's API key, `hk_<id>_<secret>`: from the settings or the data directory. It is in no bucket, and always valid. */
export class OperatorKey extends Context.Tag("hookline/surface/OperatorKey")<OperatorKey, Redacted.Redacted>() {}

/** An API key that is valid now. */
export interface Caller {
  readonly keyId: string
  /** Of the key's text: another key that comes to have the id is not this one. */
  readonly fingerprint: string
  readonly workspaceId: WorkspaceId | null
  readonly role: Role
  /** Broker milliseconds. */
  readonly expiresAt: number | undefined
}

const wrong = new Unauthorized({ type: "unauthorized", field: "authorization", message: "the API key is not valid" })

export const unconfirmed = new Unavailable({
  type: "broker_unavailable",
  message:
    "the broker cannot be reached to confirm that the API key was not revoked and the session has not ended; try again"
})

/** Keys, and workspaces with portal sessions, whose buckets are held. */
const most = 10_000

/**
 * Requests with keys or links that open nothing, all together: beyond so many the log says that somebody guesses. One with a key is 401 and
 * nothing more: a look into a map, and one hash of at most 512 bytes where the id is a key's. A real key is never locked out by guesses. A
 * link has to be looked for in the broker, as far as `strangers` lets it.
 */
const failures = { rate: 100, burst: 1000, most: 1 }
/** Questions to the broker for requests without any key, all together: opening portal links, and logos that are not held. */
const strangers = { rate: 50, burst: 500, most: 1 }
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

const tooMany = ({ retryAfter }: Allowance) =>
  new RateLimited({
    type: "rate_limited",
    message: `the API key made too many requests; try again in ${retryAfter} s`
  })

const fingerprintOf = (digest: Buffer): string => digest.toString("base64url").slice(0, 22)

/**
 * Who may call at all: keys, by their text or behind a session. Only the keys' SHA-256 are kept, and compared in constant time: neither
 * length nor prefix can be found out by timing. Nothing is asked of the broker.
 */
export class Callers extends Context.Tag("hookline/surface/Callers")<Callers, {
  /** The key of a text. */
  readonly byKey: (text: string) => Effect.Effect<Caller, Unauthorized | Unavailable>
  /** The key of a session, as it is now. */
  readonly byId: (
    keyId: string,
    fingerprint: string
  ) => Caller | Exclude<Standing, "valid">
  /** Notes that somebody came with something that opens nothing: many of them are said in the log. */
  readonly guessed: Effect.Effect<void>
  /** To be asked before the broker is asked for somebody who has no key: 429 beyond what all of them together may cost it. */
  readonly stranger: Effect.Effect<void, RateLimited>
  /** Takes a request off an allowance, notes the key's use, and says both in the answer and in what is logged. The names are no secrets. */
  readonly charge: (allowance: string, keyId: string) => Effect.Effect<void, RateLimited>
}>() {
  static readonly layer = Layer.effect(Callers, Effect.suspend(() => make))
}

const make = Effect.gen(function*() {
  const operatorKey = Redacted.value(yield* OperatorKey)
  const keys = yield* ApiKeys
  const { apiBurst, apiRate } = yield* Config
  const limit = makeRateLimit({ rate: apiRate, burst: apiBurst, most })
  const failed = makeRateLimit(failures)
  const unknown = makeRateLimit(strangers)
  let saidAt = Number.NEGATIVE_INFINITY

  const operatorDigest = digestOf(operatorKey)
  const operator: Caller = {
    keyId: keyIdOf(operatorKey) ?? "",
    fingerprint: fingerprintOf(operatorDigest),
    workspaceId: null,
    role: "manage",
    expiresAt: undefined
  }

  const guessed = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    if (failed.take("", now).allowed || now - saidAt < saidEvery) return Effect.void
    saidAt = now
    return Effect.logWarning(
      `more than ${failures.rate} requests a second come with API keys that are not valid, or with links that are none`
    )
  })
  const refused = Effect.zipRight(guessed, Effect.fail(wrong))

  const callerOf = (id: string): (Caller & { readonly digest: Buffer }) | undefined => {
    const found = keys.find(id)
    if (found === undefined) return undefined
    const { digest, key: { expiresAt, role, workspaceId } } = found
    return { keyId: id, digest, fingerprint: fingerprintOf(digest), workspaceId, role, expiresAt }
  }

  return Callers.of({
    guessed,
    stranger: Effect.gen(function*() {
      const { allowed, retryAfter } = unknown.take("", yield* Clock.currentTimeMillis)
      if (allowed) return
      yield* HttpApp.appendPreResponseHandler((_, response) =>
        Effect.succeed(HttpServerResponse.setHeader(response, "retry-after", String(retryAfter)))
      )
      return yield* new RateLimited({
        type: "rate_limited",
        message: `too many requests without an API key at once; try again in ${retryAfter} s`
      })
    }),
    byKey: (text) =>
      Effect.suspend((): Effect.Effect<Caller, Unauthorized | Unavailable> => {
        const id = keyIdOf(text)
        const found = id === undefined ? undefined : callerOf(id)
        if (id === undefined || (found === undefined && id !== operator.keyId)) return refused
        const digest = digestOf(text)
        if (id === operator.keyId && timingSafeEqual(digest, operatorDigest)) return Effect.succeed(operator)
        if (found === undefined || !timingSafeEqual(digest, found.digest)) return refused
        return keys.confirmed() ? Effect.succeed(found) : Effect.fail(unconfirmed)
      }),
    byId: (keyId, fingerprint) => {
      if (keyId === operator.keyId && fingerprint === operator.fingerprint) return operator
      if (!keys.confirmed()) return "unconfirmed"
      const found = callerOf(keyId)
      return found?.fingerprint === fingerprint ? found : "over"
    },
    charge: (name, keyId) =>
      Effect.gen(function*() {
        keys.used(keyId)
        const allowance = limit.take(name, yield* Clock.currentTimeMillis)
        yield* announce(allowance)
        yield* FiberRef.update(FiberRef.currentLogAnnotations, HashMap.set<string, unknown>("key", keyId))
        if (!allowance.allowed) return yield* tooMany(allowance)
      })
  })
})
