import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { EventId } from "../../../model/Id.ts"
import * as Error from "../Errors.ts"
import { Access } from "./Access.ts"
import {
  Authentication,
  behind,
  cursor,
  doc,
  exact,
  historyPage,
  limit,
  Time,
  TimeQuery,
  WorkspaceHeader
} from "./Common.ts"
import { DeliveryCounts, DeliveryView } from "./Deliveries.ts"

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

const sequence = Schema.Number.annotations({
  description: "Its sequence in the stream EVENTS, which tells apart what was published with the same id."
})

const event = {
  id: Schema.String,
  sequence,
  event_type: Schema.String,
  published_at: Time,
  size: Schema.NullOr(Schema.Number).annotations({
    description: "Bytes as published; null once the event has left the stream."
  }),
  outcome: Schema.Literal("event", "duplicate", "quarantined").annotations({
    description:
      "`event`: owed to every webhook that subscribed to it; `duplicate`: its id repeats another's, and it makes no delivery; `quarantined`: its type or its data were refused."
  }),
  duplicate_of: Schema.NullOr(
    Schema.Struct({
      sequence,
      published_at: Schema.NullOr(Time).annotations({ description: "Null once it has left the history." })
    })
  ).annotations({ description: "Of a `duplicate`: the event whose id it repeats." }),
  quarantine_id: Schema.NullOr(Schema.String).annotations({ description: "Its entry in the quarantine." }),
  deliveries: DeliveryCounts
}

const EventView = Schema.Struct(event).annotations({ identifier: "Event" })
export type EventView = typeof EventView.Type

const RepeatsView = Schema.Struct({
  count: Schema.Number.annotations({ description: "Counted up to 1,000: there may be more then." }),
  latest: Schema.Array(Schema.Struct({ sequence, event_type: Schema.String, published_at: Time })).annotations({
    description: "The newest first, at most 20. Type and body may differ from the event's; nobody is sent them."
  })
}).annotations({
  identifier: "Repeats",
  description:
    "What was published later with the event's id and made no delivery. What the broker recognized within two minutes was not stored and is not here."
})
export type RepeatsView = typeof RepeatsView.Type

const EventDetail = Schema.Struct({
  ...event,
  repeats: RepeatsView,
  delivery_list: Schema.Array(DeliveryView).annotations({ description: "One for each webhook that was owed it." }),
  body: Schema.NullOr(Schema.String).annotations({
    description: "The body that every webhook is sent, to the byte; null once the event has left the stream."
  })
}).annotations({ identifier: "EventDetail" })
export type EventDetail = typeof EventDetail.Type

const Explained = Schema.Struct({
  webhook_id: Schema.String,
  url: Schema.String.annotations({ description: "As it was then." }),
  events: Schema.Array(Schema.String).annotations({
    description: "What it subscribed to then; empty of a deleted one."
  }),
  reason: Schema.Literal(
    "matched",
    "disabled",
    "paused",
    "not_subscribed",
    "own_notice",
    "created_later",
    "deleted",
    "duplicate",
    "quarantined"
  ),
  message: Schema.String.annotations({ description: "The reason as a sentence." }),
  delivery: Schema.NullOr(DeliveryView).annotations({
    description: "What became of it; null: it was not owed the event, or nothing is recorded yet."
  })
}).annotations({ identifier: "Explained" })
export type Explained = typeof Explained.Type

const Explanation = Schema.Struct({
  event: EventView,
  repeats: RepeatsView,
  webhooks: Schema.Array(Explained).annotations({ description: "Every webhook that the workspace has or had." }),
  behind
}).annotations({ identifier: "Explanation" })
export type Explanation = typeof Explanation.Type

const EventQuery = Schema.Struct({
  event_type: exact(Schema.String).annotations({ description: "Only events of this type." }),
  from: exact(TimeQuery).annotations({ description: "Only events published at or after this time." }),
  to: exact(TimeQuery).annotations({ description: "Only events published before this time." }),
  limit: exact(limit),
  cursor: exact(cursor(/^\d{1,16}$/))
})

const id = HttpApiSchema.param(
  "id",
  Schema.String.annotations({ description: "The event's id.", examples: ["evt_550e"] })
)

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
  .add(
    HttpApiEndpoint.get("list", "/v1/events")
      .setHeaders(WorkspaceHeader)
      .setUrlParams(EventQuery)
      .addSuccess(historyPage(EventView, "Events"))
      .addError(Error.Unprocessable.http)
      .annotate(Access, { right: "read" })
      .annotateContext(doc("List events", "The newest first, with what became of each."))
  )
  .add(
    HttpApiEndpoint.get("show", "/v1/events/:id")
      .setPath(Schema.Struct({ id }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(EventDetail)
      .addError(Error.NotFound.http)
      .annotate(Access, { right: "read" })
      .annotateContext(doc(
        "Show an event",
        "Of several with the same id the newest that repeats none, with what repeats it in `repeats`; a repeat is known as one once the worker has recorded it. What was published without an id has one that was made for it."
      ))
  )
  .add(
    HttpApiEndpoint.get("explain", "/v1/events/:id/explain")
      .setPath(Schema.Struct({ id }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(Explanation)
      .addError(Error.NotFound.http)
      .annotate(Access, { right: "read" })
      .annotateContext(doc(
        "Explain an event",
        "Each webhook of the workspace as it was when the event was matched, and why it did or did not get the event. An event that matched nobody has no record: then as it was when the event was acknowledged. Of several with the same id, as in Show an event."
      ))
  )
  .annotate(Access, { right: "publish" })
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "Publishing domain events, and what became of them." }))
