import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { jobErrors, jobStates, onlyValues, rates } from "../../../model/Job.ts"
import * as Error from "../Errors.ts"
import { Access } from "./Access.ts"
import {
  Authentication,
  doc,
  exact,
  limit,
  page,
  strict,
  Time,
  TimeQuery,
  webhookId,
  WorkspaceHeader
} from "./Common.ts"

const Only = Schema.Literal(...onlyValues).annotations({
  description:
    "`failed`: what used up its schedule; `suppressed`: what came due while the webhook was disabled; `all`: those and what succeeded. What still waits comes by itself and is never among them."
})
const rate = Schema.Int.pipe(Schema.between(rates.lowest, rates.highest)).annotations({
  description:
    `Deliveries sent again a second, at most: ${rates.lowest} to ${rates.highest}; ${rates.default} when missing.`
})

const job = {
  id: Schema.String.annotations({ examples: ["job_0193591b8a2f4f1c9d3e5a7b6c8d"] }),
  type: Schema.Literal("recover"),
  webhook_id: Schema.String,
  only: Only,
  from: Schema.NullOr(Time).annotations({
    description: "Of events published at or after this time; null: from the first."
  }),
  to: Time.annotations({ description: "Of events published before this time." }),
  rate,
  state: Schema.Literal(...jobStates).annotations({
    description: "`running` until it is `done`, `cancelled`, or `failed` for the reason in `error`."
  }),
  total: Schema.Number.annotations({ description: "How many there are to send again." }),
  settled: Schema.Number.annotations({ description: "How many of them are accepted or skipped." }),
  accepted: Schema.Number.annotations({ description: "Sent again: recorded, and the attempt comes." }),
  skipped: Schema.Struct({
    already_running: Schema.Number.annotations({ description: "An attempt was under way." }),
    retried_meanwhile: Schema.Number.annotations({
      description:
        "It had been retried after the job was made: by hand, or by the job itself shortly before its process was killed."
    }),
    event_expired: Schema.Number.annotations({ description: "Its event has left the stream, or is about to." })
  }),
  created_at: Time,
  updated_at: Time,
  finished_at: Schema.NullOr(Time),
  error: Schema.NullOr(Schema.Literal(...jobErrors)).annotations({ description: "Why it failed." })
}

export const JobView = Schema.Struct(job).annotations({ identifier: "Job" })
export type JobView = typeof JobView.Type

const JobAccepted = Schema.Struct(job).annotations(
  HttpApiSchema.annotations({ identifier: "JobAccepted", status: 202, description: "`Location` is the job's." })
)

const Preview = Schema.Struct({
  count: Schema.Number.annotations({ description: "How many would be sent again." }),
  first: Schema.Array(Schema.String).annotations({ description: "The ids of the first of them, at most 10." })
}).annotations({ identifier: "RecoveryPreview", description: "Of a dry run: nothing was done." })

export const Recover = Schema.Struct({
  from: exact(TimeQuery).annotations({
    description: "Only events published at or after this time; all when missing.",
    examples: [1_742_740_521_000]
  }),
  to: exact(TimeQuery).annotations({
    description: "Only events published before this time; now when missing.",
    examples: [1_742_740_521_000]
  }),
  only: exact(Only),
  rate: exact(rate),
  dry_run: exact(Schema.Boolean).annotations({ description: "Only count." })
}).annotations({ identifier: "Recover", ...strict })

const JobsQuery = Schema.Struct({
  limit: exact(limit),
  cursor: exact(Schema.String).annotations({ description: "`next` of the page before." })
})

const id = HttpApiSchema.param(
  "id",
  Schema.String.annotations({ description: "The job's id.", examples: ["job_0193591b8a2f4f1c9d3e5a7b6c8d"] })
)

export const jobs = HttpApiGroup.make("jobs")
  .add(
    HttpApiEndpoint.post("recover", "/v1/webhooks/:id/recover")
      .setPath(Schema.Struct({ id: webhookId }))
      .setHeaders(WorkspaceHeader)
      .setPayload(Recover)
      .addSuccess(JobAccepted)
      .addSuccess(Preview)
      .addError(Error.NotFound.http)
      .addError(Error.Conflict.http)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotate(Access, { right: "send" })
      .annotateContext(doc(
        "Send again what failed",
        "Makes a job that retries the webhook's deliveries of a time range, oldest event first, each with the full schedule; it goes on where it was after a restart or a crash. The body may be left out: everything that failed so far. With `dry_run` (200) nothing is done but counting. 409: `webhook_disabled`, or `too_many_jobs` when 100 of the workspace run."
      ))
  )
  .add(
    HttpApiEndpoint.get("list", "/v1/jobs")
      .setHeaders(WorkspaceHeader)
      .setUrlParams(JobsQuery)
      .addSuccess(page(JobView, "Jobs"))
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "List the jobs",
        "Newest first. Kept for 30 days after their last progress, and at most 200 of a workspace."
      ))
  )
  .add(
    HttpApiEndpoint.get("show", "/v1/jobs/:id")
      .setPath(Schema.Struct({ id }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(JobView)
      .addError(Error.NotFound.http)
      .annotateContext(doc("Show a job", "Its progress is at most about a second old."))
  )
  .add(
    HttpApiEndpoint.post("cancel", "/v1/jobs/:id/cancel")
      .setPath(Schema.Struct({ id }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(JobView)
      .addError(Error.NotFound.http)
      .annotate(Access, { right: "send" })
      .annotateContext(doc(
        "Cancel a job",
        "Within a second nothing more is sent again; what was accepted is delivered, and the counts follow within seconds. A job that has ended stays as it is."
      ))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "Work that goes on after its answer, and survives a restart." }))
