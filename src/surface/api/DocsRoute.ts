import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as OpenApi from "@effect/platform/OpenApi"
import { Effect } from "effect"
import { hash } from "node:crypto"
import { HooklineApi } from "./Contract.ts"
import type { Document } from "./docs/Document.ts"
import { contentSecurityPolicy, page } from "./docs/Page.ts"

/** `GET /docs`: made once, when the server starts, and the same until it ends. No key is needed: it says nothing that is not in the source. */
export const docs = HttpApiBuilder.Router.use((router) => {
  const text = page(OpenApi.fromApi(HooklineApi) as unknown as Document)
  const etag = `"${hash("sha256", text, "hex").slice(0, 32)}"`
  const headers = {
    etag,
    // May be kept, and is asked for: after an upgrade it is another.
    "cache-control": "no-cache",
    "content-security-policy": contentSecurityPolicy,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer"
  }
  const fresh = HttpServerResponse.text(text, { contentType: "text/html; charset=utf-8", headers })
  const known = HttpServerResponse.empty({ status: 304, headers })
  return router.get(
    "/docs",
    Effect.map(
      HttpServerRequest.HttpServerRequest,
      ({ headers }) =>
        (headers["if-none-match"] ?? "").split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag)
          ? known
          : fresh
    )
  )
})
