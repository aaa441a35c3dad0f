import { ValueType } from "@opentelemetry/api"
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type PushMetricExporter,
  type ResourceMetrics
} from "@opentelemetry/sdk-metrics"
import { Clock, Effect, Layer, Schedule } from "effect"
import { performance } from "node:perf_hooks"
import type { OpenTelemetry } from "../OpenTelemetry.ts"
import { exportLog, lastExport, resource, scope } from "../outbound/Otlp.ts"
import * as Telemetry from "../Telemetry.ts"
import { Metrics } from "./Metrics.ts"

type Protocol = NonNullable<OpenTelemetry["metrics"]>
type Time = [seconds: number, nanoseconds: number]

const exporterOf = (protocol: Protocol) =>
  Effect.promise(async (): Promise<PushMetricExporter> => {
    const { OTLPMetricExporter } = protocol === "http/json"
      ? await import("@opentelemetry/exporter-metrics-otlp-http")
      : await import("@opentelemetry/exporter-metrics-otlp-proto")
    return new OTLPMetricExporter()
  })

const timeOf = (milliseconds: number): Time => [
  Math.floor(milliseconds / 1e3),
  Math.floor((milliseconds % 1e3) * 1e6)
]

/** Cumulative since the process started, as on /metrics. */
const dataOf = (metric: Telemetry.Metric, startTime: Time, endTime: Time): MetricData => {
  const common = {
    descriptor: {
      name: metric.name,
      description: metric.help,
      unit: metric.unit,
      valueType: ValueType.DOUBLE
    },
    aggregationTemporality: AggregationTemporality.CUMULATIVE
  }
  if (metric.type === "histogram") {
    const { bounds, count, counts, sum } = metric
    const value = { buckets: { boundaries: [...bounds], counts: [...counts] }, sum, count }
    return {
      ...common,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: [{ startTime, endTime, attributes: {}, value }]
    }
  }
  const { label } = metric
  const dataPoints = metric.samples.map(([name, value]) => ({
    startTime,
    endTime,
    attributes: label === undefined ? {} : { [label]: name },
    value
  }))
  return metric.type === "counter"
    ? { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
    : { ...common, dataPointType: DataPointType.GAUGE, dataPoints }
}

/** Exports the metrics by OTLP at their interval, and once more at the end. One export at a time, and a limit on each. */
export const layer = (protocol: Protocol, { metricInterval, metricTimeout }: OpenTelemetry) =>
  Layer.scopedDiscard(Effect.gen(function*() {
    const metrics = yield* Metrics
    const told = yield* exportLog("metrics")
    const exporter = yield* exporterOf(protocol)
    const who = resource()
    const began = timeOf(performance.timeOrigin)

    const send = (all: ResourceMetrics) =>
      Effect.async<string | undefined>((resume) =>
        exporter.export(
          all,
          ({ code, error }) => resume(Effect.succeed(code === 0 ? undefined : error?.message ?? "no reason given"))
        )
      )
    const once = Effect.gen(function*() {
      const all = yield* metrics.collect
      const now = timeOf(yield* Clock.currentTimeMillis)
      const failure = yield* send({
        resource: who,
        scopeMetrics: [{ scope, metrics: all.map((metric) => dataOf(metric, began, now)) }]
      }).pipe(
        Effect.catchAllDefect((defect) => Effect.succeed(String(defect))),
        Effect.timeoutTo({
          duration: metricTimeout,
          onSuccess: (result) => result,
          onTimeout: () => `no answer within ${metricTimeout} ms`
        })
      )
      Telemetry.metricExports.add(failure === undefined ? "exported" : "failed")
      told(failure)
    })
    yield* Effect.addFinalizer(() =>
      once.pipe(
        Effect.zipRight(Effect.tryPromise(() => exporter.shutdown())),
        Effect.ignore,
        Effect.interruptible,
        Effect.timeoutOption(lastExport)
      )
    )
    yield* once.pipe(Effect.delay(metricInterval), Effect.repeat(Schedule.forever), Effect.forkScoped)
  }))
