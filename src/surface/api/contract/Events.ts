import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { EventId } from "../../../model/Id.ts"
import * as Error from "../Errors.ts"
import { Access } from "./Access.ts"
import { Authentication, doc, exact, WorkspaceHeader } from "./Common.ts"

const EventInput = Schema.Struct({
  id: exact(EventId).annotations({
    description:
      "The event's identity in its workspace; made when missing. Send one, so that repeating a request is safe."
  }),
  event: Schema.String.annotations({ description: "The event type.", examples: ["project.created"] }),
  timestamp: exact(Schema.String).annotations({
    description: "When it occurred, RFC 3339 with a zone; the stream's time when missing.",
    examples: ["2025-03-23T14:35:21Z"]
  }),
  workspace_id: exact(Schema.String).annotations({ description: "If present it must agree with `X-Workspace-Id`." }),
  data: Schema.Record({ key: Schema.String, value: Schema.Unknown }).annotations({
    description: "Event-specific details; an object, passed on byte for byte."
  })
}).annotations({
  identifier: "EventInput",
  description: "One event, at most 512 KiB, nested at most 64 deep.",
  examples: [{
    id: EventId.make("evt_550e8400e29b41d4a716446655440000"),
    event: "project.created",
    timestamp: "2025-03-23T14:35:21Z",
    data: { id: "proj_550e8400e29b41d4a716446655440000", name: "Website Redesign" }
  }]
})

export const Published = Schema.Struct({
  id: EventId.annotations({ examples: [EventId.make("evt_550e8400e29b41d4a716446655440000")] }),
  duplicate: Schema.Boolean.annotations({
    description:
      "The stream had this id already, within the last two minutes: nothing new was stored. Later repeats, up to 24 hours, are found when the event is delivered, and make no second delivery either."
  })
}).annotations(HttpApiSchema.annotations({ identifier: "Published", status: 202 }))

const PublishedBatch = Schema.Struct({
  data: Schema.Array(Published).annotations({ description: "In the order of the request." })
}).annotations(HttpApiSchema.annotations({ identifier: "PublishedBatch", status: 202 }))

export const events = HttpApiGroup.make("events")
  .add(
    HttpApiEndpoint.post("publish", "/v1/events")
      .setHeaders(WorkspaceHeader)
      .setPayload(EventInput)
      .addSuccess(Published)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Publish one event",
        "Answered only when the stream has acknowledged the event: from then on it is owed to every webhook that subscribes to it. The bytes of `data` are passed on as they are. Limit: 512 KiB. After a 503 the event may or may not be stored: repeat it with the same `id`, which is safe; without an `id` in the body a repeat is a new event."
      ))
  )
  .add(
    HttpApiEndpoint.post("publishBatch", "/v1/events/batch")
      .setHeaders(WorkspaceHeader)
      .setPayload(
        Schema.Array(EventInput).annotations({
          identifier: "EventBatch",
          description: "A JSON array of 1 to 1,000 events, 5 MiB at most."
        })
      )
      .addSuccess(PublishedBatch)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Publish up to 1,000 events",
        "All are checked first: if one is bad nothing is stored and `field` begins with its index, such as `[3].data`. A 503 may come when a part is stored: repeat the whole batch, which is safe when every event has an `id`; one without would become a new event."
      ))
  )
  .annotate(Access, { role: "publish" })
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "Publishing domain events." }))
