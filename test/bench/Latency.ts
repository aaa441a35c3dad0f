/** From when an event was due to be published to when its request is at the endpoint, at a steady pace that nothing slows down (an open loop). */
import { Effect } from "effect"
import type { Sync } from "./Broker.ts"
import { type BenchFailed, countCpu, type Cpu } from "./Child.ts"
import { createWebhooks, embeddedBroker, type Site, withProduct } from "./Product.ts"
import { faultsOf, mostWebhooks, quantile, type Stage } from "./Stage.ts"

export interface LatencyResult {
  readonly sync: Sync
  readonly perSecond: number
  readonly events: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly most: number
  /** How much of it was the publisher's own being late, at the 99th percentile. */
  readonly publisherLate: number
  /** The warm-up included. */
  readonly cpuSeconds: Cpu
  readonly faults: ReadonlyArray<string>
}

const perSecond = 100
/** Compiling and connecting is not what is asked for. */
const warmUp = 5

export const latency = (stage: Stage, sync: Sync): Effect.Effect<LatencyResult, BenchFailed> => {
  const { options, publisher, sink } = stage
  const round = stage.round((options.seconds + warmUp) * perSecond, mostWebhooks)
  const directory = stage.room(`latency-${sync}`)
  const site: Site = { main: options.main, directory, settings: { HOOKLINE_SYNC: sync }, profiles: options.profiles }
  return withProduct(site, (product) =>
    Effect.gen(function*() {
      yield* stage.say(`latency at ${perSecond}/s for ${options.seconds} s, sync ${sync}`)
      yield* product.ready
      yield* createWebhooks(product, stage.ports)
      const broker = yield* embeddedBroker(site, "publisher")
      yield* sink.call("expect", { round, status: 200, verifyEvery: 10 }, "10 seconds")
      const pids = { hookline: product.pid, "nats-server": broker.pid, sink: sink.pid, publisher: publisher.pid }
      const taken = yield* countCpu(pids)
      const { lateness, start } = yield* publisher.call(
        "pace",
        { natsUrl: broker.url, perSecond, round },
        (options.seconds + warmUp) * 1000 + 60_000
      )
      yield* Effect.timeoutOption(sink.call("complete", undefined, "60 seconds"), "30 seconds")
      const cpuSeconds = yield* taken
      const tally = yield* sink.call("tally", undefined, "10 seconds")
      const arrivals = yield* sink.call("arrivals", undefined, "10 seconds")
      const skipped = warmUp * perSecond
      const latencies = arrivals.map((at, number) => at - start - number * 1000 / perSecond).subarray(skipped)
      const result = {
        sync,
        perSecond,
        events: latencies.length,
        p50: quantile(latencies, 0.5),
        p99: quantile(latencies, 0.99),
        most: quantile(latencies, 1),
        publisherLate: quantile(lateness.subarray(skipped), 0.99),
        cpuSeconds,
        faults: faultsOf(tally, true)
      }
      yield* stage.say(`  p50 ${result.p50.toFixed(2)} ms, p99 ${result.p99.toFixed(2)} ms`)
      return result
    }))
}
