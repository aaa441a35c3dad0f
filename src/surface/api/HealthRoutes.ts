import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Metrics } from "../Metrics.ts"
import { Readiness } from "../Readiness.ts"
import { HooklineApi } from "./Contract.ts"

export const health = HttpApiBuilder.group(
  HooklineApi,
  "health",
  (handlers) =>
    Effect.map(Effect.all([Readiness, Metrics]), ([readiness, metrics]) =>
      handlers
        .handle("metrics", () => metrics.text)
        .handle("healthz", () => Effect.succeed({ status: "ok" as const }))
        .handle("readyz", () =>
          Effect.map(readiness.checks, (checks) =>
            checks.every(({ ok }) => ok)
              ? { status: "ready" as const, checks }
              : { status: "not_ready" as const, checks })))
)
