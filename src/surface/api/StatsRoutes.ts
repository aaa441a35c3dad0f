import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { BrokerClock } from "../../broker/BrokerClock.ts"
import { History } from "../../ledger/History.ts"
import { steps } from "../../ledger/history/Series.ts"
import { succeededOf } from "../../model/Struggling.ts"
import { Subscriptions } from "../../registry/Subscriptions.ts"
import { HooklineApi } from "./Contract.ts"
import { Unprocessable } from "./Errors.ts"
import { readable, webhookNotFound } from "./Refusals.ts"
import { iso, isoOrNull } from "./Times.ts"
import { ownWorkspace } from "./Workspace.ts"

const mostSteps = 2_000
/** Without `from`: so many steps. */
const shownSteps = { minute: 60, hour: 24 } as const

export const stats = HttpApiBuilder.group(HooklineApi, "stats", (handlers) =>
  Effect.gen(function*() {
    const history = yield* History
    const clock = yield* BrokerClock
    const subscriptions = yield* Subscriptions

    /** Of a deleted webhook too: the history stays (CONTRACT 7). */
    const known = (workspaceId: string, webhookId: string) =>
      subscriptions.get(webhookId)?.workspaceId === workspaceId
        ? Effect.succeed(webhookId)
        : Effect.fail(webhookNotFound)

    return handlers
      .handle("health", ({ headers, path }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const webhookId = yield* known(workspaceId, path.id)
          const { counts, day, health } = yield* history.ask("health", { workspaceId, webhookId, now: clock.now() })
          const attempts = day.succeeded + day.failed
          return {
            webhook_id: webhookId,
            succeeded: day.succeeded,
            failed: day.failed,
            p50_ms: day.p50 ?? null,
            p95_ms: day.p95 ?? null,
            success_rate: attempts === 0 ? null : Math.round(1000 * day.succeeded / attempts) / 1000,
            recent: { attempts: health.recentCount, succeeded: succeededOf(health.recent) },
            last_attempt_at: isoOrNull(health.lastAttemptAt),
            last_success_at: isoOrNull(health.lastSuccessAt),
            failing_since: isoOrNull(health.failingSince),
            last_error: health.lastError ?? null,
            last_error_at: isoOrNull(health.lastErrorAt),
            deliveries: counts,
            behind: history.status().behind
          }
        }).pipe(readable))
      .handle("series", ({ headers, urlParams }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const webhookId = urlParams.webhook_id === undefined
            ? undefined
            : yield* known(workspaceId, urlParams.webhook_id)
          const step = urlParams.step ?? "hour"
          const length = steps[step] * 1000
          const to = urlParams.to ?? clock.now()
          const from = Math.floor((urlParams.from ?? to - shownSteps[step] * length) / length) * length
          if (from >= to) {
            return yield* new Unprocessable({ type: "invalid", field: "from", message: "from: must be before to" })
          }
          if ((to - from) / length > mostSteps) {
            return yield* new Unprocessable({
              type: "invalid",
              field: "from",
              message: `from: at most ${mostSteps} steps; take a later one, or step=hour`
            })
          }
          const found = yield* history.ask("stats", { workspaceId, webhookId, seconds: steps[step], from, to })
          return {
            step,
            from: iso(from),
            to: iso(to),
            data: found.map(({ failed, p50, p95, start, succeeded }) => ({
              start: iso(start),
              succeeded,
              failed,
              p50_ms: p50 ?? null,
              p95_ms: p95 ?? null
            })),
            behind: history.status().behind
          }
        }).pipe(readable))
  }))
