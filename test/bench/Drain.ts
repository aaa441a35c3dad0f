/**
 * How fast a backlog goes out. The events are published while no worker runs, so that publishing takes nothing from what is measured. The ceiling and
 * hookline take the same events, in turns. The rate is that of the sink, from the first request to the last.
 */
import { Effect } from "effect"
import type { Sync } from "./Broker.ts"
import type { CeilingCalls } from "./Ceiling.ts"
import { type BenchFailed, forked } from "./Child.ts"
import { asTheCeiling, backlog, makePlace, type Place, prepare, productDrain, withCeiling } from "./Place.ts"
import { evaluate } from "./Profile.ts"
import { drain, type Drained, median, type Stage } from "./Stage.ts"
import type { Shape } from "./Work.ts"

/** A drain by its name in the tables. */
interface Workload extends Shape {
  readonly name: string
  readonly about: string
}

interface ProductDrained extends Drained {
  /** Messages beside the `succeeded` records: deliveries that had to wait longer than the queue holds. */
  readonly deferredRecords: number
}

interface Pair {
  readonly ceiling: Drained
  readonly product: ProductDrained
  readonly ratio: number
  /** What EVENTS and the DELIVERIES streams have grown by, a delivery: the event's own bytes, and the product's record. */
  readonly storedBytes: number
}

export interface DrainResult extends Workload {
  readonly sync: Sync
  readonly pairs: ReadonlyArray<Pair>
  /** Medians, deliveries a second. */
  readonly ceiling: number
  readonly product: number
  /** Median of the pairs' ratios, and the least and the most of them. */
  readonly ratio: number
  readonly range: readonly [least: number, most: number]
  /** The same POSTs without NATS. */
  readonly control: Drained
}

const drainsOf = (name: string): ReadonlyArray<Workload> => {
  const hundred = { webhooks: 100, fanOut: 1, bytes: 1024 }
  switch (name) {
    case "W1":
      return [{ ...hundred, name, about: "one webhook", webhooks: 1 }]
    case "W2":
      return [{ ...hundred, name, about: "100 webhooks" }]
    case "W3":
      return [{ ...hundred, name, about: "each event to 10 of 100 webhooks", fanOut: 10 }]
    default:
      return [1, 7, 100].map((kilobytes) => ({
        ...hundred,
        name: `${name} ${kilobytes} KB`,
        about: `100 webhooks, bodies of ${kilobytes} KB`,
        bytes: kilobytes * 1024
      }))
  }
}

/** Of all bodies of a round. */
const mostBytes = 512 * 2 ** 20

/** As many deliveries as were asked for. A flush for every write makes it slower by far; the length of a run stays alike. */
const eventsOf = ({ bytes, fanOut }: Shape, sync: Sync, asked: number): number =>
  Math.max(1, Math.ceil(Math.min(asked / (sync === "2m" ? 1 : 2) / fanOut, mostBytes / bytes)))

const control = (stage: Stage, count: number, workload: Workload): Effect.Effect<Drained, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const round = stage.shaped(count, workload)
    const child = yield* forked<CeilingCalls>("Ceiling")
    const ports = stage.ports.slice(0, workload.webhooks)
    const work = child.call("control", { round, ports }, "2 minutes")
    return yield* drain(stage, round, { processes: () => ({ undici: child.pid }), signed: false }, work)
  }))

/** Both have ended: their profiles are written. */
const told = (
  stage: Stage,
  directory: string,
  workload: string,
  drained: Readonly<Record<"ceiling" | "hookline", Drained>>
) =>
  Effect.forEach(["ceiling", "hookline"] as const, (who) => {
    const { deliveries, from, pids, to } = drained[who]
    const name = `${workload}-${who}`.replaceAll(" ", "-")
    return stage.say(`\n${evaluate({ directory, name, pid: pids[who] ?? 0, from, to, deliveries })}`)
  }, { discard: true })

const pair = (stage: Stage, place: Place, count: number, workload: Workload, ceilingFirst: boolean) =>
  Effect.gen(function*() {
    const { profiles } = stage.options
    const round = stage.shaped(count, workload)
    const before = yield* place.counts.bytes
    const from = yield* backlog(place, stage, round)
    const bareDrain = withCeiling(
      place,
      stage,
      { round, from, profiles },
      (work, processes) => drain(stage, round, { processes }, work)
    )
    const ourDrain = productDrain(place, stage, round, profiles)
    const [bare, ours] = ceilingFirst
      ? yield* Effect.all([bareDrain, ourDrain])
      : yield* Effect.map(Effect.all([ourDrain, bareDrain]), ([ours, bare]) => [bare, ours] as const)
    const ratio = ours.perSecond / bare.perSecond
    yield* stage.say(
      `  ceiling ${Math.round(bare.perSecond)}/s, hookline ${Math.round(ours.perSecond)}/s: ${ratio.toFixed(3)}`
    )
    if (profiles !== undefined) yield* told(stage, profiles, workload.name, { ceiling: bare, hookline: ours })
    const storedBytes = ((yield* place.counts.bytes) - before) / ours.deliveries
    return { ceiling: bare, product: ours, ratio, storedBytes } satisfies Pair
  })

const one = (stage: Stage, place: Place, workload: Workload): Effect.Effect<DrainResult, BenchFailed> =>
  Effect.gen(function*() {
    const { sync } = place
    const count = eventsOf(workload, sync, stage.options.events)
    yield* stage.say(`${workload.name}: drain of ${count} events, ${workload.about}, sync ${sync}`)
    const undici = yield* control(stage, count, workload)
    yield* stage.say(`  undici alone ${Math.round(undici.perSecond)}/s`)
    const pairs = yield* Effect.forEach(
      Array.from({ length: stage.options.pairs }, (_, index) => index),
      (index) => pair(stage, place, count, workload, index % 2 === 0)
    )
    const ratios = pairs.map(({ ratio }) => ratio)
    return {
      ...workload,
      sync,
      pairs,
      ceiling: median(pairs.map(({ ceiling }) => ceiling.perSecond)),
      product: median(pairs.map(({ product }) => product.perSecond)),
      ratio: median(ratios),
      range: [Math.min(...ratios), Math.max(...ratios)],
      control: undici
    }
  })

/** W1, W2, W3 or W9 at one setting of the broker. */
export const drains = (
  stage: Stage,
  name: "W1" | "W2" | "W3" | "W9",
  sync: Sync
): Effect.Effect<ReadonlyArray<DrainResult>, BenchFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const workloads = drainsOf(name)
    const [first] = workloads
    const place = yield* makePlace(stage, name, sync, asTheCeiling)
    if (first !== undefined) yield* prepare(place, stage, first)
    return yield* Effect.forEach(workloads, (workload) => one(stage, place, workload))
  }))
