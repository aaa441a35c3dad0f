import { Context, Effect, Layer } from "effect"
import * as Telemetry from "../Telemetry.ts"
import { version } from "../Version.ts"
import { Readiness } from "./Readiness.ts"

/**
 * All metrics of the process. They tell nothing of a customer, so that /metrics needs no key, as Prometheus is used to; and they are at most a second
 * old, so that a flood of it costs one look a second.
 */
export class Metrics extends Context.Tag("hookline/surface/Metrics")<Metrics, {
  /** Never fails; takes 2 s at most, when a stream does not answer. */
  readonly collect: Effect.Effect<ReadonlyArray<Telemetry.Metric>>
  /** The same in Prometheus' text format 0.0.4. */
  readonly text: Effect.Effect<string>
}>() {
  static readonly layer = Layer.scoped(
    Metrics,
    Effect.gen(function*() {
      const readiness = yield* Readiness
      let ready = false
      yield* Telemetry.register(() => ({
        hookline_build_info: { [version]: 1 },
        hookline_ready: ready ? 1 : 0
      }))
      const collect = Effect.map(readiness.checks, (checks) => {
        ready = checks.every(({ ok }) => ok)
        return Telemetry.snapshot()
      })
      return {
        collect,
        // Whoever asked may hang up, and others wait for the same answer.
        text: yield* Effect.cachedWithTTL(Effect.uninterruptible(Effect.map(collect, exposition)), "1 second")
      }
    })
  )
}

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")

const labels = (...pairs: ReadonlyArray<readonly [name: string, value: string]>): string =>
  pairs.length === 0
    ? ""
    : `{${pairs.map(([name, value]) => `${name}="${escaped(value).replaceAll("\"", "\\\"")}"`).join(",")}}`

const linesOf = (metric: Telemetry.Metric): ReadonlyArray<string> => {
  const { name } = metric
  if (metric.type !== "histogram") {
    return metric.samples.map(([value, number]) =>
      `${name}${metric.label === undefined ? "" : labels([metric.label, value])} ${number}`
    )
  }
  let below = 0
  const buckets = metric.counts.map((count, index) => {
    below += count
    return `${name}_bucket${labels(["le", String(metric.bounds[index] ?? "+Inf")])} ${below}`
  })
  return [...buckets, `${name}_sum ${metric.sum}`, `${name}_count ${metric.count}`]
}

const exposition = (metrics: ReadonlyArray<Telemetry.Metric>): string =>
  metrics.flatMap((metric) => [
    `# HELP ${metric.name} ${escaped(metric.help)}\n`,
    `# TYPE ${metric.name} ${metric.type}\n`,
    ...linesOf(metric).map((line) => `${line}\n`)
  ]).join("")
