import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { eventually } from "../support/broker.ts"
import { type Product, product } from "../support/product.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { type Receiver, receiver } from "../support/receiver.ts"

const events = 20_000
/** A retry comes soon, so that the failing endpoint's attempts fall before, into and after the crash. */
const schedule = { HOOKLINE_SYNC: "2m", HOOKLINE_RETRY_SCHEDULE: "0s,1s,2s,4s,8s" }

const addWebhook = (hookline: Product, url: string) =>
  Effect.map(hookline.api("POST", "/v1/webhooks", { url, events: ["*"] }), ({ status }) => expect(status).toBe(201))

const missing = (endpoint: Receiver, ids: ReadonlyArray<string>) => ids.filter((id) => !endpoint.seen.has(id))

const repeats = (endpoint: Receiver) => Array.from(endpoint.seen.values()).reduce((sum, count) => sum + count - 1, 0)

/** Two endpoints that are well and one whose every third request fails; kills in the middle; then everything owed is there. */
const survives = (kill: (hookline: Product) => Effect.Effect<void>) =>
  Effect.gen(function*() {
    const options = { keepArrivals: false }
    const first = yield* receiver(undefined, options)
    const second = yield* receiver(undefined, options)
    const failing = yield* receiver((response, { count }) => {
      response.statusCode = count % 3 === 0 ? 500 : 200
      response.end()
    }, options)
    const hookline = yield* product({ env: schedule })
    for (const { url } of [first, second, failing]) yield* addWebhook(hookline, url)
    const client = yield* natsClient(hookline.natsUrl())
    const publishing = yield* Effect.fork(
      publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_", count: events, width: 200 })
    )
    yield* eventually("a quarter of the load", () => first.seen.size > events / 4, 60_000)
    const inFlight = first.open() + second.open()
    yield* kill(hookline)
    const ids = yield* Fiber.join(publishing)
    for (const endpoint of [first, second, failing]) {
      yield* eventually(
        `everything at ${endpoint.url}, missing ${missing(endpoint, ids).length}`,
        () => endpoint.seen.size === events,
        120_000
      )
    }
    return { repeats: repeats(first) + repeats(second), inFlight }
  })

describe("nothing owed is lost", () => {
  it.scopedLive(
    "when hookline is killed with -9 during 20,000 events to three endpoints",
    () =>
      Effect.gen(function*() {
        const result = yield* survives((hookline) => Effect.zipRight(hookline.kill, hookline.start))
        // Three endpoints at a concurrency of 16: what was open, and what was answered but not yet acknowledged in the ledger.
        expect(result.repeats).toBeLessThanOrEqual(2 * 16)
      }),
    240_000
  )

  it.scopedLive(
    "when the broker is killed with -9 during 20,000 events to three endpoints",
    () =>
      Effect.gen(function*() {
        const result = yield* survives((hookline) =>
          Effect.sync(() => process.kill(Number(readFileSync(join(hookline.data, "nats.pid"), "utf8")), "SIGKILL"))
        )
        expect(result.repeats).toBeLessThanOrEqual(2 * 16)
      }),
    240_000
  )
})
