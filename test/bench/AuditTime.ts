/**
 * How fast `hookline audit verify` reads: the whole command, from its start to its end, with a broker that has nothing else to do. One record of each
 * kind and webhook is hookline's own; the others are made from these, so that filling takes seconds.
 */
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { dirname } from "node:path"
import { startBroker } from "./Broker.ts"
import { BenchFailed } from "./Child.ts"
import { createWebhooks, type Site, withProduct } from "./Product.ts"
import { faultsOf, type Stage } from "./Stage.ts"

export interface AuditResult {
  readonly deliveries: number
  /** Of all streams. */
  readonly messages: number
  readonly seconds: number
  readonly perSecond: number
  /** The largest resident size that the command had. */
  readonly megabytes: number
  readonly faults: ReadonlyArray<string>
}

interface Report {
  readonly verdict: string
  readonly counts: {
    readonly events: number
    readonly messages: number
    readonly webhooks: number
    readonly outcomes: { readonly succeeded: number }
  }
}

const kinds = [["attempt_failed", 500], ["succeeded", 200]] as const

/** One in so many fails once and waits for its second attempt. */
const failing = 20

/** The command tells at its end how large it was. */
const run = (site: Site, url: string): Effect.Effect<Report & { readonly megabytes: number }, BenchFailed> =>
  Effect.async((resume) => {
    const measure =
      `data:text/javascript,process.on("exit",()=>process.stderr.write("rss "+process.resourceUsage().maxRSS+"\\n"))`
    execFile(
      process.execPath,
      ["--import", measure, site.main, "audit", "verify", "--json"],
      { env: { PATH: process.env["PATH"], HOOKLINE_NATS_URL: url, ...site.settings }, maxBuffer: 64 * 1024 ** 2 },
      (error, out, log) => {
        const size = /rss (\d+)/.exec(log)?.[1]
        if (error !== null || size === undefined) {
          return resume(Effect.fail(new BenchFailed({ message: `the audit failed: ${log}${out.slice(0, 2000)}` })))
        }
        resume(Effect.succeed({ ...JSON.parse(out) as Report, megabytes: Number(size) / 1024 }))
      }
    )
  })

export const audit = (stage: Stage): Effect.Effect<AuditResult, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const { options, publisher, sink } = stage
    const directory = stage.room("audit")
    const broker = yield* startBroker(dirname(directory), "2m")
    const site: Site = {
      main: options.main,
      directory,
      settings: { HOOKLINE_NATS_URL: broker.url, HOOKLINE_RETRY_SCHEDULE: "0s,12h,24h" },
      profiles: undefined
    }
    const total = options.audit
    yield* stage.say(`audit of ${total} deliveries`)
    const few = Math.floor(total / failing)
    const faults: Array<string> = []
    const webhooks = stage.ports.length
    yield* withProduct(site, (product) =>
      Effect.gen(function*() {
        yield* product.ready
        yield* createWebhooks(product, stage.ports)
        for (const [, status] of kinds) {
          const round = stage.round(webhooks, webhooks)
          yield* sink.call("expect", { round, status, verifyEvery: 0 }, "10 seconds")
          yield* publisher.call("backlog", { natsUrl: broker.url, round }, "1 minute")
          yield* sink.call("complete", undefined, 60_000)
          faults.push(...faultsOf(yield* sink.call("tally", undefined, "10 seconds"), false))
        }
      }))
    for (const [kind] of kinds) {
      const round = stage.round(kind === "succeeded" ? total - few : few, webhooks)
      const took = yield* publisher.call("settled", { natsUrl: broker.url, round, kind }, "5 minutes")
      yield* stage.say(`  ${round.count} events and their records in ${took.toFixed(1)} s`)
    }
    const from = performance.now()
    const { counts, megabytes, verdict } = yield* run(site, broker.url)
    const seconds = (performance.now() - from) / 1000
    const messages = counts.events + counts.messages
    if (verdict !== "proven") faults.push(`the audit says ${verdict}`)
    if (counts.events < total) faults.push(`${counts.events} events of ${total}`)
    if (counts.outcomes.succeeded < total - few) faults.push(`${counts.outcomes.succeeded} succeeded`)
    yield* stage.say(`  ${messages} messages in ${seconds.toFixed(1)} s, ${Math.round(megabytes)} MB`)
    return { deliveries: total, messages, seconds, perSecond: messages / seconds, megabytes, faults }
  }))
