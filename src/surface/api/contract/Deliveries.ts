import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { statuses } from "../../../ledger/history/Status.ts"
import * as Error from "../Errors.ts"
import { Access } from "./Access.ts"
import { Authentication, cursor, doc, exact, historyPage, limit, Time, TimeQuery, WorkspaceHeader } from "./Common.ts"

const Status = Schema.Literal(...statuses).annotations({
  description:
    "`retrying` waits for `next_attempt_at` or is under way; `held` waits for the end of `held_reason` and uses up no attempt; `suppressed` came due while the webhook was disabled; `cancelled` waited when its webhook was deleted."
})

export const DeliveryCounts = Schema.Struct({
  succeeded: Schema.Number,
  retrying: Schema.Number,
  failed: Schema.Number,
  held: Schema.Number,
  suppressed: Schema.Number,
  cancelled: Schema.Number
}).annotations({ identifier: "DeliveryCounts", description: "How many deliveries have each status." })

const delivery = {
  id: Schema.String.annotations({ examples: ["dlv_3f2a9c"] }),
  webhook_id: Schema.String,
  event_id: Schema.String,
  event_type: Schema.String,
  status: Status,
  attempts: Schema.Number.annotations({ description: "HTTP requests made so far." }),
  last_status: Schema.NullOr(Schema.Number).annotations({ description: "HTTP status of the last attempt's answer." }),
  last_error: Schema.NullOr(Schema.String).annotations({
    description: "Why the last attempt failed, or why the delivery did, as a sentence."
  }),
  last_latency_ms: Schema.NullOr(Schema.Number),
  next_attempt_at: Schema.NullOr(Time),
  held_reason: Schema.NullOr(Schema.String),
  published_at: Time,
  updated_at: Time
}

export const DeliveryView = Schema.Struct(delivery).annotations({ identifier: "Delivery" })
export type DeliveryView = typeof DeliveryView.Type

export const AttemptView = Schema.Struct({
  attempt: Schema.Number.annotations({ description: "Counts the requests of the delivery, from 1." }),
  round: Schema.Number.annotations({ description: "A retry by hand of a delivery that has ended begins a new round." }),
  started_at: Time,
  latency_ms: Schema.Number,
  class: Schema.String.annotations({
    description:
      "How it ended: `success`, `status`, `redirect`, `timeout`, `dns`, `connect`, `tls`, `reset`, `protocol` or `address`.",
    examples: ["timeout"]
  }),
  status: Schema.NullOr(Schema.Number).annotations({ description: "HTTP status; null: there was no answer." }),
  error: Schema.NullOr(Schema.String).annotations({ description: "Why it failed, as a sentence; null: it succeeded." }),
  response: Schema.NullOr(Schema.String).annotations({
    description: "The response's first 16 KiB, as text. It is the endpoint's: show it as text, never as markup."
  }),
  headers: Schema.Record({ key: Schema.String, value: Schema.String }).annotations({
    description: "Of the response, at most 4 KiB."
  }),
  address: Schema.NullOr(Schema.String).annotations({ description: "The address that was connected to." }),
  next_attempt_at: Schema.NullOr(Time).annotations({ description: "When this attempt made the next one due." })
}).annotations({ identifier: "Attempt" })
export type AttemptView = typeof AttemptView.Type

const DeliveryDetail = Schema.Struct({
  ...delivery,
  attempt_list: Schema.Array(AttemptView).annotations({
    description: "The first attempt first; at most the last 100."
  }),
  held_since: Schema.NullOr(Time),
  fail_reason: Schema.NullOr(Schema.String).annotations({
    description:
      "Of a failed one: `attempts` (the schedule is at its end), `expired` (its event left the stream) or `circuit` (no answer for too long)."
  }),
  webhook_revision: Schema.Number.annotations({ description: "The webhook's revision when it was matched." }),
  body: Schema.NullOr(Schema.String).annotations({
    description: "The body that every attempt sends, to the byte; null once the event has left the stream."
  })
}).annotations({ identifier: "DeliveryDetail" })
export type DeliveryDetail = typeof DeliveryDetail.Type

