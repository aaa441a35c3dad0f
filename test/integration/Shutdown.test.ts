import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { existsSync, readFileSync } from "node:fs"
import type { ServerResponse } from "node:http"
import { join } from "node:path"
import { eventually, TestBroker } from "../support/broker.ts"
import { externalProduct } from "../support/external.ts"
import { isDead, procStat } from "../support/procStat.ts"
import { type Product, product } from "../support/product.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, deliveries, never, publish, until, untilDelivery } from "../support/until.ts"

describe("Ctrl-C", () => {
  it.scopedLive(
    "under load ends within 10 s with 0; nothing is lost and nothing is repeated",
    () =>
      Effect.gen(function*() {
        const events = 5_000
        const first = yield* receiver(undefined, { keepArrivals: false })
        const second = yield* receiver(undefined, { keepArrivals: false })
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
        yield* addWebhook(hookline, { url: first.url })
        yield* addWebhook(hookline, { url: second.url, concurrency: 4 })
        const client = yield* natsClient(hookline.natsUrl())
        const publishing = yield* Effect.fork(
          publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_", count: events, width: 200 })
        )
        yield* eventually("a part of the load", () => first.seen.size > events / 5)
        const [took, code] = yield* stopped(hookline, "SIGINT")
        expect(code).toBe(0)
        expect(took).toBeLessThan(10_000)
        const atStop = first.seen.size
        expect(atStop).toBeLessThan(events)
        yield* hookline.start
        yield* Fiber.join(publishing)
        yield* eventually("everything", () => first.seen.size === events && second.seen.size === events, 60_000)
        for (const { seen } of [first, second]) {
          expect(Array.from(seen).filter(([, count]) => count > 1)).toEqual([])
        }
      }),
    120_000
  )

  it.scopedLive(
    "gives what is in flight 8 s, holds what does not end by then without charging it, and delivers it after the next start",
    () =>
      Effect.gen(function*() {
        const hanging: Array<ServerResponse> = []
        let answers = false
        const endpoint = yield* receiver((response) => answers ? response.end() : hanging.push(response))
        const hookline = yield* product()
        const { id } = yield* addWebhook(hookline, { url: endpoint.url })
        yield* publish(hookline, "evt_ends")
        yield* publish(hookline, "evt_hangs")
        yield* eventually("two in flight", () => hanging.length === 2)
        const stopping = yield* Effect.fork(stopped(hookline, "SIGINT"))
        // The API closes first: then the drain has begun.
        const { url } = JSON.parse(readFileSync(join(hookline.data, "server.json"), "utf8"))
        const isUp = Effect.promise(() => fetch(`${url}/healthz`).then(() => true, () => false))
        yield* until("the API to be closed", isUp, (up) => !up, 3_000)
        // Heard already: it neither ends at once nor begins anew.
        hookline.signal("SIGINT")
        hookline.signal("SIGTERM")
        yield* never("an end before what is in flight has ended", () => !alive(hookline.pid()), 500)
        const ends = endpoint.arrivals.findIndex(({ id }) => id === "evt_ends")
        hanging[ends]?.end()
        const [took, code] = yield* Fiber.join(stopping)
        expect(code).toBe(0)
        expect(took).toBeLessThan(10_500)
        answers = true
        yield* hookline.start
        expect(yield* untilDelivery(hookline, id, "evt_hangs", "succeeded")).toMatchObject({ attempts: 1 })
        expect((yield* deliveries(hookline, id)).get("evt_ends")).toMatchObject({ status: "succeeded", attempts: 1 })
        expect(endpoint.seen.get("evt_ends")).toBe(1)
        expect(endpoint.seen.get("evt_hangs")).toBe(2)
      }),
    60_000
  )

  it.scopedLive(
    "ends within 10 s though the broker is gone or frozen, and nothing is lost",
    () =>
      Effect.gen(function*() {
        const broker = yield* TestBroker
        const endpoint = yield* receiver()
        const hookline = yield* externalProduct()
        const { id } = yield* addWebhook(hookline, { url: endpoint.url })
        for (
          const [index, away, back] of [[1, broker.kill, broker.restart], [2, broker.freeze, broker.thaw]] as const
        ) {
          yield* publish(hookline, `evt_${index}`)
          yield* untilDelivery(hookline, id, `evt_${index}`, "succeeded")
          yield* away
          const [took, code] = yield* stopped(hookline, "SIGINT")
          expect([code, took < 10_500 || took]).toEqual([0, true])
          yield* back
          yield* hookline.start
        }
        yield* publish(hookline, "evt_last")
        yield* untilDelivery(hookline, id, "evt_last", "succeeded")
        expect(Array.from(endpoint.seen)).toEqual([["evt_1", 1], ["evt_2", 1], ["evt_last", 1]])
      }).pipe(Effect.provide(TestBroker.layer())),
    60_000
  )

  it.scopedLive("twice at once is heard once, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const hookline = yield* product()
      const pids = processes(hookline.data, hookline.pid())
      expect(pids.length).toBe(3)
      hookline.signal("SIGINT")
      hookline.signal("SIGINT")
      expect(yield* hookline.ended).toBe(0)
      expect(pids.filter(alive)).toEqual([])
      expect(existsSync(join(hookline.data, "server.json"))).toBe(false)
    }))
})

