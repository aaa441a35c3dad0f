import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { rights } from "../../../model/Right.ts"
import * as Error from "../Errors.ts"
import { doc, exact, strict, Time } from "./Common.ts"

const Brand = Schema.Struct({
  name: Schema.NullOr(Schema.String),
  accent_color: Schema.NullOr(Schema.String).annotations({ description: "`#rrggbb`.", examples: ["#2f6fed"] }),
  logo_url: Schema.NullOr(Schema.String).annotations({ description: "A path on this server." })
}).annotations({ identifier: "Brand" })

export const SessionView = Schema.Struct({
  kind: Schema.Literal("key", "portal"),
  workspace_id: Schema.NullOr(Schema.String).annotations({
    description: "The only workspace it can see or touch; null: of an operator's key, `X-Workspace-Id` names one."
  }),
  rights: Schema.Array(Schema.Literal(...rights)).annotations({
    description:
      "`read`; `send`: test events, retries, recoveries, releases; `manage`: change webhooks; `publish`: events; `see_keys` and `keys`: the API keys."
  }),
  expires_at: Time.annotations({ description: "A key's session is renewed while it is used." }),
  csrf_token: Schema.String.annotations({
    description: "To be sent in `X-CSRF-Token` with every POST, PATCH and DELETE that the cookie stands for."
  }),
  brand: Schema.NullOr(Brand).annotations({ description: "Of a portal link." }),
  signature_headers: Schema.Struct({
    hex: Schema.String.annotations({
      description: "The header of the hex signature.",
      examples: ["x-webhook-signature"]
    }),
    standard_prefix: Schema.String.annotations({
      description: "What stands before `-id`, `-timestamp` and `-signature` of Standard Webhooks.",
      examples: ["webhook"]
    })
  }).annotations({
    identifier: "SignatureHeaders",
    description: "What this installation calls the headers of a delivery."
  })
}).annotations({ identifier: "Session" })
export type SessionView = typeof SessionView.Type

export const BeginSession = Schema.Struct({
  api_key: exact(Schema.String).annotations({ description: "An API key, `hk_<id>_<secret>`." }),
  portal_token: exact(Schema.String).annotations({
    description: "What stands behind `#` in a portal link. It is used up by this."
  })
}).annotations({
  identifier: "BeginSession",
  description: "One of the two.",
  examples: [{ api_key: "hk_5b0d3a41f7c2e98810ab64cd_Xb1xT5cGdSkXm9yq0nLw3ZJ7rVhQ2uEaPfK8sYtC4Mo" }],
  ...strict
})

export const session = HttpApiGroup.make("session")
  .add(
    HttpApiEndpoint.post("begin", "/v1/session")
      .setPayload(BeginSession)
      .addSuccess(SessionView)
      .addError(Error.Unauthorized.http)
      .addError(Error.Forbidden.http)
      .addError(Error.Gone.http)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .addError(Error.RateLimited.http)
      .annotateContext(doc(
        "Sign in to the dashboard",
        "With an API key, or with the token of a portal link. Sets the session's cookie, which no script can read. 403: asked by a page of another origin. 410: `link_used` or `link_expired`."
      ))
  )
  .add(
    HttpApiEndpoint.get("show", "/v1/session")
      .addSuccess(SessionView)
      .addError(Error.Unauthorized.http)
      .addError(Error.RateLimited.http)
      .annotateContext(doc("Show the session", "Of the request's cookie; 401 when there is none that is valid."))
  )
  .add(
    HttpApiEndpoint.del("end", "/v1/session")
      .addSuccess(HttpApiSchema.NoContent)
      .addError(Error.Forbidden.http)
      .annotateContext(doc(
        "Sign out",
        "The session ends, also for whoever has a copy of its cookie, and the cookie is cleared. 204 without a session too."
      ))
  )
  .annotateContext(OpenApi.annotations({
    description:
      "Sessions of the dashboard. A request without `Authorization` is made with the session's cookie; one that changes something needs `X-CSRF-Token` and an `Origin` that is the API's own."
  }))
