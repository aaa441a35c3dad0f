/**
 * W7: very many deliveries that wait for their second attempt, due evenly over some minutes. Each endpoint says when it wants to be tried again
 * (Retry-After), which spreads them. Then kill -9 and a start: how long that takes, in how much memory, and how late the attempts are.
 */
import { Clock, Effect, Schedule } from "effect"
import type { Sync } from "./Broker.ts"
import { BenchFailed, within } from "./Child.ts"
import { backlog, makePlace, ours, type Place, prepare } from "./Place.ts"
import { type Product, type Site, withProduct } from "./Product.ts"
import { faultsOf, mostWebhooks, quantile, type Stage } from "./Stage.ts"
import { countUse, type Use } from "./Use.ts"
import { plain, type Round } from "./Work.ts"

export interface WaitingResult extends Use {
  readonly sync: Sync
  readonly deliveries: number
  /** Over which they were due. */
  readonly minutes: number
  /** From the start of the process to `readyz` 200 with a running worker: the wait for the former lease is in it. */
  readonly seconds: number
  /** Of that, from the lease to running, as the worker says. */
  readonly workerSeconds: number | null
  /** What the worker says it has recovered. */
  readonly live: number | null
  /** Live memory of hookline's process after a collection, against that with nothing waiting, a delivery. Bytes. */
  readonly memoryBytes: number
  /** What EVENTS and the DELIVERIES streams hold of each. */
  readonly storedBytes: number
  /** From when an attempt was wanted to when its request was at the endpoint, milliseconds. */
  readonly lateness: { readonly least: number; readonly p50: number; readonly p99: number; readonly most: number }
  readonly faults: ReadonlyArray<string>
}

/** Time that filling may take before the first is due: far more than it does. */
const fillMilliseconds = (count: number): number => 20_000 + count / 2

/** hookline keeps the broker's time, which it knows from the answer to a request: up to half of what that took may lie between it and the endpoint's. */
const clocksApart = 100

/** The last number that the worker logged in this form. */
const lastIn = (log: string, form: RegExp): number | null => {
  const found = [...log.matchAll(form)].at(-1)?.[1]
  return found === undefined ? null : Number(found)
}

/** First attempts of all of them, each with a record; then kill -9. */
const fill = (stage: Stage, { counts, site }: Place, round: Round): Effect.Effect<void, BenchFailed> =>
  withProduct(site, (product) =>
    Effect.gen(function*() {
      const patience = 60_000 + round.count * 5
      yield* product.ready
      yield* stage.sink.call("deferred", undefined, patience)
      yield* counts.records("attempt_failed").pipe(
        Effect.filterOrFail((count) => count === round.count, () => "not yet" as const),
        Effect.retry({ schedule: Schedule.spaced("200 millis"), while: (why) => why === "not yet" }),
        Effect.mapError((why) => why === "not yet" ? new BenchFailed({ message: why }) : why),
        within("a record of every attempt", "60 seconds")
      )
      yield* product.kill
    }))

const again = (stage: Stage, place: Place, product: Product, round: Round, firstDue: number) =>
  Effect.gen(function*() {
    const { minutes, sink } = { minutes: stage.options.over, sink: stage.sink }
    const used = yield* countUse(ours(place, product))
    const seconds = yield* product.ready
    const readyAt = yield* Clock.currentTimeMillis
    const bytes = yield* product.memory
    const live = lastIn(product.log(), /(\d+) live deliveries/g)
    const worker = lastIn(product.log(), /ready after (\d+) ms/g)
    yield* stage.say(`  ready after ${seconds.toFixed(2)} s with ${live} live deliveries`)
    yield* Effect.timeoutOption(
      sink.call("complete", undefined, (minutes + 10) * 60_000),
      Math.max(0, firstDue - readyAt) + (minutes + 2) * 60_000
    )
    const tally = yield* sink.call("tally", undefined, "10 seconds")
    const lateness = yield* sink.call("lateness", undefined, "60 seconds")
    const early = lateness.reduce((sum, late) => late < -clocksApart ? sum + 1 : sum, 0)
    return {
      seconds,
      workerSeconds: worker === null ? null : worker / 1000,
      live,
      bytes,
      lateness: {
        least: quantile(lateness, 0),
        p50: quantile(lateness, 0.5),
        p99: quantile(lateness, 0.99),
        most: quantile(lateness, 1)
      },
      ...(yield* used),
      faults: [
        ...faultsOf(tally, true),
        ...(early > 0 ? [`early: ${early}`] : []),
        ...(live === round.count ? [] : [`${live} live deliveries after the restart`]),
        ...(readyAt > firstDue ? ["ready only when some were due: filling took longer than planned"] : [])
      ]
    }
  })

const waitingOf = (stage: Stage, sync: Sync, count: number): Effect.Effect<WaitingResult, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const { options, sink } = stage
    yield* stage.say(`W7: ${count} deliveries waiting, due over ${options.over} minutes, sync ${sync}`)
    const made = yield* makePlace(stage, "W7", sync, { HOOKLINE_RETRY_SCHEDULE: "0s,1s" })
    const site: Site = { ...made.site, memory: true }
    const place: Place = { ...made, site }
    yield* prepare(place, stage, plain(mostWebhooks))
    const empty = yield* withProduct(site, ({ memory, ready }) => Effect.zipRight(ready, memory))
    const stored = yield* place.counts.bytes
    const round = stage.round(count, mostWebhooks)
    yield* backlog(place, stage, round)
    const from = (yield* Clock.currentTimeMillis) + fillMilliseconds(count)
    yield* sink.call(
      "expect",
      { round, status: 200, verifyEvery: 1000, later: { from, over: options.over * 60_000 } },
      "10 seconds"
    )
    yield* fill(stage, place, round)
    const storedBytes = ((yield* place.counts.bytes) - stored) / count
    const { bytes, ...found } = yield* withProduct(
      site,
      (product) => Effect.raceFirst(again(stage, place, product, round, from), product.ended)
    )
    const result = {
      sync,
      deliveries: count,
      minutes: options.over,
      ...found,
      memoryBytes: (bytes - empty) / count,
      storedBytes
    }
    yield* stage.say(
      `  ${result.memoryBytes.toFixed(0)} bytes a waiting delivery, lateness p99 ${result.lateness.p99.toFixed(0)} ms`
    )
    return result
  }))

/** One number after the other. */
export const waiting = (stage: Stage, sync: Sync): Effect.Effect<ReadonlyArray<WaitingResult>, BenchFailed> =>
  Effect.forEach(stage.options.waiting, (count) => waitingOf(stage, sync, count))