describe("kill -9", () => {
  it.scopedLive(
    "of one whose attempts hang, and wait for a retry: both come after the next start, and nothing was charged twice",
    () =>
      Effect.gen(function*() {
        let answers = false
        const hanging = yield* receiver((response) => answers && response.end())
        const failing = yield* receiver((response, { count }) => {
          response.statusCode = count === 1 ? 500 : 200
          response.end()
        })
        const hookline = yield* product({ env: { HOOKLINE_RETRY_SCHEDULE: "0s,6s,12s" } })
        const hangs = yield* addWebhook(hookline, { url: hanging.url })
        const fails = yield* addWebhook(hookline, { url: failing.url })
        yield* publish(hookline, "evt_1")
        yield* untilDelivery(hookline, fails.id, "evt_1", "retrying")
        // In flight for 2 s: its event is let go with a record, long before the other's retry.
        const held = yield* untilDelivery(hookline, hangs.id, "evt_1", "held")
        expect(held).toMatchObject({ attempts: 0, held_reason: "in_flight" })
        yield* hookline.kill
        answers = true
        yield* hookline.start
        expect(yield* untilDelivery(hookline, hangs.id, "evt_1", "succeeded")).toMatchObject({ attempts: 1 })
        expect(yield* untilDelivery(hookline, fails.id, "evt_1", "succeeded")).toMatchObject({ attempts: 2 })
        expect([hanging.arrivals.length, failing.arrivals.length]).toEqual([2, 2])
      }),
    60_000
  )

  it.scopedLive("leaves no process behind, and the same port is free for the next start", () =>
    Effect.gen(function*() {
      const hookline = yield* product()
      const pids = processes(hookline.data, hookline.pid())
      expect(pids.every(alive)).toBe(true)
      yield* hookline.kill
      yield* eventually("broker and guard to end", () => !pids.some(alive), 8_000)
      yield* hookline.start
    }))
})

/** hookline, its broker, and the guard between them. */
const processes = (data: string, hookline: number): ReadonlyArray<number> => {
  const broker = Number(readFileSync(join(data, "nats.pid"), "utf8"))
  const [, , , guard] = procStat(broker).split(" ")
  return [hookline, broker, Number(guard)]
}

const alive = (pid: number): boolean => !isDead(pid)

const stopped = (
  hookline: Product,
  name: NodeJS.Signals
) =>
  Effect.gen(function*() {
    const from = yield* Clock.currentTimeMillis
    hookline.signal(name)
    yield* eventually("its end", () => !alive(hookline.pid()))
    const took = (yield* Clock.currentTimeMillis) - from
    return [took, yield* hookline.ended] as const
  })
