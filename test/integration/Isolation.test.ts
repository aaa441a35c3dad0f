import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { eventually } from "../support/broker.ts"
import { product } from "../support/product.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, publish, until } from "../support/until.ts"

describe("many webhooks", () => {
  it.scopedLive(
    "1,000 in one workspace that all match one event: it arrives at each, once",
    () =>
      Effect.gen(function*() {
        const count = 1_000
        const seen = new Map<string, number>()
        const server = yield* Effect.acquireRelease(
          Effect.async<ReturnType<typeof createServer>>((resume) => {
            const server = createServer((request, response) => {
              request.resume()
              request.on("end", () => {
                const path = String(request.url)
                seen.set(path, (seen.get(path) ?? 0) + 1)
                response.end()
              })
            }).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
          }),
          (server) =>
            Effect.sync(() => {
              server.close()
              server.closeAllConnections()
            })
        )
        const { port } = server.address() as AddressInfo
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
        yield* Effect.forEach(
          Array.from({ length: count }, (_, index) => index),
          (index) => addWebhook(hookline, { url: `http://127.0.0.1:${port}/${index}`, events: ["project.created"] }),
          { concurrency: 16, discard: true }
        )
        yield* publish(hookline, "evt_1", "project.created")
        yield* publish(hookline, "evt_2", "task.created")
        yield* eventually("all of them", () => seen.size === count, 30_000)
        yield* publish(hookline, "evt_3", "project.created")
        yield* eventually("all of them again", () => Array.from(seen.values()).every((times) => times === 2), 30_000)
        expect(seen.size).toBe(count)
      }),
    90_000
  )
})

describe("an endpoint that is dead", () => {
  it.scopedLive(
    "or drips a byte a while delays nobody: the endpoint beside it gets each event within a second",
    () =>
      Effect.gen(function*() {
        const dripping = new Set<ServerResponse>()
        const hanging = yield* receiver(() => {}, { keepArrivals: false })
        const drips = yield* receiver((response) => {
          response.writeHead(200)
          dripping.add(response)
          response.on("close", () => dripping.delete(response))
        }, { keepArrivals: false })
        yield* Effect.sync(() => dripping.forEach((response) => response.write("."))).pipe(
          Effect.delay("200 millis"),
          Effect.forever,
          Effect.forkScoped
        )
        const healthy = yield* receiver(undefined, { keepArrivals: false })
        const hookline = yield* product({
          env: { HOOKLINE_SYNC: "2m", HOOKLINE_TIMEOUT: "4s", HOOKLINE_RETRY_SCHEDULE: "0s,1h" }
        })
        // The dead ones come first in everything: the same workspace, older ids, a backlog before the other is there.
        const dead = yield* Effect.forEach(
          Array.from({ length: 30 }, (_, index) => index),
          (index) => addWebhook(hookline, { url: `${(index % 3 === 0 ? drips : hanging).url}/${index}` })
        )
        const client = yield* natsClient(hookline.natsUrl())
        yield* publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_b", count: 300 })
        yield* eventually("both kinds to be at work", () => hanging.open() > 0 && drips.open() > 0)
        yield* addWebhook(hookline, { url: healthy.url })
        const latencies: Array<number> = []
        for (let n = 0; n < 60; n++) {
          const from = yield* Clock.currentTimeMillis
          yield* publish(hookline, `evt_${n}`)
          yield* eventually("the delivery", () => healthy.seen.get(`evt_${n}`) === 1, 10_000)
          latencies.push((yield* Clock.currentTimeMillis) - from)
        }
        // A load, too, is not held up.
        const from = yield* Clock.currentTimeMillis
        yield* publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_load", count: 500 })
        // Of the backlog, too, it gets what is matched after it was made.
        const ofLoad = () => Array.from(healthy.seen.keys()).filter((id) => id.startsWith("evt_load")).length
        yield* eventually("the load", () => ofLoad() === 500, 20_000)
        const load = (yield* Clock.currentTimeMillis) - from
        latencies.sort((a, b) => a - b)
        expect(latencies.at(-3)).toBeLessThan(1_000)
        expect(load).toBeLessThan(15_000)
        // The others' attempts end at the deadline, as what they are.
        for (const { id } of [dead[0]!, dead[1]!]) {
          // The deliveries of the newest events come first, and wait for a lane: the webhook's health knows the last attempt.
          const health = Effect.map(hookline.api("GET", `/v1/webhooks/${id}/health`), ({ body }) =>
            String(body?.last_error))
          yield* until("a timeout", health, (error) =>
            error.startsWith("not finished within 4 s"))
        }
      }),
    90_000
  )
})
