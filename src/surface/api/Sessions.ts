import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Context, Effect, Either, Layer, Schema } from "effect"
import { randomBytes, timingSafeEqual } from "node:crypto"
import { BrokerClock } from "../../broker/BrokerClock.ts"
import type { BrokerUnavailable } from "../../broker/Streams.ts"
import { Config } from "../../Config.ts"
import { Brand } from "../../model/Brand.ts"
import { WorkspaceId } from "../../model/Id.ts"
import { type PortalRight, portalRights, type Right, rightsOf } from "../../model/Right.ts"
import { EndedSessions } from "../../registry/EndedSessions.ts"
import { KeyRing } from "../../registry/KeyRing.ts"
import { type Caller, Callers, unconfirmed } from "./Callers.ts"
import type { Principal, Standing } from "./contract/Common.ts"
import { clearCookie, type CookieName, cookieNames, cookieValues, setCookie } from "./Cookies.ts"
import { Forbidden, type Unavailable } from "./Errors.ts"
import { makeOrigins } from "./Origins.ts"

/*
 * Sessions of the dashboard. A session is what its cookie says, sealed under a key made of the master keys' ring: it outlives a restart and
 * holds in every process. What can end it before it expires is looked up at each request: its API key, or the key that made the portal link,
 * is revoked or expires; somebody signs out (EndedSessions.ts).
 *
 * A key's session lasts for 12 hours and is renewed while it is used, for 7 days at most; a portal's as long as its link says.
 */

const hour = 3_600_000
/** Milliseconds. */
const lasts = { key: 12 * hour, altogether: 7 * 24 * hour, renewedAfter: hour }

/** Times are broker milliseconds. */
const Stored = Schema.Struct({
  v: Schema.Literal(1),
  id: Schema.String,
  csrf: Schema.String,
  key: Schema.String,
  fingerprint: Schema.String,
  begun: Schema.Number,
  made: Schema.Number,
  expires: Schema.Number,
  /** Without it the session is a key's, and has the rights of its role. */
  portal: Schema.optionalWith(
    Schema.Struct({
      workspace: WorkspaceId,
      rights: Schema.Array(Schema.Literal(...portalRights)),
      brand: Schema.NullOr(Brand)
    }),
    { exact: true }
  )
})
type Stored = typeof Stored.Type
const decode = Schema.decodeUnknownEither(Schema.parseJson(Stored))
const encode = Schema.encodeSync(Schema.parseJson(Stored))

/** What a portal link gives. */
export interface PortalGrant {
  readonly keyId: string
  readonly fingerprint: string
  readonly workspaceId: WorkspaceId
  readonly rights: ReadonlyArray<PortalRight>
  readonly brand: Brand | null
  /** Milliseconds. */
  readonly lasts: number
}

/** A session that is valid now. */
export interface Session {
  readonly kind: "key" | "portal"
  readonly workspaceId: WorkspaceId | null
  readonly rights: ReadonlySet<Right>
  readonly expiresAt: number
  readonly csrfToken: string
  readonly brand: Brand | null
  readonly principal: Principal["Type"]
  /** Whose allowance its requests are taken off. */
  readonly allowance: string
}

type Request = HttpServerRequest.HttpServerRequest
type Change = (response: HttpServerResponse.HttpServerResponse) => HttpServerResponse.HttpServerResponse

/** A session and what the answer's cookies have to say of it. */
export interface WithCookie {
  readonly session: Session
  readonly change: Change
}

export class Sessions extends Context.Tag("hookline/surface/Sessions")<Sessions, {
  /** Begins a key's session. */
  readonly ofKey: (request: Request, caller: Caller) => WithCookie
  /** Begins a portal's session; none when the key that made the link is no longer valid. */
  readonly ofPortal: (grant: PortalGrant) => WithCookie | Exclude<Standing, "valid">
  /** The session of the request's cookie, a portal's before a key's; undefined: there is none that is valid. */
  readonly find: (request: Request) => Effect.Effect<WithCookie | undefined, Unavailable>
  /** Why the request may not change anything with a session's cookie: another page may have made it. */
  readonly refuse: (request: Request, session: Session) => Forbidden | undefined
  /** From now on nobody's, whoever has a copy of the cookie. */
  readonly end: (request: Request) => Effect.Effect<void, BrokerUnavailable>
  readonly clear: Change
  readonly origins: ReturnType<typeof makeOrigins>
}>() {
  static readonly layer = Layer.effect(Sessions, Effect.suspend(() => make))
}

const csrfHeader = "x-csrf-token"

const equal = (left: string, right: string): boolean => {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}

const clear: Change = (response) => Object.values(cookieNames).reduce(clearCookie, response)

const keyExpiry = (begun: number, now: number, caller: Caller): number =>
  Math.min(now + lasts.key, begun + lasts.altogether, caller.expiresAt ?? Number.POSITIVE_INFINITY)

const fresh = (now: number) => ({
  v: 1 as const,
  id: randomBytes(16).toString("hex"),
  csrf: randomBytes(24).toString("base64url"),
  begun: now,
  made: now
})

