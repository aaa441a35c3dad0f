import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { eventually, TestBroker } from "../support/broker.ts"
import { externalProduct } from "../support/external.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, checkOf, never, publish, readyz, until, untilDelivery } from "../support/until.ts"

/** How long the first worker is frozen. By hand, for the full time: FREEZE_SECONDS=40. */
const freeze = Number(process.env["FREEZE_SECONDS"] ?? 12) * 1000

const total = (seen: ReadonlyMap<string, number>): number => Array.from(seen.values()).reduce((sum, n) => sum + n, 0)

const onBroker = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, TestBroker.layer())

const doing = (state: string) => (answer: Parameters<typeof checkOf>[0]) =>
  checkOf(answer, "worker")?.detail.includes(state) === true

describe("a second worker on the same broker", () => {
  it.scopedLive(
    "stands by and says so, serves the API, and works at most 10 s after the first was killed",
    () =>
      onBroker(Effect.gen(function*() {
        const endpoint = yield* receiver()
        const first = yield* externalProduct()
        const second = yield* externalProduct()
        yield* until("running", readyz(first), doing("running"))
        const standing = yield* until("standing by", readyz(second), doing("standing by"))
        expect(standing.status).toBe(200)
        const said = new RegExp(`process ${first.pid()} on .* holds it; standing by`)
        yield* eventually("the log to say so", () => said.test(second.output()))
        const { id } = yield* addWebhook(second, { url: endpoint.url })
        yield* publish(second, "evt_1")
        // By the first, and recorded: a kill before that may repeat it.
        yield* untilDelivery(second, id, "evt_1", "succeeded")
        yield* first.kill
        const from = yield* Clock.currentTimeMillis
        yield* publish(second, "evt_2")
        yield* eventually("a delivery by the second", () => endpoint.seen.has("evt_2"), 10_000)
        expect((yield* Clock.currentTimeMillis) - from).toBeLessThan(10_000)
        expect(doing("running")(yield* until("running", readyz(second), doing("running")))).toBe(true)
        expect(Array.from(endpoint.seen)).toEqual([["evt_1", 1], ["evt_2", 1]])

        // The other way round: given back, the lease passes at once.
        yield* first.start
        yield* until("standing by", readyz(first), doing("standing by"))
        second.signal("SIGTERM")
        expect(yield* second.ended).toBe(0)
        yield* publish(first, "evt_3")
        yield* eventually("a delivery by the first again", () => endpoint.seen.get("evt_3") === 1, 4_000)
      })),
    60_000
  )

  it.scopedLive(
    `takes over from one that is frozen for ${
      freeze / 1000
    } s, which repeats at most what it had in flight and stops itself`,
    () =>
      onBroker(Effect.gen(function*() {
        const events = 3_000
        const endpoint = yield* receiver(undefined, { keepArrivals: false })
        const first = yield* externalProduct()
        const second = yield* externalProduct()
        yield* addWebhook(first, { url: endpoint.url })
        const { url } = yield* TestBroker
        const client = yield* natsClient(url)
        const publishing = yield* Effect.fork(
          publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_", count: events })
        )
        yield* eventually("a part", () => endpoint.seen.size > 50)
        first.signal("SIGSTOP")
        const from = yield* Clock.currentTimeMillis
        const before = endpoint.seen.size
        expect(before, "frozen in the middle").toBeLessThan(events)
        yield* until("the second to run", readyz(second), doing("running"), 12_000)
        yield* Fiber.join(publishing)
        yield* eventually("everything", () => endpoint.seen.size === events)
        const left = freeze - ((yield* Clock.currentTimeMillis) - from)
        yield* never("the first to wake", () => false, Math.max(1, left))
        const asleep = total(endpoint.seen)
        first.signal("SIGCONT")
        yield* until("the first to stop itself", readyz(first), doing("standing by"))
        yield* eventually("the log to say so", () => first.output().includes("lease worker is lost"))
        yield* publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_more_", count: 200 })
        yield* eventually("200 more", () => endpoint.seen.size === events + 200)
        yield* never("anything more", () => total(endpoint.seen) > events + 200 + 16, 1_000)
        // Repeated by the second: what the first had in flight when it froze. By the first after it woke: nothing that was not in flight.
        expect(asleep - events).toBeLessThanOrEqual(16)
        expect(total(endpoint.seen) - events - 200).toBeLessThanOrEqual(16)
        expect(doing("running")(yield* readyz(second))).toBe(true)
      })),
    60_000 + freeze
  )
})
