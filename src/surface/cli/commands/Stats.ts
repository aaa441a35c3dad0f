import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import type { Health, Stats } from "../../api/contract/Stats.ts"
import { bold, given, idOf, idOption, layout, print, where } from "../Common.ts"
import { moment, periodOf } from "../Moment.ts"
import { warnBehind } from "../Pages.ts"
import type { ShellService } from "../Shell.ts"
import { fields, table } from "../Table.ts"
import { duration, shortTime } from "../Text.ts"

const client = Effect.promise(() => import("../Client.ts"))

/** `webhooks health`. */
export const health = Command.make("health", { id: idOf("webhook"), ...where }, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const found = yield* callIn(input, (api, request) => api.stats.health({ ...request, path: { id: input.id } }))
    yield* print(input.json, found, healthShown)
    yield* warnBehind(found)
  })).pipe(
    Command.withDescription(
      "Show how a webhook fares: success rate, latencies, last error, what waits. Of a deleted one too."
    )
  )

export const stats = Command.make("stats", {
  from: moment("from", "Attempts from then on; when not given, the last 24 hours or, by the minute, the last one."),
  step: Options.choice("step", ["minute", "hour"]).pipe(
    Options.withDescription("By the minute (kept for two days) or by the hour (hour)."),
    Options.optional
  ),
  to: moment("to", "Attempts before then."),
  webhook: idOption("webhook", "Only this webhook's; all of the workspace without."),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const period = yield* periodOf(input)
    const found = yield* callIn(input, (api, request) =>
      api.stats.series({
        ...request,
        urlParams: { ...given("webhook_id", input.webhook), ...given("step", input.step), ...period }
      }))
    yield* print(input.json, found, statsShown)
    yield* warnBehind(found)
  })).pipe(
    Command.withDescription("Show attempts over time. Steps in which nothing was attempted are left out.")
  )

const statsShown = (shell: ShellService, { data, from, step, to }: Stats): string =>
  data.length === 0
    ? `nothing was attempted between ${shortTime(from)} and ${shortTime(to)} UTC`
    : table<Stats["data"][number]>(
      [
        { title: `${step.toUpperCase()} FROM (UTC)`, value: ({ start }) => shortTime(start) },
        { title: "SUCCEEDED", value: ({ succeeded }) => succeeded, align: "right" },
        { title: "FAILED", value: ({ failed }) => failed, align: "right" },
        { title: "HALF WITHIN", value: ({ p50_ms }) => latency(p50_ms), align: "right" },
        { title: "95 % WITHIN", value: ({ p95_ms }) => latency(p95_ms), align: "right" }
      ],
      data,
      layout(shell)
    )

const latency = (millis: number | null): string => millis === null ? "" : duration(millis)

const healthShown = (shell: ShellService, health: Health): string => {
  const { deliveries, failed, p50_ms, p95_ms, recent, succeeded, success_rate } = health
  const waiting = Object.entries(deliveries).filter(([, count]) => count > 0)
  return fields(
    [
      ["webhook", health.webhook_id],
      [
        "last 24 hours",
        success_rate === null
          ? "no attempts"
          : `${percent(success_rate)} succeeded (${succeeded} of ${succeeded + failed} attempts)`
      ],
      [
        "latency",
        p50_ms === null || p95_ms === null
          ? undefined
          : `half within ${duration(p50_ms)}, 95 % within ${duration(p95_ms)}`
      ],
      [
        "last attempts",
        recent.attempts === 0 ? "none yet" : `${recent.succeeded} of the last ${recent.attempts} succeeded`
      ],
      ["last attempt", at(health.last_attempt_at)],
      ["last success", at(health.last_success_at)],
      ["failing since", at(health.failing_since)],
      ["last error", health.last_error],
      ["", health.last_error === null ? undefined : at(health.last_error_at)],
      ["deliveries", waiting.length === 0 ? "none" : waiting.map(([status, count]) => `${count} ${status}`).join(", ")]
    ],
    bold(shell),
    shell.columns
  )
}

const at = (time: string | null): string | undefined => time === null ? undefined : `${shortTime(time)} UTC`

const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`
