import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { delivery } from "../../src/Application.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { Config, type HooklineConfig } from "../../src/Config.ts"
import { makeLook } from "../../src/dispatch/Struggling.ts"
import { Worker } from "../../src/dispatch/Worker.ts"
import { History } from "../../src/ledger/History.ts"
import { bundled } from "../../src/model/Catalogue.ts"
import { Webhooks } from "../../src/registry/Webhooks.ts"
import { brokerLayer, eventually, TestBroker } from "../support/broker.ts"
import { type Receiver, receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import { addWebhook, publish, until } from "../support/worker.ts"

/** A worker with a history, and the look at its failing webhooks, which a test takes when it wants to. */
const started = Effect.gen(function*() {
  const { url } = yield* TestBroker
  const config = yield* Config
  const data = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-struggling-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }))
  )
  const history = History.layer(url).pipe(Layer.provide(Layer.succeed(Config, { ...config, data })))
  const context = yield* Layer.build(Layer.provideMerge(history, Layer.fresh(delivery(config, bundled))))
  const worker = Context.get(context, Worker)
  yield* until("the worker runs", Effect.sync(() => worker.status().state === "running"))
  return { webhooks: Context.get(context, Webhooks), newLook: Effect.provide(makeLook, context) }
})

const on = (settings: Partial<HooklineConfig>) => brokerLayer({ masterKeys, ...settings })

const told = (endpoint: Receiver) => endpoint.arrivals.map(({ body }) => JSON.parse(body.toString()))

/** An endpoint whose status can be set. */
const endpointWith = (first: number) =>
  Effect.gen(function*() {
    let status = first
    const endpoint = yield* receiver((response) => void response.writeHead(status).end())
    return { ...endpoint, answer: (next: number) => void (status = next) }
  })

const stored = Effect.gen(function*() {
  const streams = yield* Streams
  const { lastSequence } = yield* streams.state("EVENTS")
  let count = 0
  const filter = "ev.*.*.webhook.failing"
  yield* streams.scan({ stream: "EVENTS", filter, from: 1, to: lastSequence, onMessage: () => void count++ })
  return count
}).pipe(Effect.orDie)

describe("a webhook that fails most of the time", () => {
  it.scopedLive(
    "is told of once a day, whoever looks; one that recovers, or has too few attempts, is not",
    () =>
      Effect.gen(function*() {
        const [own, failing, recovering] = [yield* receiver(), yield* endpointWith(500), yield* endpointWith(500)]
        const { newLook, webhooks } = yield* started
        yield* addWebhook(webhooks, own.url, ["webhook.failing"])
        const bad = yield* addWebhook(webhooks, failing.url, ["task.*", "webhook.*"])
        yield* addWebhook(webhooks, recovering.url, ["project.*"])
        for (let number = 0; number < 19; number++) yield* publish("task.created", `evt_${number}`)
        yield* publish("project.created", "evt_p")
        yield* eventually("19 failures", () => failing.arrivals.length === 19 && recovering.arrivals.length === 1)
        const look = yield* newLook
        yield* until("the history", Effect.map(look, () => true))
        for (let times = 0; times < 20; times++) yield* look
        expect(yield* stored).toBe(0)

        yield* publish("task.created", "evt_20")
        yield* until("it to be told of", Effect.zipRight(look, Effect.sync(() => own.arrivals.length === 1)), 20_000)
        expect(told(own)[0]).toMatchObject({
          event: "webhook.failing",
          data: {
            webhook_id: bad.id,
            url_origin: new URL(failing.url).origin,
            attempts: 20,
            succeeded: 0,
            last_success_at: null,
            last_error: "the endpoint answered 500"
          }
        })
        // As after a restart: it is the same event.
        const again = yield* newLook
        for (let times = 0; times < 5; times++) yield* Effect.zipRight(look, again)
        expect(yield* stored).toBe(1)
        expect(failing.arrivals).toHaveLength(20)
      }).pipe(Effect.provide(on({ retrySchedule: [0] })), Effect.orDie),
    60_000
  )

  it.scopedLive(
    "is disabled when it had nothing but failures for long enough, which is announced; enabled again, it begins anew",
    () =>
      Effect.gen(function*() {
        const own = yield* receiver()
        const [failing, mixed] = [yield* endpointWith(500), yield* endpointWith(500)]
        const { newLook, webhooks } = yield* started
        yield* addWebhook(webhooks, own.url, ["webhook.disabled"])
        const bad = yield* addWebhook(webhooks, failing.url, ["task.*"])
        const good = yield* addWebhook(webhooks, mixed.url, ["project.*"])
        const look = yield* newLook
        const isDisabled = Effect.map(webhooks.get(bad.workspaceId, bad.id), ({ state }) => state === "disabled")
        const untilDisabled = until("it to be disabled", Effect.zipRight(look, isDisabled), 20_000)

        yield* publish("task.created", "evt_1")
        yield* publish("project.created", "evt_2")
        yield* eventually("a failure each", () => failing.arrivals.length === 1 && mixed.arrivals.length === 1)
        // One success between two failures.
        mixed.answer(200)
        yield* publish("project.created", "evt_3")
        yield* eventually("the success", () => mixed.arrivals.length === 2)
        mixed.answer(500)
        yield* eventually("the second attempts", () => failing.arrivals.length === 2 && mixed.arrivals.length === 3)
        yield* untilDisabled
        const { disabledReason } = yield* webhooks.get(bad.workspaceId, bad.id)
        expect(disabledReason).toMatch(/^nothing but failures since \d{4}-\d\d-\d\dT[\d:.]+Z$/)
        expect((yield* webhooks.get(good.workspaceId, good.id)).state).toBe("enabled")
        yield* eventually("its being announced", () => own.arrivals.length === 1)
        expect(told(own)[0]).toMatchObject({ data: { webhook_id: bad.id, reason: disabledReason } })

        yield* webhooks.enable(bad.workspaceId, bad.id)
        yield* publish("task.created", "evt_4")
        yield* eventually("its third attempt", () => failing.arrivals.length === 3)
        for (let times = 0; times < 20; times++) yield* look
        expect(yield* isDisabled).toBe(false)
        yield* untilDisabled
        expect(failing.arrivals).toHaveLength(4)
        yield* eventually("its being announced again", () => own.arrivals.length === 2)
      }).pipe(Effect.provide(on({ retrySchedule: [0, 2_000], disableAfter: 1_500 })), Effect.orDie),
    60_000
  )
})
