import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect } from "effect"
import { Config } from "../../Config.ts"
import { type PortalLink, PortalLinks } from "../../registry/PortalLinks.ts"
import { jsonBody } from "./Body.ts"
import { Callers, unconfirmed } from "./Callers.ts"
import { HooklineApi } from "./Contract.ts"
import { BeginSession, type SessionView } from "./contract/Sessions.ts"
import { Gone, Unauthorized, Unprocessable } from "./Errors.ts"
import { brokerUnavailable } from "./Refusals.ts"
import { type Session, Sessions, type WithCookie } from "./Sessions.ts"
import { iso } from "./Times.ts"

const none = new Unauthorized({ type: "unauthorized", message: "there is no session, or it has ended; sign in" })

const eitherOr = new Unprocessable({
  type: "invalid",
  field: "api_key",
  message: "api_key: either this or portal_token is required, and not both"
})
const noLink = new Unauthorized({
  type: "unauthorized",
  field: "portal_token",
  message: "portal_token: there is no such link, or it is long gone; ask for another"
})
const keyOver = new Unauthorized({
  type: "unauthorized",
  field: "portal_token",
  message: "portal_token: the key that made the link is no longer valid"
})
const gone = {
  used: new Gone({
    type: "link_used",
    field: "portal_token",
    message: "portal_token: this link was opened before, and opens once only; ask for another"
  }),
  expired: new Gone({
    type: "link_expired",
    field: "portal_token",
    message: "portal_token: this link was not opened in time; ask for another"
  })
}

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
    const links = yield* PortalLinks

    const byKey = (text: string) =>
      Effect.gen(function*() {
        const caller = yield* callers.byKey(text)
        yield* callers.charge(caller.keyId, caller.keyId)
        return caller
      })

    /** Everything that may be refused is asked before the link is used up: whoever is refused for now can come again with it. */
    const grant = (link: PortalLink) =>
      Effect.gen(function*() {
        const begun = sessions.ofPortal({
          keyId: link.key_id,
          fingerprint: link.key_fingerprint,
          workspaceId: link.workspace_id,
          rights: link.rights,
          brand: link.brand,
          lasts: link.session_seconds * 1000
        })
        if (typeof begun === "string") return yield* begun === "over" ? keyOver : unconfirmed
        yield* callers.charge(begun.session.allowance, link.key_id)
        return begun
      })

    const byLink = (token: string) =>
      Effect.gen(function*() {
        yield* callers.stranger
        const used = yield* links.use(token, grant)
        switch (used.state) {
          case "opened":
            return used.granted
          case "refused":
            return yield* used.why
          case "unknown":
            return yield* Effect.zipRight(callers.guessed, noLink)
          default:
            return yield* gone[used.state]
        }
      })

    return handlers
      .handleRaw("begin", ({ request }) =>
        Effect.gen(function*() {
          const problem = sessions.origins.refuse(request, "taken")
          if (problem !== undefined) return yield* problem
          const { api_key: key, portal_token: token } = yield* readBegin(request)
          if ((key === undefined) === (token === undefined)) return yield* eitherOr
          const { change, session } = yield* key === undefined
            ? byLink(token ?? "")
            : Effect.map(byKey(key), (caller) => sessions.ofKey(request, caller))
          yield* answering(change)
          yield* Effect.logInfo("somebody signed in to the dashboard").pipe(
            Effect.annotateLogs({ kind: session.kind, workspace: session.workspaceId })
          )
          return view(session, headers)
        }).pipe(Effect.catchTag("BrokerUnavailable", brokerUnavailable)))
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
