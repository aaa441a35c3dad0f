/**
 * W8: what webhooks cost that have nothing to do. Ten of them, in ten workspaces, get all events; the others, spread over 1,000 workspaces, subscribe to
 * another type. So of the webhooks of an event's workspace one matches. The rate of the ten with others around is compared with theirs alone.
 */
import { Effect, type Scope } from "effect"
import type { Sync } from "./Broker.ts"
import type { BenchFailed } from "./Child.ts"
import { backlog, makePlace, type Place, prepare, productDrain } from "./Place.ts"
import { withProduct } from "./Product.ts"
import { type Drained, median, type Stage } from "./Stage.ts"
import { residentMegabytes } from "./Use.ts"
import { plain } from "./Work.ts"

export interface ManyResult {
  readonly sync: Sync
  readonly sizes: ReadonlyArray<{
    readonly webhooks: number
    readonly runs: ReadonlyArray<Drained>
    /** Median, deliveries a second. */
    readonly perSecond: number
    /** Median of the runs' rates ÷ that of the smallest number in the same turn. */
    readonly ratio: number
    /** From the start of the process to ready. */
    readonly startSeconds: number
    /** Live memory of hookline's process after a collection, more than with the smallest number, a webhook more. Bytes; null of the smallest. */
    readonly memoryBytes: number | null
    /** Resident in the nats-server, MiB. */
    readonly brokerMegabytes: number | null
  }>
}

const active = 10
const workspaces = 1_000

interface Size {
  readonly webhooks: number
  readonly place: Place
  readonly startSeconds: number
  readonly bytes: number
  readonly brokerMegabytes: number | null
}

const makeSize = (stage: Stage, sync: Sync, webhooks: number): Effect.Effect<Size, BenchFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const place = yield* makePlace(stage, `W8-${webhooks}`, sync)
    yield* prepare(place, stage, plain(active))
    yield* stage.publisher.call(
      "idle",
      { natsUrl: place.broker.url, count: webhooks - active, active, workspaces },
      "5 minutes"
    )
    const seen = yield* withProduct({ ...place.site, memory: true }, (product) =>
      Effect.all({
        startSeconds: product.ready,
        bytes: product.memory,
        brokerMegabytes: Effect.sync(() => residentMegabytes(place.broker.pid))
      }))
    yield* stage.say(`  ${webhooks} webhooks: ready after ${seen.startSeconds.toFixed(2)} s`)
    return { webhooks, place, ...seen }
  })

/** Each size once in each turn, so that what slows the machine for a while slows all of them. */
export const manyWebhooks = (stage: Stage, sync: Sync): Effect.Effect<ManyResult, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const { options } = stage
    yield* stage.say(`W8: ${options.webhooks.join(", ")} webhooks over ${workspaces} workspaces, sync ${sync}`)
    const sizes = yield* Effect.forEach(options.webhooks, (webhooks) => makeSize(stage, sync, webhooks))
    const turns: Array<ReadonlyArray<Drained>> = []
    for (let turn = 0; turn < options.pairs; turn++) {
      const drained = yield* Effect.forEach(sizes, ({ place }) =>
        Effect.gen(function*() {
          const round = stage.round(options.events, active)
          yield* backlog(place, stage, round)
          return yield* productDrain(place, stage, round)
        }))
      turns.push(drained)
      yield* stage.say(`  ${drained.map(({ perSecond }) => `${Math.round(perSecond)}/s`).join(", ")}`)
    }
    const [smallest] = sizes
    return {
      sync,
      sizes: sizes.map(({ brokerMegabytes, bytes, startSeconds, webhooks }, index) => {
        const runs = turns.flatMap((drained) => drained[index] ?? [])
        const ratios = turns.map((drained) => (drained[index]?.perSecond ?? Number.NaN) / (drained[0]?.perSecond ?? 0))
        return {
          webhooks,
          runs,
          perSecond: median(runs.map(({ perSecond }) => perSecond)),
          ratio: median(ratios),
          startSeconds,
          memoryBytes: smallest === undefined || webhooks === smallest.webhooks
            ? null
            : (bytes - smallest.bytes) / (webhooks - smallest.webhooks),
          brokerMegabytes
        }
      })
    }
  }))
