import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Layer } from "effect"
import { rightsOf, rolesWith } from "../../model/Right.ts"
import { type Caller, Callers } from "./Callers.ts"
import { HooklineApi } from "./Contract.ts"
import { accessOf, type Needed, routeName } from "./contract/Access.ts"
import { Authentication, type Principal } from "./contract/Common.ts"
import { Forbidden, Unauthorized } from "./Errors.ts"
import { Sessions, type WithCookie } from "./Sessions.ts"
import { refuseWorkspace } from "./Workspace.ts"

const scheme = /^Bearer +([\x21-\x7e]{1,512})$/i

const missing = new Unauthorized({
  type: "unauthorized",
  field: "authorization",
  message: "an API key is required: `Authorization: Bearer hk_…`; or a session, which has ended or never began here"
})

const words = (names: ReadonlyArray<string>): string => names.map((name) => `\`${name}\``).join(" or ")

/** Why he may not use the route; undefined when he may. */
const refusal = ({ rights, role, workspaceId }: Principal["Type"], needed: Needed): Forbidden | undefined => {
  if (needed.scope === "operator" && workspaceId !== null) {
    return new Forbidden({ type: "forbidden", message: "this needs an operator's key; this one is a workspace's" })
  }
  if (needed.right === "any" || rights.has(needed.right)) return undefined
  return new Forbidden({
    type: "forbidden",
    message: role === undefined
      ? `this needs the right \`${needed.right}\`; this portal session has ${words([...rights])}`
      : `this needs a key of role ${words(rolesWith(needed.right))}; the role of this one is \`${role}\``
  })
}

const principalOf = (caller: Caller, callers: Callers["Type"]): Principal["Type"] => ({
  keyId: caller.keyId,
  fingerprint: caller.fingerprint,
  workspaceId: caller.workspaceId,
  rights: rightsOf[caller.role],
  role: caller.role,
  standing: () => {
    const now = callers.byId(caller.keyId, caller.fingerprint)
    return typeof now === "string" ? now : "valid"
  }
})

/** What is asked with a cookie is kept by no cache, and its cookie may be renewed. */
const answerWith = ({ change }: WithCookie) =>
  HttpApp.appendPreResponseHandler((_, response) =>
    Effect.succeed(change(
      response.headers["cache-control"] === undefined
        ? HttpServerResponse.setHeader(response, "cache-control", "no-store")
        : response
    ))
  )

/** Who asks, and whether he may: 401, then 429, 403, and 404 or 400 for the workspace. */
export const layer = Layer.effect(
  Authentication,
  Effect.gen(function*() {
    const callers = yield* Callers
    const sessions = yield* Sessions
    const access = accessOf(HooklineApi)

    const byKey = Effect.fnUntraced(function*(authorization: string) {
      // The platform takes the header's text from the eighth character on, whatever the scheme is: hence a look of our own.
      const given = scheme.exec(authorization)?.[1]
      if (given === undefined) return yield* missing
      const caller = yield* callers.byKey(given)
      yield* callers.charge(caller.keyId, caller.keyId)
      return principalOf(caller, callers)
    })

    const bySession = Effect.fnUntraced(function*(request: HttpServerRequest.HttpServerRequest) {
      const found = yield* sessions.find(request)
      if (found === undefined) return yield* missing
      const { session } = found
      yield* answerWith(found)
      yield* callers.charge(session.allowance, session.principal.keyId)
      const problem = request.method === "GET" || request.method === "HEAD"
        ? undefined
        : sessions.refuse(request, session)
      return problem === undefined ? session.principal : yield* problem
    })

    const check = Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      const { authorization } = request.headers
      const principal = yield* authorization === undefined ? bySession(request) : byKey(authorization)
      const { method, path } = (yield* HttpRouter.RouteContext).route
      const needed = access.get(routeName(method, path)) ?? { right: "keys", scope: "operator" }
      const problem = refusal(principal, needed) ??
        refuseWorkspace(principal, request.headers["x-workspace-id"], needed.scope === "workspace")
      return problem === undefined ? principal : yield* problem
    })

    return { bearer: () => check }
  })
)
