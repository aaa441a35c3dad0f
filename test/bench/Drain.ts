/**
 * How fast a backlog goes out. The events are published while no worker runs, so that publishing takes nothing from what is measured, on a
 * nats-server of the bench's own, which hookline uses as an external one. The ceiling and hookline take the same events of the same stream, each in a
 * fresh process, one after the other in turns. The rate is that of the sink, from the first request to the last.
 */
import { Effect } from "effect"
import { dirname } from "node:path"
import { startBroker, type StreamCounts, streamCounts, type Sync } from "./Broker.ts"
import type { CeilingCalls } from "./Ceiling.ts"
import { type BenchFailed, forked } from "./Child.ts"
import { createWebhooks, type Site, withProduct } from "./Product.ts"
import { drain, type Drained, median, type Stage } from "./Stage.ts"
import type { Round } from "./Work.ts"

interface ProductDrained extends Drained {
  /** Messages beside the `succeeded` records: deliveries that had to wait longer than the queue holds. */
  readonly deferredRecords: number
}

interface Pair {
  readonly ceiling: Drained
  readonly product: ProductDrained
  readonly ratio: number
  /** Seconds of publishing the backlog. */
  readonly publishedIn: number
}

export interface DrainResult {
  readonly sync: Sync
  readonly webhooks: number
  readonly pairs: ReadonlyArray<Pair>
  readonly ceiling: number
  readonly product: number
  /** Median of the pairs' ratios. */
  readonly ratio: number
  /** The same POSTs without NATS. */
  readonly control: Drained
}

interface Place {
  readonly natsUrl: string
  readonly broker: number
  readonly counts: StreamCounts
  readonly site: Site
}

const control = (stage: Stage, count: number, webhooks: number): Effect.Effect<Drained, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const round = stage.round(count, webhooks)
    const child = yield* forked<CeilingCalls>("Ceiling")
    const ports = stage.ports.slice(0, webhooks)
    const work = child.call("control", { round, ports }, "2 minutes")
    return yield* drain(stage, round, { undici: child.pid }, work, false)
  }))

const ceiling = (stage: Stage, place: Place, round: Round, from: number): Effect.Effect<Drained, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const child = yield* forked<CeilingCalls>("Ceiling")
    const ports = stage.ports.slice(0, round.webhooks)
    const work = child.call("loop", { natsUrl: place.natsUrl, round, ports, from }, "5 minutes")
    return yield* drain(stage, round, { ceiling: child.pid, "nats-server": place.broker }, work)
  }))

const product = (stage: Stage, place: Place, round: Round): Effect.Effect<ProductDrained, BenchFailed> =>
  Effect.gen(function*() {
    const { broker, counts, site } = place
    const [succeeded, deferred] = yield* Effect.all([counts.records("succeeded"), counts.records("deferred")])
    const drained = yield* withProduct(
      site,
      (product) =>
        drain(stage, round, { hookline: product.pid, "nats-server": broker }, Effect.void).pipe(
          Effect.raceFirst(product.ended)
        )
    )
    // Stopped: every record is acknowledged.
    const recorded = (yield* counts.records("succeeded")) - succeeded
    return {
      ...drained,
      deferredRecords: (yield* counts.records("deferred")) - deferred,
      faults: recorded === round.count
        ? drained.faults
        : [...drained.faults, `${recorded} succeeded records for ${round.count} deliveries`]
    }
  })

const pair = (stage: Stage, place: Place, count: number, webhooks: number, ceilingFirst: boolean) =>
  Effect.gen(function*() {
    const round = stage.round(count, webhooks)
    const from = 1 + (yield* place.counts.lastSequence("EVENTS"))
    const publishedIn = yield* stage.publisher.call("backlog", { natsUrl: place.natsUrl, round }, "5 minutes")
    const [one, other] = [ceiling(stage, place, round, from), product(stage, place, round)]
    const [bare, ours] = ceilingFirst
      ? yield* Effect.all([one, other])
      : yield* Effect.map(Effect.all([other, one]), ([ours, bare]) => [bare, ours] as const)
    const ratio = ours.perSecond / bare.perSecond
    yield* stage.say(
      `  ceiling ${Math.round(bare.perSecond)}/s, hookline ${Math.round(ours.perSecond)}/s: ${ratio.toFixed(3)}`
    )
    return { ceiling: bare, product: ours, ratio, publishedIn } satisfies Pair
  })

/** All drains at one setting of the broker. The floor is set for 100 webhooks at `2m`: only there pairs are repeated. */
export const drains = (stage: Stage, sync: Sync): Effect.Effect<ReadonlyArray<DrainResult>, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const { options } = stage
    const directory = stage.room(`drain-${sync}`)
    const broker = yield* startBroker(dirname(directory), sync)
    const site: Site = {
      main: options.main,
      directory,
      settings: { HOOKLINE_NATS_URL: broker.url },
      profiles: options.profiles
    }
    yield* withProduct(
      { ...site, profiles: undefined },
      (product) =>
        Effect.zipRight(
          product.ready,
          Effect.forEach(options.webhooks, (count) => createWebhooks(product, stage.ports.slice(0, count)))
        )
    )
    const counts = yield* streamCounts(broker.url)
    const place = { natsUrl: broker.url, broker: broker.pid, counts, site }
    const run = Effect.fnUntraced(function*(webhooks: number) {
      // A flush for every write makes it slower by far; the length of a run stays alike.
      const count = sync === "2m" ? options.events : Math.ceil(options.events / 2)
      const repetitions = sync === "2m" && webhooks > 1 ? options.pairs : 1
      yield* stage.say(`drain of ${count} events, ${webhooks} webhook(s), sync ${sync}`)
      const undici = yield* control(stage, count, webhooks)
      yield* stage.say(`  undici alone ${Math.round(undici.perSecond)}/s`)
      const pairs = yield* Effect.forEach(
        Array.from({ length: repetitions }, (_, index) => index),
        (index) => pair(stage, place, count, webhooks, index % 2 === 0)
      )
      return {
        sync,
        webhooks,
        pairs,
        ceiling: median(pairs.map(({ ceiling }) => ceiling.perSecond)),
        product: median(pairs.map(({ product }) => product.perSecond)),
        ratio: median(pairs.map(({ ratio }) => ratio)),
        control: undici
      }
    })
    return yield* Effect.forEach(options.webhooks, run)
  }))
