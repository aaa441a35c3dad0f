import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { partitionOf } from "../../src/broker/Subjects.ts"
import { eventually } from "../support/broker.ts"
import { product } from "../support/product.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, checkOf, never, publish, readyz, until } from "../support/until.ts"

/** Two workspaces whose records lie in different streams. */
const workspaces = Array.from({ length: 50 }, (_, index) => `ws_${index}`)
const [one, other] = [0, 1].map((stream) => workspaces.find((name) => partitionOf(name, 16) % 2 === stream)!)

describe("while DELIVERIES is full", () => {
  const settings = { HOOKLINE_SYNC: "2m", HOOKLINE_DELIVERIES_STREAMS: "2", HOOKLINE_DELIVERIES_MAX_BYTES: "256K" }

  it.scopedLive(
    "nothing is attempted that could not be recorded, readyz says why, and all flows once there is room, each once",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver(undefined, { keepArrivals: false })
        const hookline = yield* product({ env: settings })
        for (const workspace of [one!, other!]) yield* addWebhook(hookline, { url: endpoint.url }, workspace)
        const client = yield* natsClient(hookline.natsUrl())
        // One by one: of a burst many would be held in one record, which is refused while a small one still fits.
        for (let n = 0; n < 400; n++) yield* publish(hookline, `evt_a${n}`, "task.created", one)
        const jsm = yield* Effect.promise(() => client.jetstreamManager())
        const records = Effect.promise(() => jsm.streams.info("DELIVERIES-0")).pipe(
          Effect.map(({ state }) => state.messages)
        )
        const full = yield* until(
          "not ready",
          readyz(hookline),
          (answer) => checkOf(answer, "stream DELIVERIES-0")?.ok === false
        )
        expect(full.status).toBe(503)
        const { body } = yield* until(
          "the worker to say so",
          readyz(hookline),
          (answer) => checkOf(answer, "worker")?.ok === false
        )
        expect(checkOf(full, "stream DELIVERIES-0")).toMatchObject({
          ok: false,
          detail: expect.stringContaining("full")
        })
        expect(JSON.stringify(body)).toMatch(/worker.*(full|maximum|exceeded|DELIVERIES)/)

        // What was in flight when the stream refused its first record is all that ran without one.
        yield* eventually("the attempts in flight to end", () => endpoint.open() === 0)
        const attempted = endpoint.seen.size
        expect(attempted).toBeLessThan(400)
        expect(attempted - (yield* records)).toBeLessThanOrEqual(16)
        for (let n = 0; n < 20; n++) yield* publish(hookline, `evt_b${n}`, "task.created", one)
        yield* never("an attempt without room for its record", () => endpoint.seen.size > attempted, 2_500)

        // An operator makes room.
        yield* Effect.promise(() => jsm.streams.update("DELIVERIES-0", { max_bytes: 16 * 1024 ** 2 }))
        yield* eventually("everything", () => endpoint.seen.size === 420, 30_000)
        expect(Array.from(endpoint.seen).filter(([, count]) => count > 1)).toEqual([])
        yield* until("ready", readyz(hookline), (answer) => checkOf(answer, "worker")?.ok === true)
      }),
    90_000
  )

  it.scopedLive(
    "another stream's traffic does not start attempts whose records have no room",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver(undefined, { keepArrivals: false })
        const busy = yield* receiver(undefined, { keepArrivals: false })
        const hookline = yield* product({ env: settings })
        // Many webhooks: a lane of each would be free.
        for (let n = 0; n < 20; n++) yield* addWebhook(hookline, { url: endpoint.url }, one)
        yield* addWebhook(hookline, { url: busy.url }, other)
        const client = yield* natsClient(hookline.natsUrl())
        const jsm = yield* Effect.promise(() => client.jetstreamManager())
        yield* publishMany(client, { workspace: one!, type: "task.created", prefix: "evt_a", count: 30, width: 4 })
        yield* until(
          "the worker to say so",
          readyz(hookline),
          (answer) => checkOf(answer, "worker")?.ok === false
        )
        let requests = 0
        const count = () => Array.from(endpoint.seen.values()).reduce((sum, one) => sum + one, 0)
        yield* eventually("the attempts in flight to end", () => endpoint.open() === 0)
        requests = count()
        yield* publishMany(client, { workspace: one!, type: "task.created", prefix: "evt_c", count: 20, width: 4 })
        yield* publishMany(client, { workspace: other!, type: "task.created", prefix: "evt_b", count: 100, width: 4 })
        yield* never("an attempt without room for its record", () => count() > requests, 2_500)
        yield* Effect.promise(() => jsm.streams.update("DELIVERIES-0", { max_bytes: 16 * 1024 ** 2 }))
        yield* eventually("everything", () => count() === 50 * 20 && busy.seen.size === 100, 30_000)
      }),
    90_000
  )

  it.scopedLive(
    "it stops within 10 s all the same, and goes on after a start with more room",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver(undefined, { keepArrivals: false })
        const hookline = yield* product({ env: settings })
        yield* addWebhook(hookline, { url: endpoint.url }, one)
        const client = yield* natsClient(hookline.natsUrl())
        yield* publishMany(client, { workspace: one!, type: "task.created", prefix: "evt_a", count: 400 })
        yield* until("the worker to say so", readyz(hookline), (answer) => checkOf(answer, "worker")?.ok === false)
        hookline.signal("SIGTERM")
        const code = yield* hookline.ended.pipe(Effect.timeoutOption("11 seconds"))
        expect(code).toMatchObject({ _tag: "Some", value: 0 })
        const roomier = yield* product({
          data: hookline.data,
          env: { ...settings, HOOKLINE_DELIVERIES_MAX_BYTES: "32M" }
        })
        yield* eventually("everything", () => endpoint.seen.size === 400, 30_000)
        const repeats = Array.from(endpoint.seen.values()).reduce((sum, count) => sum + count - 1, 0)
        expect(repeats).toBeLessThanOrEqual(16)
        yield* until("ready", readyz(roomier), ({ status }) => status === 200)
      }),
    90_000
  )
})

