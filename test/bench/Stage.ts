/** What all parts of the bench share. */
import { Effect, type Scope } from "effect"
import { mkdirSync, mkdtempSync } from "node:fs"
import { join } from "node:path"
import { type BenchFailed, type Child, forked } from "./Child.ts"
import type { Options } from "./Options.ts"
import type { PublisherCalls } from "./Publisher.ts"
import type { SinkCalls, Tally } from "./Sink.ts"
import { countUse, type Use } from "./Use.ts"
import { deliveriesOf, plain, type Round, type Shape } from "./Work.ts"

export interface Stage {
  readonly options: Options
  readonly sink: Child<SinkCalls>
  readonly publisher: Child<PublisherCalls>
  /** The sink's, as many as there may be webhooks. */
  readonly ports: ReadonlyArray<number>
  /** Each event to one of so many webhooks, 1 KB. */
  readonly round: (count: number, webhooks: number) => Round
  readonly shaped: (count: number, shape: Shape) => Round
  /** A fresh directory for one broker or one hookline. */
  readonly room: (name: string) => string
  readonly say: (line: string) => Effect.Effect<void>
}

export const mostWebhooks = 100

export const makeStage = (
  options: Options,
  say: Stage["say"]
): Effect.Effect<Stage, BenchFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const sink = yield* forked<SinkCalls>("Sink")
    const publisher = yield* forked<PublisherCalls>("Publisher")
    const ports = yield* sink.call("listen", mostWebhooks, "10 seconds")
    let rounds = 0
    const shaped: Stage["shaped"] = (count, { bytes, fanOut, webhooks }) => ({
      name: `r${++rounds}`,
      count,
      webhooks,
      fanOut,
      bytes
    })
    return {
      options,
      sink,
      publisher,
      ports,
      round: (count, webhooks) => shaped(count, plain(webhooks)),
      shaped,
      room: (name) => {
        const directory = join(mkdtempSync(join(options.directory, `${name}-`)), "data")
        mkdirSync(directory, { mode: 0o700 })
        return directory
      },
      say
    }
  })

/** One drain of a round into the sink; what was used is counted from the first request to the last. */
export interface Drained extends Use {
  readonly events: number
  readonly deliveries: number
  /** Deliveries, from the first request to the last, and from when 10 % had come to when 90 % had. */
  readonly perSecond: number
  readonly middlePerSecond: number
  /** New deliveries in each half second after the first: where a run is slow. */
  readonly halfSeconds: ReadonlyArray<number>
  /** Monotonic milliseconds of the first request and the last. */
  readonly from: number
  readonly to: number
  /** Of the processes that were looked at, by name. */
  readonly pids: Readonly<Record<string, number>>
  /** Opened to the sink. */
  readonly connections: number
  /** Why it does not count; empty when it does. */
  readonly faults: ReadonlyArray<string>
}

/** What is wrong with a ledger; `verified`: whether signatures were looked at. */
export const faultsOf = (tally: Tally, verified: boolean): ReadonlyArray<string> => [
  ...(["missing", "repeats", "misdirected", "strangers", "forged"] as const)
    .filter((name) => tally[name] > 0)
    .map((name) => `${name}: ${tally[name]}`),
  ...(verified && tally.verified === 0 ? ["no signature was verified"] : [])
]

/** One request in so many has its signatures verified. */
const verifyEvery = 100

const rate = (events: number, from: number, to: number): number => to > from ? events / (to - from) * 1000 : 0

const halfSeconds = (arrivals: Float64Array, { first, last }: Tally): ReadonlyArray<number> => {
  const counts = Array.from({ length: Math.max(0, Math.floor((last - first) / 500) + 1) }, () => 0)
  for (const at of arrivals) {
    const index = Math.floor((at - first) / 500)
    if (at > 0) counts[index] = (counts[index] ?? 0) + 1
  }
  return counts
}

export interface Watch {
  /** Whose use is counted, by name; asked at the first request, when all of them are there. */
  readonly processes: () => Readonly<Record<string, number>>
  /** Whether the requests are signed; they are unless it says otherwise. */
  readonly signed?: boolean
  /** The port that never answers. */
  readonly hangs?: number | undefined
}

/** Runs `work` and watches the sink until the round is complete; what has not come by then is missing. */
export const drain = <E, R>(
  { sink }: Stage,
  round: Round,
  { hangs, processes, signed = true }: Watch,
  work: Effect.Effect<unknown, E, R>
): Effect.Effect<Drained, E | BenchFailed, R> =>
  Effect.gen(function*() {
    const deliveries = deliveriesOf(round)
    const patience = 30_000 + deliveries * 5
    yield* sink.call("expect", { round, status: 200, verifyEvery: signed ? verifyEvery : 0, hangs }, "10 seconds")
    const watch = Effect.gen(function*() {
      yield* sink.call("begun", undefined, patience)
      const pids = processes()
      const used = yield* countUse({ ...pids, sink: sink.pid })
      yield* Effect.timeoutOption(sink.call("complete", undefined, patience * 2), patience)
      return { pids, ...(yield* used) }
    })
    const { use } = yield* Effect.all({ use: watch, work }, { concurrency: "unbounded" })
    const tally = yield* sink.call("tally", undefined, "10 seconds")
    return {
      events: round.count,
      deliveries: tally.distinct,
      perSecond: rate(tally.distinct, tally.first, tally.last),
      middlePerSecond: rate(tally.distinct * 0.8, tally.tenth, tally.ninetieth),
      halfSeconds: halfSeconds(yield* sink.call("arrivals", undefined, "10 seconds"), tally),
      from: tally.first,
      to: tally.last,
      ...use,
      connections: tally.connections,
      faults: faultsOf(tally, signed)
    }
  })

export const median = (values: Iterable<number>): number => quantile(values, 0.5)

/** Linear between neighbours; NaN of none. */
export const quantile = (values: Iterable<number>, part: number): number => {
  const sorted = [...values].sort((left, right) => left - right)
  const place = (sorted.length - 1) * part
  const below = sorted[Math.floor(place)] ?? Number.NaN
  return below + ((sorted[Math.ceil(place)] ?? Number.NaN) - below) * (place - Math.floor(place))
}
