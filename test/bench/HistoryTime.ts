/**
 * The history: how long first pages take with a million deliveries in it, how fast it is rebuilt, and what keeping it takes from the rate of
 * deliveries. All deliveries are one webhook's, which is the hardest case for an index. What it takes is measured against hookline itself with the
 * history's process held still.
 */
import { Effect, Schedule } from "effect"
import { rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { startBroker, streamCounts } from "./Broker.ts"
import { BenchFailed, within } from "./Child.ts"
import { createWebhooks, get, historyCaughtUp, historyOf, type Product, type Site, withProduct } from "./Product.ts"
import { drain, type Drained, median, type Stage } from "./Stage.ts"
import { eventType, idOf, workspaceOf } from "./Work.ts"

interface Page {
  readonly filter: string
  readonly medianMs: number
  readonly mostMs: number
}

interface Cost {
  readonly kept: Drained
  readonly still: Drained
  readonly ratio: number
}

export interface HistoryResult {
  readonly deliveries: number
  readonly pages: ReadonlyArray<Page>
  /** Messages of all streams, and seconds from the start of hookline until the history follows. */
  readonly rebuild: { readonly messages: number; readonly seconds: number; readonly perSecond: number }
  readonly costs: ReadonlyArray<Cost>
  readonly cost: number
  readonly faults: ReadonlyArray<string>
}

const workspace = workspaceOf(1, 0)
const pageRuns = 30
/** One in so many fails once and waits for its second attempt. */
const failing = 20

const found = (product: Product) =>
  Effect.suspend(() => {
    const pid = historyOf(product)
    return pid === undefined
      ? Effect.fail(new BenchFailed({ message: "no process of a history" }))
      : Effect.succeed(pid)
  }).pipe(Effect.retry(Schedule.spaced("5 millis")), within("the history's process to be there", "10 seconds"))

const cpu = ({ cpuSeconds }: Drained): string =>
  Object.entries(cpuSeconds).map(([name, seconds]) => `${name} ${seconds?.toFixed(1) ?? "unknown"}`).join(", ")

const pages = (product: Product, webhook: string, event: string): Effect.Effect<ReadonlyArray<Page>, BenchFailed> =>
  Effect.forEach(
    [
      "",
      `webhook_id=${webhook}`,
      "status=succeeded",
      "status=retrying",
      "status=failed",
      `webhook_id=${webhook}&status=retrying`,
      `event_type=${eventType}`,
      `webhook_id=${webhook}&event_type=${eventType}`,
      `webhook_id=${webhook}&status=retrying&event_type=${eventType}`,
      `event_id=${event}`,
      "from=2020-01-01&to=2100-01-01&status=succeeded",
      "to=2020-01-01"
    ],
    (filter) =>
      Effect.gen(function*() {
        const times: Array<number> = []
        for (let run = 0; run < pageRuns; run++) {
          const from = performance.now()
          yield* get(product, `/v1/deliveries?${filter}`, workspace)
          times.push(performance.now() - from)
        }
        return { filter: filter.replace(webhook, "…") || "none", medianMs: median(times), mostMs: Math.max(...times) }
      })
  )

export const history = (stage: Stage): Effect.Effect<HistoryResult, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const { options, publisher, sink } = stage
    const directory = stage.room("history")
    const broker = yield* startBroker(dirname(directory), "2m")
    const site: Site = {
      main: options.main,
      directory,
      settings: { HOOKLINE_NATS_URL: broker.url, HOOKLINE_RETRY_SCHEDULE: "0s,12h,24h" },
      profiles: undefined
    }
    const counts = yield* streamCounts(broker.url)
    const total = options.history
    yield* stage.say(`history of ${total} deliveries of one webhook`)

    const fill = (count: number, status: 200 | 500) =>
      Effect.gen(function*() {
        const round = stage.round(count, 1)
        yield* sink.call("expect", { round, status, verifyEvery: 0 }, "10 seconds")
        yield* publisher.call("backlog", { natsUrl: broker.url, round }, "15 minutes")
        yield* sink.call("complete", undefined, 60_000 + count * 2)
        return round
      })
    const seen = yield* withProduct(site, (product) =>
      Effect.gen(function*() {
        yield* product.ready
        yield* createWebhooks(product, stage.ports.slice(0, 1))
        const few = Math.floor(total / failing)
        yield* fill(few, 500)
        const round = yield* fill(total - few, 200)
        yield* stage.say("  filled; waiting for the history")
        yield* historyCaughtUp(product, "15 minutes")
        const { data: [webhook] } = yield* get<{ data: ReadonlyArray<{ id: string }> }>(
          product,
          "/v1/webhooks",
          workspace
        )
        const measured = yield* pages(product, webhook?.id ?? "", idOf(round.name, 17))
        for (const { filter, medianMs, mostMs } of measured) {
          yield* stage.say(`  ${filter}: ${medianMs.toFixed(1)} ms, at most ${mostMs.toFixed(1)} ms`)
        }
        return measured
      }))

    for (const part of ["", "-wal", "-shm"]) rmSync(join(directory, `history.db${part}`), { force: true })
    const rebuild = yield* withProduct(site, (product) =>
      Effect.gen(function*() {
        const from = performance.now()
        yield* product.ready
        yield* historyCaughtUp(product, "15 minutes")
        const seconds = (performance.now() - from) / 1000
        const messages = yield* Effect.reduce(
          ["EVENTS", "WEBHOOKS", "DELIVERIES-0", "DELIVERIES-1", "DELIVERIES-2", "DELIVERIES-3"],
          0,
          (sum, stream) => Effect.map(counts.lastSequence(stream), (last) => sum + last)
        )
        yield* stage.say(`  rebuilt from ${messages} messages in ${seconds.toFixed(1)} s`)
        return { messages, seconds, perSecond: messages / seconds }
      }))

    const one = (still: boolean) =>
      Effect.gen(function*() {
        const round = stage.round(options.events, 1)
        yield* publisher.call("backlog", { natsUrl: broker.url, round }, "5 minutes")
        return yield* withProduct(site, (product) =>
          Effect.acquireUseRelease(
            Effect.tap(found(product), (pid) => Effect.sync(() => void (still && process.kill(pid, "SIGSTOP")))),
            (history) =>
              drain(
                stage,
                round,
                { processes: () => ({ hookline: product.pid, "nats-server": broker.pid, history }) },
                Effect.void
              ),
            (pid) => Effect.sync(() => void process.kill(pid, "SIGCONT"))
            // What one run left unread the next would have to read beside its own.
          ).pipe(Effect.zipLeft(historyCaughtUp(product, "15 minutes")), Effect.raceFirst(product.ended)))
      })
    const faults: Array<string> = []
    const costs: Array<Cost> = []
    for (let run = 0; run < options.pairs; run++) {
      const first: Drained = yield* one(run % 2 === 0)
      const second: Drained = yield* one(run % 2 !== 0)
      const [still, kept] = run % 2 === 0 ? [first, second] : [second, first]
      faults.push(...still.faults, ...kept.faults)
      const ratio = kept.perSecond / still.perSecond
      costs.push({ kept, still, ratio })
      yield* stage.say(
        `  history kept ${Math.round(kept.perSecond)}/s, held still ${Math.round(still.perSecond)}/s: ${
          ratio.toFixed(3)
        }`
      )
      yield* stage.say(`    CPU seconds: ${cpu(kept)}; ${cpu(still)}`)
    }
    const records = yield* counts.records("attempt_failed")
    const few = Math.floor(total / failing)
    return {
      deliveries: total,
      pages: seen,
      rebuild,
      costs,
      cost: 1 - median(costs.map(({ ratio }) => ratio)),
      faults: records === few ? faults : [...faults, `${records} failed attempts for ${few}`]
    }
  }))