describe("while EVENTS is full", () => {
  it.scopedLive(
    "publishers are refused over HTTP and NATS, what was accepted is delivered, and more room is used",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver(undefined, { keepArrivals: false })
        const settings = { HOOKLINE_SYNC: "2m", HOOKLINE_EVENTS_MAX_BYTES: "3M" }
        const hookline = yield* product({ env: settings })
        yield* addWebhook(hookline, { url: endpoint.url })
        const large = { event: "task.created", data: { text: "x".repeat(300_000) } }
        let accepted = 0
        const refused = yield* until(
          "the stream to be full",
          Effect.tap(
            Effect.suspend(() => hookline.api("POST", "/v1/events", { ...large, id: `evt_${accepted}` })),
            ({ status }) => Effect.sync(() => status === 202 && accepted++)
          ),
          ({ status }) => status !== 202
        )
        expect([refused.status, refused.body.error.type]).toEqual([503, "stream_full"])
        expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0)
        const client = yield* natsClient(hookline.natsUrl())
        const error = yield* Effect.flip(Effect.tryPromise(() =>
          client.jetstream().publish("events.ws_1.task.created", JSON.stringify({ data: large.data }))
        ))
        // What the client makes of "maximum bytes exceeded".
        expect(String(error.error)).toMatch(/503/)
        const full = yield* until("not ready", readyz(hookline), ({ status }) =>
          status === 503)
        expect(checkOf(full, "stream EVENTS")).toMatchObject({ ok: false, detail: expect.stringContaining("full") })
        yield* eventually("what was accepted", () => endpoint.seen.size === accepted)

        hookline.signal("SIGTERM")
        expect(yield* hookline.ended).toBe(0)
        const roomier = yield* product({ data: hookline.data, env: { ...settings, HOOKLINE_EVENTS_MAX_BYTES: "64M" } })
        expect((yield* readyz(roomier)).status).toBe(200)
        expect((yield* roomier.api("POST", "/v1/events", { ...large, id: "evt_more" })).status).toBe(202)
        yield* eventually("the next", () => endpoint.seen.get("evt_more") === 1)
        expect(endpoint.seen.size).toBe(accepted + 1)
      }),
    90_000
  )
})
