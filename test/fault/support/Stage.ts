/** What every scenario begins with: a publisher and endpoints in processes of their own, a started hookline, and webhooks between them. */
import { Effect, type Scope } from "effect"
import { fork } from "node:child_process"
import { randomBytes } from "node:crypto"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { called, type Child } from "../../bench/Child.ts"
import { type Product, product } from "../../support/product.ts"
import { addWebhook } from "../../support/until.ts"
import type { Acknowledged, GeneratorCalls, Load } from "./Generator.ts"
import type { Behaviour, Counts, ReceiversCalls } from "./Receivers.ts"

/** A webhook between a workspace and an endpoint. */
export interface Subscribed {
  readonly id: string
  readonly workspace: string
  readonly endpoint: number
  readonly behaviour: Behaviour
  /** The one event type it subscribes to; undefined: all. */
  readonly type: string | undefined
}

export interface Stage {
  readonly hookline: Product
  readonly natsUrl: () => string
  readonly receivers: Child<ReceiversCalls>
  readonly generator: Child<GeneratorCalls>
  readonly webhooks: ReadonlyArray<Subscribed>
  /** Begins to publish so many events; `more` overrides what is usual. */
  readonly publish: (count: number, more?: Partial<Load>) => Effect.Effect<Load>
  /** Waits until every event of the load is acknowledged. */
  readonly published: (limit: number) => Effect.Effect<Acknowledged>
  readonly counts: Effect.Effect<ReadonlyArray<Counts>>
}

/** Four workspaces lie in different partitions, and in different DELIVERIES streams. */
export const workspaces = ["ws_1", "ws_2", "ws_3", "ws_4"]
const types = ["task.created", "task.updated", "task.completed", "project.updated", "project.created"]

/** Retries that come within a scenario. */
export const env = { HOOKLINE_SYNC: "2m", HOOKLINE_RETRY_SCHEDULE: "0s,1s,2s,4s,8s,16s", HOOKLINE_TIMEOUT: "3s" }

/** The short form takes at most 5 minutes in all: `FAULT=short npm run test:fault`. */
export const short = process.env["FAULT"] === "short"

/** The number of the short form, or that of the long one. */
export const inShort = (few: number, many: number): number => short ? few : many

const callLimit = "30 seconds"

const child = <C extends GeneratorCalls | ReceiversCalls>(name: string) =>
  called<C>(name, () =>
    fork(
      createRequire(import.meta.url).resolve("vite-node/vite-node.mjs"),
      [fileURLToPath(new URL(`${name}.ts`, import.meta.url))],
      { serialization: "advanced" }
    ))

/** Two endpoints that are well and one that is flaky, each workspace has a webhook to one of the first and one to the last, for one type in five. */
const usual: ReadonlyArray<Omit<Subscribed, "id">> = workspaces.flatMap((workspace, index) => [
  { workspace, endpoint: index % 2, behaviour: "well" as const, type: undefined },
  { workspace, endpoint: 2, behaviour: "flaky" as const, type: "project.created" }
])

export const makeStage = <R = never>(options: {
  readonly hookline?: Effect.Effect<Product, never, R>
  /** Of a broker that is not hookline's own. */
  readonly natsUrl?: string
  readonly env?: Readonly<Record<string, string>>
  readonly webhooks?: ReadonlyArray<Omit<Subscribed, "id">>
} = {}): Effect.Effect<Stage, never, R | Scope.Scope> =>
  Effect.gen(function*() {
    const receivers = yield* child<ReceiversCalls>("Receivers")
    const generator = yield* child<GeneratorCalls>("Generator")
    const hookline = yield* options.hookline ?? product({ env: { ...env, ...options.env } })
    const wanted = options.webhooks ?? usual
    const behaviours: Array<Behaviour> = []
    for (const { behaviour, endpoint } of wanted) behaviours[endpoint] = behaviour
    const ports = yield* receivers.call("listen", behaviours, callLimit)
    const webhooks = yield* Effect.forEach(wanted, (one) =>
      Effect.map(
        addWebhook(
          hookline,
          { url: `http://127.0.0.1:${ports[one.endpoint]}/hook`, events: [one.type ?? "*"] },
          one.workspace
        ),
        ({ id }): Subscribed => ({ ...one, id })
      ))
    const natsUrl = () => options.natsUrl ?? hookline.natsUrl()
    const stage: Stage = {
      hookline,
      natsUrl,
      receivers,
      generator,
      webhooks,
      publish: (count, more) => {
        const load: Load = {
          url: natsUrl(),
          prefix: `evt_${randomBytes(4).toString("hex")}_`,
          count,
          workspaces,
          types,
          width: 100,
          ...more
        }
        return Effect.as(Effect.orDie(generator.call("begin", load, callLimit)), load)
      },
      published: (limit) => Effect.orDie(generator.call("complete", undefined, limit)),
      counts: Effect.orDie(receivers.call("counts", undefined, callLimit))
    }
    return stage
  }).pipe(Effect.orDie)

/** Different events that are at the endpoints, all together. */
export const distinct = ({ counts }: Stage): Effect.Effect<number> =>
  Effect.map(counts, (all) => all.reduce((sum, one) => sum + one.distinct, 0))
