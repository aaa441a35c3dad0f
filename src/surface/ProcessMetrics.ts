import { Effect, Layer } from "effect"
import { monitorEventLoopDelay, performance } from "node:perf_hooks"
import * as Telemetry from "../Telemetry.ts"

/** Milliseconds between two looks at how late a timer is. */
const resolution = 20

/** Seconds; what is measured is the whole time between two looks. */
const late = (nanoseconds: number) =>
  Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e9 - resolution / 1e3) : 0

/** What the process itself uses, under the names that Prometheus' own clients give it. */
export const processMetrics = Layer.scopedDiscard(Effect.gen(function*() {
  const delay = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const histogram = monitorEventLoopDelay({ resolution })
      histogram.enable()
      return histogram
    }),
    (histogram) => Effect.sync(() => histogram.disable())
  )
  yield* Telemetry.register(() => {
    const { system, user } = process.cpuUsage()
    const { heapUsed, rss } = process.memoryUsage()
    const lag = { p50: late(delay.percentile(50)), p99: late(delay.percentile(99)), max: late(delay.max) }
    delay.reset()
    return {
      hookline_event_loop_busy_seconds_total: performance.eventLoopUtilization().active / 1e3,
      hookline_event_loop_lag_seconds: lag,
      process_cpu_seconds_total: (user + system) / 1e6,
      process_resident_memory_bytes: rss,
      nodejs_heap_used_bytes: heapUsed,
      process_start_time_seconds: performance.timeOrigin / 1e3
    }
  })
}))
