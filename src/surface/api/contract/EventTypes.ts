import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Access } from "./Access.ts"
import { Authentication, doc, exact, page } from "./Common.ts"

const EventTypeView = Schema.Struct({
  type: Schema.String.annotations({ examples: ["project.created"] }),
  description: Schema.String,
  example: Schema.Unknown.annotations({ description: "An example of `data`." }),
  schema: exact(Schema.Unknown).annotations({ description: "JSON Schema that `data` must satisfy, if there is one." }),
  reserved: exact(Schema.Literal(true)).annotations({
    description:
      "hookline's own events, about the workspace's webhooks: they cannot be published, and a webhook gets them when it subscribes to them by name or by family; `*` does not include them."
  })
}).annotations({ identifier: "EventType" })
const EventTypePage = page(EventTypeView, "EventTypes")

export const eventTypes = HttpApiGroup.make("eventTypes")
  .add(
    HttpApiEndpoint.get("list", "/v1/event-types")
      .addSuccess(EventTypePage)
      .annotateContext(
        doc(
          "List the event types",
          "The catalogue, with an example of each. It is the same for every workspace, so that no `X-Workspace-Id` is needed."
        )
      )
  )
  .annotate(Access, { right: "any", scope: "any" })
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ title: "event-types", description: "The catalogue." }))
