import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Context, Effect } from "effect"
import { randomBytes } from "node:crypto"
import { Config } from "../../Config.ts"
import { type Asset, type Encoding, loadAssets } from "./Assets.ts"

/** Where `npm run build` puts the dashboard. */
export class DashboardFolder extends Context.Tag("hookline/surface/DashboardFolder")<DashboardFolder, string>() {}

/** A year: the name says what is in it. */
const forever = "public, max-age=31536000, immutable"

const hidden = { "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" }

/** The first thing that the page asks, begun by the browser while it still loads the scripts. Who comes by a portal's link asks something else. */
const preload = "</v1/session>; rel=preload; as=fetch; crossorigin"

/** The page may run its own scripts, talk to this server, and nothing else. */
const contentSecurityPolicy = (nonce: string, ancestors: ReadonlyArray<string>): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    `frame-ancestors ${ancestors.length === 0 ? "'none'" : ancestors.join(" ")}`
  ].join("; ")

const notBuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>hookline</title>
<h1>The dashboard is not built</h1>
<p>Run <code>npm run build</code> and start hookline again. The API is described at <a href="/docs">/docs</a>.</p>
</html>
`

/** Paths that are the API's whatever a browser would like to see there. */
const ofApi = /^\/(?:v1|docs|openapi\.json|metrics|healthz|readyz|assets)(?:\/|$)/

const pathOf = (url: string): string => /^[^?#]*/.exec(url)?.[0] ?? ""

/** Whether an encoding is acceptable (RFC 9110, 12.5.3). */
const accepts = (header: string, encoding: Encoding): boolean => {
  if (encoding === "identity") return true
  const named = header.split(",").map((part) => part.trim().toLowerCase().split(/\s*;\s*/))
  return named.some(([name, weight]) => name === encoding && !/^q=0(?:\.0*)?$/.test(weight ?? ""))
}

const isKnown = (header: string | undefined, etag: string): boolean =>
  (header ?? "").split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag)

const file = Effect.fnUntraced(function*(
  { headers }: HttpServerRequest.HttpServerRequest,
  path: string,
  { contentType, encoded, encodings, etag }: Asset
) {
  const kept = {
    ...hidden,
    etag,
    vary: "accept-encoding",
    "cache-control": path.startsWith("/assets/") ? forever : "no-cache"
  }
  if (isKnown(headers["if-none-match"], etag)) return HttpServerResponse.empty({ status: 304, headers: kept })
  const encoding = encodings.find((one) => accepts(headers["accept-encoding"] ?? "", one)) ?? "identity"
  return HttpServerResponse.uint8Array(yield* encoded(encoding), {
    contentType,
    headers: encoding === "identity" ? kept : { ...kept, "content-encoding": encoding }
  })
})

/**
 * The dashboard: its files at their paths, and its page at every other address that a browser opens, for the page itself knows which there
 * are. No key is needed: it shows nothing before somebody has signed in.
 */
export const dashboard = HttpApiBuilder.Router.use((router) =>
  Effect.gen(function*() {
    const { frameAncestors } = yield* Config
    const assets = yield* loadAssets(yield* DashboardFolder)

    const page = (path: string) =>
      Effect.sync(() => {
        const nonce = randomBytes(16).toString("base64url")
        return HttpServerResponse.text((assets?.page ?? notBuilt).replaceAll("__NONCE__", nonce), {
          contentType: "text/html; charset=utf-8",
          headers: {
            ...hidden,
            "cache-control": "no-store",
            "content-security-policy": contentSecurityPolicy(nonce, frameAncestors),
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
            ...(frameAncestors.length === 0 ? { "x-frame-options": "DENY" } : {}),
            ...(path === "/portal" ? {} : { link: preload })
          }
        })
      })

    yield* router.get(
      "*",
      Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        const path = pathOf(request.url)
        const asset = assets?.files.get(path)
        if (asset !== undefined) return yield* file(request, path, asset)
        const opened = path === "/" || (request.headers.accept ?? "").includes("text/html")
        if (ofApi.test(path) || !opened) return yield* new HttpServerError.RouteNotFound({ request })
        return yield* page(path)
      })
    )
  })
)
