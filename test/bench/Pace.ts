/**
 * An open loop: events are due at a steady pace that nothing slows down, and the latency of each is counted from when it was due, so that a stall is seen
 * in everything that had to wait for it.
 */
import { Effect } from "effect"
import type { BenchFailed } from "./Child.ts"
import { faultsOf, quantile, type Stage, type Watch } from "./Stage.ts"
import { countUse, type Use } from "./Use.ts"
import { deliveriesOf, type Round } from "./Work.ts"

/** Milliseconds, from when an event was due to be published to when its request is at the endpoint. The warm-up is left out. */
export interface Paced extends Use {
  readonly perSecond: number
  readonly deliveries: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly most: number
  /** How much of it was the publisher's own being late, at the 99th percentile. */
  readonly publisherLate: number
  readonly faults: ReadonlyArray<string>
}

export interface Pace extends Watch {
  readonly natsUrl: string
  readonly perSecond: number
  /** Seconds at the beginning that do not count: compiling and connecting are not what is asked for. */
  readonly warmUp: number
  /** What has to run meanwhile, and ends by itself. */
  readonly work?: Effect.Effect<unknown, BenchFailed>
}

/** Rounds of so many seconds, the warm-up included. */
export const eventsFor = (perSecond: number, seconds: number): number => Math.ceil(perSecond * seconds)

/** One request in so many has its signatures verified. */
const verifyEvery = 20
/** For what has not come when the last event is published. */
const patience = 30_000

export const paced = (
  { publisher, sink }: Stage,
  round: Round,
  { hangs, natsUrl, perSecond, processes, warmUp, work = Effect.void }: Pace
): Effect.Effect<Paced, BenchFailed> =>
  Effect.gen(function*() {
    yield* sink.call("expect", { round, status: 200, verifyEvery, hangs }, "10 seconds")
    const used = yield* countUse({ ...processes(), sink: sink.pid, publisher: publisher.pid })
    const limit = round.count / perSecond * 1000 + 60_000
    const watch = Effect.gen(function*() {
      const published = yield* publisher.call("pace", { natsUrl, perSecond, round }, limit)
      yield* Effect.timeoutOption(sink.call("complete", undefined, patience * 2), patience)
      return { ...published, use: yield* used }
    })
    const { published: { lateness, start, use } } = yield* Effect.all(
      { published: watch, work },
      { concurrency: "unbounded" }
    )
    const tally = yield* sink.call("tally", undefined, "10 seconds")
    const arrivals = yield* sink.call("arrivals", undefined, "10 seconds")
    const skipped = Math.ceil(warmUp * perSecond)
    const latencies: Array<number> = []
    for (let delivery = skipped * round.fanOut; delivery < deliveriesOf(round); delivery++) {
      const at = arrivals[delivery] ?? 0
      if (at > 0) latencies.push(at - start - Math.floor(delivery / round.fanOut) * 1000 / perSecond)
    }
    latencies.sort((left, right) => left - right)
    return {
      perSecond,
      deliveries: latencies.length,
      p50: quantile(latencies, 0.5),
      p90: quantile(latencies, 0.9),
      p99: quantile(latencies, 0.99),
      p999: quantile(latencies, 0.999),
      most: quantile(latencies, 1),
      publisherLate: quantile(lateness.subarray(skipped), 0.99),
      ...use,
      faults: faultsOf(tally, true)
    }
  })
