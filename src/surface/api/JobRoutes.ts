import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect } from "effect"
import { Jobs } from "../../ledger/Jobs.ts"
import { isToken } from "../../model/Id.ts"
import { type Job, rates, settledOf } from "../../model/Job.ts"
import { Subscriptions } from "../../registry/Subscriptions.ts"
import { jsonBody } from "./Body.ts"
import { HooklineApi } from "./Contract.ts"
import { type JobView, Recover } from "./contract/Jobs.ts"
import { pageSize } from "./DeliveryViews.ts"
import { Conflict, NotFound, Unprocessable } from "./Errors.ts"
import { brokerUnavailable, historyUnavailable, webhookNotFound } from "./Refusals.ts"
import { iso } from "./Times.ts"
import { ownWorkspace } from "./Workspace.ts"

const jobNotFound = new NotFound({ type: "job_not_found", message: "there is no such job, or it is no longer kept" })

const webhookDisabled = new Conflict({
  type: "webhook_disabled",
  message: "the webhook is disabled; enable it first, or count with dry_run"
})

const readRecover = jsonBody(Recover, {})

const view = (job: Job): JobView => ({
  id: job.id,
  type: job.type,
  webhook_id: job.webhookId,
  only: job.only,
  from: job.from === null ? null : iso(job.from),
  to: iso(job.to),
  rate: job.rate,
  state: job.state,
  total: job.total,
  settled: settledOf(job),
  accepted: job.accepted,
  skipped: job.skipped,
  created_at: iso(job.createdAt),
  updated_at: iso(job.updatedAt),
  finished_at: job.finishedAt === null ? null : iso(job.finishedAt),
  error: job.error
})

const unavailable = { BrokerUnavailable: brokerUnavailable, HistoryUnavailable: historyUnavailable }

export const jobs = HttpApiBuilder.group(HooklineApi, "jobs", (handlers) =>
  Effect.gen(function*() {
    const jobs = yield* Jobs
    const subscriptions = yield* Subscriptions
    return handlers
      .handleRaw("recover", ({ headers, path, request }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const webhook = subscriptions.find(workspaceId, path.id)
          if (webhook === undefined) return yield* webhookNotFound
          const { dry_run: dryRun = false, from, only = "failed", rate = rates.default, to } = yield* readRecover(
            request
          )
          if (from !== undefined && to !== undefined && from > to) {
            return yield* new Unprocessable({ type: "invalid", field: "from", message: "from: must not be after to" })
          }
          const order = { workspaceId, webhookId: webhook.id, only, from, to }
          if (dryRun) return yield* jobs.preview(order)
          if (webhook.state === "disabled") return yield* webhookDisabled
          const job = yield* jobs.create({ ...order, rate })
          yield* HttpApp.appendPreResponseHandler((_, response) =>
            Effect.succeed(HttpServerResponse.setHeader(response, "location", `/v1/jobs/${job.id}`))
          )
          return view(job)
        }).pipe(Effect.catchTags({
          ...unavailable,
          TooManyJobs: ({ most }) =>
            new Conflict({
              type: "too_many_jobs",
              message: `${most} jobs of the workspace run already; wait for one, or cancel it`
            })
        })))
      .handle("list", ({ headers, urlParams: { cursor, limit } }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          if (cursor !== undefined && !isToken(cursor)) {
            return yield* new Unprocessable({
              type: "invalid",
              field: "cursor",
              message: "cursor: none that a page gave"
            })
          }
          const { jobs: data, next } = yield* jobs.list({ workspaceId, limit: limit ?? pageSize, cursor })
          return { data: data.map(view), next: next ?? null }
        }).pipe(Effect.catchTags({ BrokerUnavailable: brokerUnavailable })))
      .handle("show", ({ headers, path }) =>
        Effect.gen(function*() {
          return view((yield* jobs.get(yield* ownWorkspace(headers), path.id)).job)
        }).pipe(Effect.catchTags({ BrokerUnavailable: brokerUnavailable, JobNotFound: () => jobNotFound })))
      .handle("cancel", ({ headers, path }) =>
        Effect.gen(function*() {
          return view(yield* jobs.cancel(yield* ownWorkspace(headers), path.id))
        }).pipe(Effect.catchTags({ BrokerUnavailable: brokerUnavailable, JobNotFound: () => jobNotFound })))
  }))
