import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { portalRights } from "../../../model/Right.ts"
import * as Error from "../Errors.ts"
import { Access } from "./Access.ts"
import { Authentication, doc, exact, strict, Time, WorkspaceHeader } from "./Common.ts"

/** Seconds. */
export const linkLasts = { otherwise: 300, most: 3600 } as const
export const sessionLasts = { otherwise: 3600, most: 86_400 } as const
/** Of a picture, in bytes; of a name, in characters. */
export const brandLimits = { logo: 64 * 1024, name: 80 } as const

const seconds = ({ most, otherwise }: { readonly most: number; readonly otherwise: number }, what: string) =>
  exact(
    Schema.Number.pipe(Schema.int(), Schema.between(1, most)).annotations({
      jsonSchema: { type: "integer", minimum: 1, maximum: most }
    })
  ).annotations({ description: `${what}, 1 to ${most} (${otherwise}).` })

export const CreatePortalLink = Schema.Struct({
  rights: Schema.Array(Schema.Literal(...portalRights)).annotations({
    description:
      "`read`: see the workspace's webhooks, events and deliveries, and is given always; `send`: test events, retries, recoveries, releases from quarantine; `manage`: create, change, pause, disable and delete webhooks, rotate their secrets.",
    examples: [["read", "send", "manage"]]
  }),
  brand: exact(
    Schema.Struct({
      name: exact(Schema.String).annotations({ description: `1 to ${brandLimits.name} characters, in one line.` }),
      accent_color: exact(Schema.String).annotations({ description: "`#rrggbb`.", examples: ["#2f6fed"] }),
      logo: exact(Schema.String).annotations({
        description:
          `A PNG, JPEG, GIF or WebP of at most ${brandLimits.logo} bytes, in base64. No SVG: one can hold scripts.`
      })
    })
  ),
  expires_in_seconds: seconds(linkLasts, "How long the link can be opened"),
  session_seconds: seconds(sessionLasts, "How long the session lasts that it opens")
}).annotations({
  identifier: "CreatePortalLink",
  examples: [{ rights: ["read", "send", "manage"], brand: { name: "CraftDesk", accent_color: "#2f6fed" } }],
  ...strict
})

const PortalLink = Schema.Struct({
  url: Schema.String.annotations({
    description: "To be opened once, in a window or a frame. It is shown here and never again.",
    examples: ["https://hooks.example.com/portal#pl_Xb1xT5cGdSkXm9yq0nLw3ZJ7rVhQ2uEaPfK8sYtC4Mo"]
  }),
  expires_at: Time
}).annotations(HttpApiSchema.annotations({ identifier: "PortalLink", status: 201 }))

export const portal = HttpApiGroup.make("portal")
  .add(
    HttpApiEndpoint.post("createLink", "/v1/portal-links")
      .setHeaders(WorkspaceHeader)
      .setPayload(CreatePortalLink)
      .addSuccess(PortalLink)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      // A portal's session cannot have it: no link makes another.
      .annotate(Access, { right: "keys" })
      .annotateContext(doc(
        "Make a portal link",
        "An address that opens the dashboard once, for the workspace of the request, with these rights and this brand. What stands behind its `#` is sent to no server but by the page, which signs in with it. The session ends with the key that made the link. 100 links of a workspace at once and 5 a second in the long run, 20 new logos and one in 10 minutes; beyond it 429."
      ))
      .middleware(Authentication)
  )
  .add(
    HttpApiEndpoint.get("logo", "/v1/portal-logos/:id")
      .setPath(Schema.Struct({
        id: HttpApiSchema.param(
          "id",
          Schema.String.annotations({
            description: "The picture's SHA-256.",
            examples: ["4e2d1b6bd2c2e0b7ad2e0f0d3b1a9f5f26a0c3d45b8ac3e8ec2cf7d3a2b1f00d"]
          })
        )
      }))
      .addSuccess(HttpApiSchema.Uint8Array({ contentType: "image/png" }))
      .addError(Error.NotFound.http)
      .addError(Error.RateLimited.http)
      .annotateContext(doc(
        "A brand's logo",
        "As it was uploaded: a PNG, JPEG, GIF or WebP. No key is needed; 429 when too many ask at once that have none. It is kept for 26 hours after the last link that shows it was made."
      ))
  )
  .annotateContext(OpenApi.annotations({ description: "The dashboard for a platform's customers." }))