const none: Effect.Effect<WithCookie | undefined> = Effect.succeed<WithCookie | undefined>(undefined)

const make = Effect.gen(function*() {
  const callers = yield* Callers
  const ended = yield* EndedSessions
  const clock = yield* BrokerClock
  const sealer = (yield* KeyRing).sealer("session")
  const origins = makeOrigins((yield* Config).publicUrl)

  const standing = (stored: Stored): Caller | Exclude<Standing, "valid"> => {
    const caller = callers.byId(stored.key, stored.fingerprint)
    if (typeof caller === "string") return caller
    if (ended.has(stored.id) || clock.now() >= stored.expires) return "over"
    // The operator's key is always valid, but whether somebody signed out of its session only the broker can say.
    return ended.confirmed() ? caller : "unconfirmed"
  }

  const view = (stored: Stored, caller: Caller): Session => {
    const { portal } = stored
    const rights = portal === undefined ? rightsOf[caller.role] : new Set<Right>(portal.rights)
    const workspaceId = portal === undefined ? caller.workspaceId : portal.workspace
    return {
      kind: portal === undefined ? "key" : "portal",
      workspaceId,
      rights,
      expiresAt: stored.expires,
      csrfToken: stored.csrf,
      brand: portal?.brand ?? null,
      principal: {
        keyId: stored.key,
        fingerprint: stored.fingerprint,
        workspaceId,
        rights,
        role: portal === undefined ? caller.role : undefined,
        standing: () => {
          const now = standing(stored)
          return typeof now === "string" ? now : "valid"
        }
      },
      // A portal's customers share an allowance of their own: they must not be able to use up the platform's.
      allowance: portal === undefined ? stored.key : `portal of ${portal.workspace}`
    }
  }

  const given = (stored: Stored, name: CookieName): Change => (response) =>
    setCookie(response, name, sealer.seal(encode(stored)), stored.expires - clock.now())

  const open = (box: string): Stored | undefined =>
    sealer.open(box).pipe(Either.flatMap(decode), Either.getOrElse(() => undefined))

  /** What the request's cookies hold, valid or not. A plain cookie says nothing where browsers use https: anybody in between could set it. */
  const held = (request: Request) =>
    [cookieNames.portal, cookieNames.securedKey, ...(origins.isPublic(request) ? [] : [cookieNames.key])].flatMap(
      (name) =>
        cookieValues(request, name).flatMap((value) => {
          const stored = open(value)
          return stored === undefined || (stored.portal !== undefined) !== (name === cookieNames.portal)
            ? []
            : [{ name, stored }]
        })
    )

  return Sessions.of({
    origins,
    clear,
    ofKey: (request, caller) => {
      const now = clock.now()
      const { fingerprint, keyId: key } = caller
      const stored = { ...fresh(now), key, fingerprint, expires: keyExpiry(now, now, caller) }
      const name = origins.isSecure(request) ? cookieNames.securedKey : cookieNames.key
      return {
        session: view(stored, caller),
        change: (response) => given(stored, name)(clearCookie(response, cookieNames.portal))
      }
    },
    ofPortal: ({ brand, fingerprint, keyId: key, lasts, rights, workspaceId: workspace }) => {
      const caller = callers.byId(key, fingerprint)
      if (typeof caller === "string") return caller
      const now = clock.now()
      const expires = Math.min(now + lasts, caller.expiresAt ?? Number.POSITIVE_INFINITY)
      const stored = { ...fresh(now), key, fingerprint, expires, portal: { workspace, rights, brand } }
      return {
        session: view(stored, caller),
        change: (response) => given(stored, cookieNames.portal)(clear(response))
      }
    },
    find: (request) =>
      Effect.suspend(() => {
        let doubtful = false
        for (const { name, stored } of held(request)) {
          const caller = standing(stored)
          doubtful ||= caller === "unconfirmed"
          if (typeof caller === "string") continue
          const now = clock.now()
          if (stored.portal !== undefined || now - stored.made < lasts.renewedAfter) {
            return Effect.succeed({ session: view(stored, caller), change: (response) => response })
          }
          const renewed = { ...stored, made: now, expires: keyExpiry(stored.begun, now, caller) }
          return Effect.succeed({ session: view(renewed, caller), change: given(renewed, name) })
        }
        return doubtful ? Effect.fail(unconfirmed) : none
      }),
    refuse: (request, { csrfToken }) => {
      const problem = origins.refuse(request, "refused")
      if (problem !== undefined) return problem
      return equal(request.headers[csrfHeader] ?? "", csrfToken) ? undefined : new Forbidden({
        type: "forbidden",
        field: csrfHeader,
        message: `${csrfHeader}: a change with a session's cookie needs the session's \`csrf_token\` in this header`
      })
    },
    end: (request) =>
      Effect.forEach(
        held(request).filter(({ stored }) => !ended.has(stored.id) && clock.now() < stored.expires),
        ({ stored }) => ended.end(stored.id),
        { discard: true }
      )
  })
})
