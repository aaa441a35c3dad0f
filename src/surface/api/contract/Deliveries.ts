import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Error from "../Errors.ts"
import { Authentication, doc, page, Time, WorkspaceHeader } from "./Common.ts"

export const DeliveryView = Schema.Struct({
  id: Schema.String.annotations({ examples: ["dlv_3f2a9c"] }),
  event_id: Schema.String,
  event_type: Schema.String,
  status: Schema.Literal("succeeded", "retrying", "failed", "held", "suppressed", "cancelled").annotations({
    description:
      "`retrying` waits for `next_attempt_at`; `held` waits for the end of `held_reason` and uses up no attempt; `suppressed` came due while the webhook was disabled."
  }),
  attempts: Schema.Number.annotations({ description: "HTTP requests made so far." }),
  last_status: Schema.NullOr(Schema.Number).annotations({ description: "HTTP status of the last attempt's answer." }),
  last_error: Schema.NullOr(Schema.String),
  last_latency_ms: Schema.NullOr(Schema.Number),
  next_attempt_at: Schema.NullOr(Time),
  held_reason: Schema.NullOr(Schema.String),
  updated_at: Time
}).annotations({ identifier: "Delivery" })
export type DeliveryView = typeof DeliveryView.Type
const DeliveryPage = page(DeliveryView, "Deliveries")

export const deliveries = HttpApiGroup.make("deliveries")
  .add(
    HttpApiEndpoint.get("list", "/v1/deliveries")
      .setHeaders(WorkspaceHeader)
      .setUrlParams(Schema.Struct({
        webhook_id: Schema.String.annotations({ description: "The webhook whose deliveries are listed." })
      }))
      .addSuccess(DeliveryPage)
      .addError(Error.NotFound.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc("List a webhook's deliveries", "The last 50, newest first; there is no paging yet."))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "What became of each event owed to a webhook." }))
