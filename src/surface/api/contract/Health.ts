import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { doc, exact } from "./Common.ts"

const Healthy = Schema.Struct({ status: Schema.Literal("ok") }).annotations({ identifier: "Healthy" })

const checks = Schema.Array(
  Schema.Struct({
    name: Schema.String.annotations({ examples: ["broker"] }),
    ok: Schema.Boolean,
    detail: Schema.String,
    progress: exact(Schema.Struct({ read: Schema.Number, behind: Schema.Number })).annotations({
      description:
        "Only while the history is being rebuilt: how many messages of the streams it has read, and how many are left."
    })
  }).annotations({ identifier: "Check" })
)
const Ready = Schema.Struct({ status: Schema.Literal("ready"), checks }).annotations({ identifier: "Ready" })
const NotReady = Schema.Struct({ status: Schema.Literal("not_ready"), checks })
  .annotations(
    HttpApiSchema.annotations({ identifier: "NotReady", description: "At least one check is not ok.", status: 503 })
  )

/** Prometheus' text format. */
const Exposition = HttpApiSchema.Text({ contentType: "text/plain; version=0.0.4; charset=utf-8" })

export const health = HttpApiGroup.make("health", { topLevel: true })
  .add(
    HttpApiEndpoint.get("healthz", "/healthz")
      .addSuccess(Healthy)
      .annotateContext(doc("Is the process alive?", "200 as long as it answers at all. No key needed."))
  )
  .add(
    HttpApiEndpoint.get("readyz", "/readyz")
      .addSuccess(Ready)
      .addSuccess(NotReady)
      .annotateContext(doc(
        "Can it take and deliver events?",
        "503 when the broker cannot be reached, a stream is full or the ledger is not well; a stream that is filled to 80 % says so. No key needed."
      ))
  )
  .add(
    HttpApiEndpoint.get("metrics", "/metrics")
      .addSuccess(Exposition)
      .annotateContext(doc(
        "What has happened since the process started?",
        "Metrics in Prometheus' text format 0.0.4, at most a second old. They tell nothing of a workspace or a webhook. No key needed."
      ))
  )
  .annotateContext(OpenApi.annotations({ description: "For supervisors and load balancers." }))
