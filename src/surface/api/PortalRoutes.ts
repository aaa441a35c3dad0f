import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Effect, Option, Redacted } from "effect"
import { type Brand, pictureType } from "../../model/Brand.ts"
import { portalRights } from "../../model/Right.ts"
import { PortalLinks } from "../../registry/PortalLinks.ts"
import { jsonBody } from "./Body.ts"
import { Callers } from "./Callers.ts"
import { HooklineApi } from "./Contract.ts"
import { Principal } from "./contract/Common.ts"
import { brandLimits, CreatePortalLink, linkLasts, sessionLasts } from "./contract/Portal.ts"
import { NotFound, RateLimited, Unprocessable } from "./Errors.ts"
import { makeLogos } from "./Logos.ts"
import { makeRateLimit } from "./RateLimit.ts"
import { brokerUnavailable } from "./Refusals.ts"
import { Sessions } from "./Sessions.ts"
import { iso } from "./Times.ts"
import { ownWorkspace } from "./Workspace.ts"

/** Of each workspace, in each process: what a link and a logo leave in the bucket stays there for 26 hours. */
const limits = {
  links: { rate: 5, burst: 100, most: 10_000 },
  logos: { rate: 1 / 600, burst: 20, most: 10_000 }
}

const invalid = (field: string, why: string) =>
  new Unprocessable({ type: "invalid", field, message: `${field}: ${why}` })

const checkName = (name: string): Unprocessable | undefined => {
  const length = [...name].length
  return length < 1 || length > brandLimits.name || name.trim() === "" || /[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)
    ? invalid("brand.name", `must have 1 to ${brandLimits.name} printable characters, in one line`)
    : undefined
}

const isSvg = (bytes: Buffer): boolean => /^[\s\uFEFF]*<(?:\?xml|!|svg)/i.test(bytes.toString("utf8", 0, 256))

/** The picture, or why it is none. */
const readLogo = (base64: string): Buffer | Unprocessable => {
  const field = "brand.logo"
  const bytes = Buffer.from(base64, "base64")
  if (base64 === "" || bytes.toString("base64").replace(/=+$/, "") !== base64.replace(/=+$/, "")) {
    return invalid(field, "must be the picture's bytes in base64, without anything before them")
  }
  if (bytes.length > brandLimits.logo) return invalid(field, `must have at most ${brandLimits.logo} bytes`)
  if (isSvg(bytes)) return invalid(field, "is an SVG, which can hold scripts; send a PNG, JPEG, GIF or WebP")
  return pictureType(bytes) === undefined ? invalid(field, "must be a PNG, JPEG, GIF or WebP") : bytes
}

const readCreate = jsonBody(CreatePortalLink)

const noLogo = new NotFound({ type: "logo_not_found", message: "there is no such logo" })

export const portal = HttpApiBuilder.group(HooklineApi, "portal", (handlers) =>
  Effect.gen(function*() {
    const links = yield* PortalLinks
    const logo = makeLogos(links, (yield* Callers).stranger)
    const { origins } = yield* Sessions
    const allowances = { links: makeRateLimit(limits.links), logos: makeRateLimit(limits.logos) }

    const take = (of: keyof typeof allowances, workspaceId: string) =>
      Effect.gen(function*() {
        const { allowed, retryAfter } = allowances[of].take(workspaceId, yield* Clock.currentTimeMillis)
        if (allowed) return
        yield* HttpApp.appendPreResponseHandler((_, response) =>
          Effect.succeed(HttpServerResponse.setHeader(response, "retry-after", String(retryAfter)))
        )
        return yield* new RateLimited({
          type: "rate_limited",
          message: `too many ${
            of === "links" ? "portal links" : "new logos"
          } of the workspace; try again in ${retryAfter} s`
        })
      })

    const keepLogo = (picture: Buffer, workspaceId: string) =>
      Effect.gen(function*() {
        if (!(yield* links.hasLogo(picture))) yield* take("logos", workspaceId)
        return yield* links.keepLogo(picture)
      })

    const brandOf = (brand: (typeof CreatePortalLink.Type)["brand"], workspaceId: string) =>
      Effect.gen(function*() {
        if (brand === undefined) return null
        const { accent_color: color, logo, name } = brand
        const problem = name === undefined ? undefined : checkName(name)
        if (problem !== undefined) return yield* problem
        if (color !== undefined && !/^#[0-9a-f]{6}$/i.test(color)) {
          return yield* invalid("brand.accent_color", "must be # and six hexadecimal digits, such as #2f6fed")
        }
        const picture = logo === undefined ? undefined : readLogo(logo)
        if (picture instanceof Unprocessable) return yield* picture
        return {
          name: name ?? null,
          color: color?.toLowerCase() ?? null,
          logo: picture === undefined ? null : yield* keepLogo(picture, workspaceId)
        } satisfies Brand
      })

    return handlers
      .handleRaw("createLink", ({ headers, request }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const { fingerprint, keyId } = yield* Principal
          const body = yield* readCreate(request)
          yield* take("links", workspaceId)
          const given = new Set(body.rights).add("read")
          const { expiresAt, token } = yield* links.create({
            workspace_id: workspaceId,
            key_id: keyId,
            key_fingerprint: fingerprint,
            rights: portalRights.filter((right) => given.has(right)),
            brand: yield* brandOf(body.brand, workspaceId),
            session_seconds: body.session_seconds ?? sessionLasts.otherwise,
            lasts: body.expires_in_seconds ?? linkLasts.otherwise
          })
          yield* Effect.logInfo("a portal link was made").pipe(
            Effect.annotateLogs({ workspace: workspaceId, rights: [...given].join(" ") })
          )
          return { url: `${origins.base(request)}/portal#${Redacted.value(token)}`, expires_at: iso(expiresAt) }
        }).pipe(Effect.catchTag("BrokerUnavailable", brokerUnavailable)))
      .handleRaw("logo", ({ path: { id } }) =>
        Effect.gen(function*() {
          const found = yield* logo(id)
          if (Option.isNone(found)) return yield* noLogo
          return HttpServerResponse.uint8Array(found.value, {
            contentType: pictureType(found.value) ?? "application/octet-stream",
            headers: {
              "cache-control": "public, max-age=31536000, immutable",
              "content-security-policy": "default-src 'none'; sandbox",
              "x-content-type-options": "nosniff"
            }
          })
        }).pipe(Effect.catchTag("BrokerUnavailable", brokerUnavailable)))
  }))
