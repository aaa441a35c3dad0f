import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Error from "../Errors.ts"
import { Authentication, behind, doc, exact, Time, TimeQuery, webhookId, WorkspaceHeader } from "./Common.ts"
import { DeliveryCounts } from "./Deliveries.ts"

const figures = {
  succeeded: Schema.Number.annotations({ description: "Attempts that succeeded." }),
  failed: Schema.Number.annotations({ description: "Attempts that failed." }),
  p50_ms: Schema.NullOr(Schema.Number).annotations({
    description: "Half of the attempts took no longer, to within a tenth; null: there were none."
  }),
  p95_ms: Schema.NullOr(Schema.Number).annotations({ description: "95 % of the attempts took no longer." })
}

const Health = Schema.Struct({
  webhook_id: Schema.String,
  ...figures,
  success_rate: Schema.NullOr(Schema.Number).annotations({
    description: "Of the attempts of the last 24 hours, 0 to 1; null: there were none."
  }),
  recent: Schema.Struct({ attempts: Schema.Number, succeeded: Schema.Number }).annotations({
    description: "The last 20 attempts, whenever they were."
  }),
  last_attempt_at: Schema.NullOr(Time),
  last_success_at: Schema.NullOr(Time),
  failing_since: Schema.NullOr(Time).annotations({
    description: "When the first of the failures since the last success began; null: the last attempt succeeded."
  }),
  last_error: Schema.NullOr(Schema.String),
  last_error_at: Schema.NullOr(Time),
  deliveries: DeliveryCounts,
  behind
}).annotations({
  identifier: "WebhookHealth",
  description: "`succeeded`, `failed` and the latencies are of the last 24 hours."
})
export type Health = typeof Health.Type

const Stats = Schema.Struct({
  step: Schema.Literal("minute", "hour"),
  from: Time,
  to: Time,
  data: Schema.Array(Schema.Struct({ start: Time, ...figures })).annotations({
    description: "The oldest first; steps in which nothing was attempted are left out."
  }),
  behind
}).annotations({ identifier: "Stats" })
export type Stats = typeof Stats.Type

export const stats = HttpApiGroup.make("stats")
  .add(
    HttpApiEndpoint.get("health", "/v1/webhooks/:id/health")
      .setPath(Schema.Struct({ id: webhookId }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(Health)
      .addError(Error.NotFound.http)
      .annotateContext(
        doc("Show how a webhook fares", "Success rate, latencies, last error, what waits. Of a deleted one too.")
      )
  )
  .add(
    HttpApiEndpoint.get("series", "/v1/stats")
      .setHeaders(WorkspaceHeader)
      .setUrlParams(Schema.Struct({
        webhook_id: exact(Schema.String).annotations({
          description: "Only this webhook's; all of the workspace without."
        }),
        step: exact(Schema.Literal("minute", "hour")).annotations({ description: "The length of a step (`hour`)." }),
        from: exact(TimeQuery).annotations({
          description: "The default: 24 hours ago by the hour, one hour by the minute."
        }),
        to: exact(TimeQuery).annotations({ description: "The default: now." })
      }))
      .addSuccess(Stats)
      .addError(Error.NotFound.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Attempts over time",
        "By the minute (kept for two days) or by the hour (kept as long as records of deliveries); at most 2,000 steps."
      ))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "How webhooks fare." }))