const Retried = Schema.Struct({
  id: Schema.String,
  status: Schema.Literal("accepted").annotations({ description: "It is recorded, and the attempt comes next." })
}).annotations(HttpApiSchema.annotations({ identifier: "Retried", status: 202 }))

const DeliveryQuery = Schema.Struct({
  webhook_id: exact(Schema.String).annotations({ description: "Only this webhook's." }),
  status: exact(Status),
  event_type: exact(Schema.String).annotations({ description: "Only events of this type." }),
  event_id: exact(Schema.String).annotations({ description: "Only this event's." }),
  from: exact(TimeQuery).annotations({ description: "Only events published at or after this time." }),
  to: exact(TimeQuery).annotations({ description: "Only events published before this time." }),
  limit: exact(limit),
  cursor: exact(cursor(/^\d{1,16}\.[A-Za-z0-9_-]{0,64}$/))
})

const StreamQuery = Schema.Struct({
  webhook_id: exact(Schema.String).annotations({ description: "Only this webhook's." })
})

const StreamHeaders = Schema.Struct({
  ...WorkspaceHeader.fields,
  "last-event-id": exact(Schema.String).annotations({ description: "The `id` of the last event that was seen." })
})

const id = HttpApiSchema.param(
  "id",
  Schema.String.annotations({ description: "The delivery's id.", examples: ["dlv_3f2a9c"] })
)

export const deliveries = HttpApiGroup.make("deliveries")
  .add(
    HttpApiEndpoint.get("list", "/v1/deliveries")
      .setHeaders(WorkspaceHeader)
      .setUrlParams(DeliveryQuery)
      .addSuccess(historyPage(DeliveryView, "Deliveries"))
      .addError(Error.NotFound.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "List deliveries",
        "Those of the newest events first; pages stay as they are while new ones arrive. Of a deleted webhook too. A filtered page may hold fewer than asked for, or none, though `next` is not null: it looks at so many at a time."
      ))
  )
  .add(
    HttpApiEndpoint.get("stream", "/v1/deliveries/stream")
      .setHeaders(StreamHeaders)
      .setUrlParams(StreamQuery)
      .addSuccess(HttpApiSchema.Text({ contentType: "text/event-stream" }))
      .addError(Error.NotFound.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Watch deliveries live",
        "Server-sent events, from now on; the first is `event: begin` with the `id` where it begins. `event: attempt`: an attempt ended, `{\"delivery\", \"attempt\"}`. `event: delivery`: it began to wait, was suppressed, retried by hand or given up without an attempt, `{\"delivery\"}`. `event: test`: a test event's attempt, `{\"webhook_id\", \"event_id\", \"event_type\", \"attempt\"}`. Deliveries and attempts are as in the lists, with two differences: `response` is cut after 1,024 characters, and `last_status`, `last_error` and `last_latency_ms` are those of the record's own attempt. A deleted webhook's deliveries are cancelled without an event. A client that connects again with the last `id` as `Last-Event-ID` goes on behind it; then an event may come twice, none is left out. Where that cannot be, because it is too far back (100,000 messages of the stream) or has left the stream, `event: gap` comes first: look into the list for what lies in it. Every 15 s a comment. At most 128 connections, 32 of a workspace, 503 beyond. A client that takes nothing for 10 s while more than 1 MiB waits is cut off."
      ))
  )
  .add(
    HttpApiEndpoint.get("show", "/v1/deliveries/:id")
      .setPath(Schema.Struct({ id }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(DeliveryDetail)
      .addError(Error.NotFound.http)
      .annotateContext(doc("Show a delivery", "With every attempt and the exact body."))
  )
  .add(
    HttpApiEndpoint.post("retry", "/v1/deliveries/:id/retry")
      .setPath(Schema.Struct({ id }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(Retried)
      .addError(Error.NotFound.http)
      .addError(Error.Conflict.http)
      .annotate(Access, { right: "send" })
      .annotateContext(doc(
        "Retry a delivery",
        "An attempt now and, should it fail, the schedule anew; on a succeeded one too. One that waits is moved to now. 409: `already_running`, `webhook_disabled`, `webhook_deleted`, `event_expired`, or `overtaken` when something else happened to it meanwhile."
      ))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "What became of each event owed to a webhook." }))
