import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect } from "effect"
import { Config } from "../../Config.ts"
import { jsonBody } from "./Body.ts"
import { Callers } from "./Callers.ts"
import { HooklineApi } from "./Contract.ts"
import { BeginSession, type SessionView } from "./contract/Sessions.ts"
import { Unauthorized, Unprocessable } from "./Errors.ts"
import { brokerUnavailable } from "./Refusals.ts"
import { type Session, Sessions, type WithCookie } from "./Sessions.ts"
import { iso } from "./Times.ts"

const none = new Unauthorized({ type: "unauthorized", message: "there is no session, or it has ended; sign in" })

const view = (
  { brand, csrfToken, expiresAt, kind, rights, workspaceId }: Session,
  headers: SessionView["signature_headers"]
): SessionView => ({
  kind,
  workspace_id: workspaceId,
  rights: [...rights],
  expires_at: iso(expiresAt),
  csrf_token: csrfToken,
  brand: brand && {
    name: brand.name,
    accent_color: brand.color,
    logo_url: brand.logo === null ? null : `/v1/portal-logos/${brand.logo}`
  },
  signature_headers: headers
})

/** Kept by nobody but the page. */
const answering = (change: WithCookie["change"]) =>
  HttpApp.appendPreResponseHandler((_, response) =>
    Effect.succeed(change(HttpServerResponse.setHeader(response, "cache-control", "no-store")))
  )

const readBegin = jsonBody(BeginSession)

export const session = HttpApiBuilder.group(HooklineApi, "session", (handlers) =>
  Effect.gen(function*() {
    const callers = yield* Callers
    const sessions = yield* Sessions
    const { signatureHeader, standardPrefix } = yield* Config
    const headers = { hex: signatureHeader, standard_prefix: standardPrefix }

    const byKey = (text: string) =>
      Effect.gen(function*() {
        const caller = yield* callers.byKey(text)
        yield* callers.charge(caller.keyId, caller.keyId)
        return caller
      })

    return handlers
      .handleRaw("begin", ({ request }) =>
        Effect.gen(function*() {
          const problem = sessions.origins.refuse(request, "taken")
          if (problem !== undefined) return yield* problem
          const { api_key: key, portal_token: token } = yield* readBegin(request)
          if (key === undefined || token !== undefined) {
            return yield* new Unprocessable({
              type: "invalid",
              field: "api_key",
              message: "api_key: either this or portal_token is required"
            })
          }
          const { change, session } = sessions.ofKey(request, yield* byKey(key))
          yield* answering(change)
          return view(session, headers)
        }))
      .handleRaw("show", ({ request }) =>
        Effect.gen(function*() {
          const found = yield* sessions.find(request)
          if (found === undefined) return yield* none
          const { change, session } = found
          yield* callers.charge(session.allowance, session.principal.keyId)
          yield* answering(change)
          return view(session, headers)
        }))
      .handleRaw("end", ({ request }) =>
        Effect.gen(function*() {
          const found = yield* sessions.find(request)
          const problem = found === undefined
            ? sessions.origins.refuse(request, "taken")
            : sessions.refuse(request, found.session)
          if (problem !== undefined) return yield* problem
          yield* sessions.end(request)
          yield* answering(sessions.clear)
        }).pipe(Effect.catchTag("BrokerUnavailable", brokerUnavailable)))
  }))
