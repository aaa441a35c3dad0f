/**
 * Where a workload runs: a nats-server of the bench's own, with a store of its own, which hookline uses as an external one. So ceiling and hookline take
 * the same events of the same stream, each in a fresh process, one after the other.
 */
import { Effect, type Scope } from "effect"
import { rmSync } from "node:fs"
import { dirname } from "node:path"
import { type Broker, startBroker, type StreamCounts, streamCounts, type Sync } from "./Broker.ts"
import type { CeilingCalls } from "./Ceiling.ts"
import { type BenchFailed, forked } from "./Child.ts"
import { createWebhooks, processesOf, type Product, type Site, withProduct } from "./Product.ts"
import { profiling } from "./Profile.ts"
import { drain, type Drained, mostWebhooks, type Stage } from "./Stage.ts"
import { concurrency, deliveriesOf, plain, type Round, type Shape } from "./Work.ts"

export interface Place {
  readonly name: string
  readonly sync: Sync
  readonly broker: Broker
  readonly counts: StreamCounts
  readonly site: Site
}

/** hookline is given as many attempts in flight as the ceiling has. */
export const asTheCeiling = { HOOKLINE_MAX_IN_FLIGHT: `${concurrency}` }

export const makePlace = (
  stage: Stage,
  name: string,
  sync: Sync,
  settings: Site["settings"] = {}
): Effect.Effect<Place, BenchFailed, Scope.Scope> =>
  Effect.gen(function*() {
    // Of all workloads together the stores would fill tens of gigabytes.
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => stage.room(`${name}-${sync}`)),
      (directory) => Effect.sync(() => rmSync(dirname(directory), { recursive: true, force: true }))
    )
    const broker = yield* startBroker(dirname(directory), sync)
    const counts = yield* streamCounts(broker.url)
    const site: Site = {
      main: stage.options.main,
      directory,
      settings: { HOOKLINE_NATS_URL: broker.url, ...settings },
      profiles: undefined
    }
    return { name, sync, broker, counts, site }
  })

/** Starts hookline once, for its streams and the webhooks. */
export const prepare = ({ site }: Place, stage: Stage, { fanOut, webhooks }: Shape): Effect.Effect<void, BenchFailed> =>
  withProduct(
    site,
    (product) => Effect.zipRight(product.ready, createWebhooks(product, stage.ports.slice(0, webhooks), fanOut))
  )

/** One for hookline and one for the ceiling, for events that are published while one of them runs: the other must not find them later. */
export const twoPlaces = (
  stage: Stage,
  name: string,
  sync: Sync
): Effect.Effect<readonly [product: Place, ceiling: Place], BenchFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const places = [
      yield* makePlace(stage, name, sync, asTheCeiling),
      yield* makePlace(stage, `${name}-ceiling`, sync, asTheCeiling)
    ] as const
    for (const place of places) yield* prepare(place, stage, plain(mostWebhooks))
    return places
  })

/** Publishes a round; gives the sequence of its first event in EVENTS. */
export const backlog = ({ broker, counts }: Place, stage: Stage, round: Round): Effect.Effect<number, BenchFailed> =>
  Effect.gen(function*() {
    const from = 1 + (yield* counts.lastSequence("EVENTS"))
    yield* stage.publisher.call("backlog", { natsUrl: broker.url, round }, 60_000 + round.count * 2)
    return from
  })

/** The processes of a hookline and its broker, by name. */
export const ours = ({ broker }: Place, product: Product) => ({ ...processesOf(product), "nats-server": broker.pid })

/** A hookline that takes a backlog, and stops when it is delivered: it must have recorded every delivery. */
export const productDrain = (
  place: Place,
  stage: Stage,
  round: Round,
  profiles?: string
): Effect.Effect<Drained & { readonly deferredRecords: number }, BenchFailed> =>
  Effect.gen(function*() {
    const { counts, site } = place
    const [succeeded, deferred] = yield* Effect.all([counts.records("succeeded"), counts.records("deferred")])
    const drained = yield* withProduct({ ...site, profiles }, (product) =>
      drain(stage, round, {
        processes: () => ours(place, product)
      }, Effect.void).pipe(
        Effect.raceFirst(product.ended)
      ))
    // Stopped: every record is acknowledged.
    const recorded = (yield* counts.records("succeeded")) - succeeded
    return {
      ...drained,
      deferredRecords: (yield* counts.records("deferred")) - deferred,
      faults: recorded === deliveriesOf(round)
        ? drained.faults
        : [...drained.faults, `${recorded} succeeded records for ${deliveriesOf(round)} deliveries`]
    }
  })

/** Uses a bare loop that takes the round's events from a sequence of EVENTS on, until it has settled all of them. */
export const withCeiling = <A, E>(
  { broker }: Place,
  stage: Stage,
  { from, profiles, round }: { readonly round: Round; readonly from: number; readonly profiles?: string | undefined },
  use: (
    work: Effect.Effect<void, BenchFailed>,
    processes: () => Readonly<Record<string, number>>
  ) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.scoped(Effect.gen(function*() {
    const child = yield* forked<CeilingCalls>("Ceiling", profiling(profiles))
    const ports = stage.ports.slice(0, round.webhooks)
    const work = child.call("loop", { natsUrl: broker.url, round, ports, from }, 300_000 + deliveriesOf(round) * 5)
    return yield* use(work, () => ({ ceiling: child.pid, "nats-server": broker.pid }))
  }))
