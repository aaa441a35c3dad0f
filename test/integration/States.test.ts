import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHmac } from "node:crypto"
import { Webhook } from "standardwebhooks"
import { eventually } from "../support/broker.ts"
import { product } from "../support/product.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { type Receiver, receiver } from "../support/receiver.ts"
import { addWebhook, deliveries, never, publish, until, untilDelivery } from "../support/until.ts"

/** A second attempt two seconds after the first. */
const env = { HOOKLINE_SYNC: "2m", HOOKLINE_RETRY_SCHEDULE: "0s,2s,4s" }

/** Answers 500 the first time it gets an event, 200 from then on. */
const failsOnce = Effect.gen(function*() {
  const seen = new Set<string>()
  return yield* receiver((response, { id }) => {
    response.statusCode = seen.has(id) ? 200 : 500
    seen.add(id)
    response.end()
  })
})

const requests = (endpoint: Receiver, id: string) => endpoint.seen.get(id) ?? 0

describe("what happens to deliveries that wait", () => {
  it.scopedLive("paused: held, over a restart too, and used up no attempt; resumed: they flow", () =>
    Effect.gen(function*() {
      const endpoint = yield* failsOnce
      const hookline = yield* product({ env })
      const { id } = yield* addWebhook(hookline, { url: endpoint.url })
      const act = (what: string) => hookline.api("POST", `/v1/webhooks/${id}/${what}`)
      yield* publish(hookline, "evt_waits")
      yield* untilDelivery(hookline, id, "evt_waits", "retrying")
      expect((yield* act("pause")).body.state).toBe("paused")
      expect((yield* act("pause")).status).toBe(200)
      yield* publish(hookline, "evt_new")
      for (const event of ["evt_waits", "evt_new"]) {
        const held = yield* untilDelivery(hookline, id, event, "held")
        expect(held).toMatchObject({ held_reason: "paused", attempts: event === "evt_new" ? 0 : 1 })
      }
      hookline.signal("SIGTERM")
      expect(yield* hookline.ended).toBe(0)
      yield* hookline.start
      yield* publish(hookline, "evt_later")
      yield* untilDelivery(hookline, id, "evt_later", "held")
      expect([requests(endpoint, "evt_waits"), endpoint.seen.size]).toEqual([1, 1])
      expect((yield* act("resume")).body.state).toBe("enabled")
      for (const event of ["evt_waits", "evt_new", "evt_later"]) {
        expect(yield* untilDelivery(hookline, id, event, "succeeded")).toMatchObject({ attempts: 2 })
      }
    }))

  it.scopedLive("disabled: suppressed when due, new ones at once; enabled: they stay so, and the next is delivered", () =>
    Effect.gen(function*() {
      const endpoint = yield* failsOnce
      const hookline = yield* product({ env })
      const { id } = yield* addWebhook(hookline, { url: endpoint.url })
      const act = (what: string, body?: object) => hookline.api("POST", `/v1/webhooks/${id}/${what}`, body)
      yield* publish(hookline, "evt_waits")
      yield* untilDelivery(hookline, id, "evt_waits", "retrying")
      expect((yield* act("disable", { reason: "moving" })).body).toMatchObject({
        state: "disabled",
        disabled_reason: "moving"
      })
      yield* publish(hookline, "evt_new")
      yield* untilDelivery(hookline, id, "evt_new", "suppressed")
      expect((yield* deliveries(hookline, id)).get("evt_waits"), "it is not due yet").toMatchObject({
        status: "retrying"
      })
      expect(yield* untilDelivery(hookline, id, "evt_waits", "suppressed")).toMatchObject({ attempts: 1 })
      expect((yield* act("pause")).status).toBe(409)
      expect((yield* act("enable")).body.state).toBe("enabled")
      yield* publish(hookline, "evt_next")
      yield* untilDelivery(hookline, id, "evt_next", "succeeded")
      expect(Array.from(endpoint.seen)).toEqual([["evt_waits", 1], ["evt_next", 2]])
    }))

  it.scopedLive("deleted: cancelled, now and after a restart; a webhook beside it goes on", () =>
    Effect.gen(function*() {
      const [endpoint, beside] = [yield* failsOnce, yield* failsOnce]
      const hookline = yield* product({ env })
      const { id } = yield* addWebhook(hookline, { url: endpoint.url })
      const other = yield* addWebhook(hookline, { url: beside.url })
      yield* publish(hookline, "evt_waits")
      yield* untilDelivery(hookline, id, "evt_waits", "retrying")
      expect((yield* hookline.api("DELETE", `/v1/webhooks/${id}`)).status).toBe(204)
      expect((yield* hookline.api("GET", `/v1/webhooks/${id}`)).status).toBe(404)
      expect((yield* hookline.api("DELETE", `/v1/webhooks/${id}`)).status).toBe(404)
      yield* untilDelivery(hookline, id, "evt_waits", "cancelled")
      yield* publish(hookline, "evt_new")
      yield* hookline.kill
      yield* hookline.start
      for (const event of ["evt_waits", "evt_new"]) yield* untilDelivery(hookline, other.id, event, "succeeded")
      yield* publish(hookline, "evt_later")
      yield* untilDelivery(hookline, other.id, "evt_later", "succeeded")
      expect(Array.from(endpoint.seen)).toEqual([["evt_waits", 1]])
    }))

  it.scopedLive("changed: the attempt goes where the webhook points then; its types hold for later events", () =>
    Effect.gen(function*() {
      const [before, after] = [yield* failsOnce, yield* receiver()]
      const hookline = yield* product({ env })
      const { id } = yield* addWebhook(hookline, { url: before.url, headers: { "x-team": "one" } })
      yield* publish(hookline, "evt_waits")
      yield* untilDelivery(hookline, id, "evt_waits", "retrying")
      const change = { url: after.url, events: ["project.*"], headers: { "x-team": "two" } }
      expect((yield* hookline.api("PATCH", `/v1/webhooks/${id}`, change)).status).toBe(200)
      yield* publish(hookline, "evt_other")
      yield* publish(hookline, "evt_wanted", "project.created")
      yield* untilDelivery(hookline, id, "evt_wanted", "succeeded")
      expect(yield* untilDelivery(hookline, id, "evt_waits", "succeeded")).toMatchObject({ attempts: 2 })
      expect([before.arrivals[0]?.headers["x-team"], after.arrivals[0]?.headers["x-team"]]).toEqual(["one", "two"])
      expect(Array.from(before.seen)).toEqual([["evt_waits", 1]])
      expect(Array.from(after.seen).sort()).toEqual([["evt_waits", 1], ["evt_wanted", 1]])
      expect(after.arrivals.find(({ id }) => id === "evt_waits")?.body).toEqual(before.arrivals[0]?.body)
    }))

  it.scopedLive("its secret rotated: both signatures until the overlap ends, the platform's own on the former", () =>
    Effect.gen(function*() {
      const endpoint = yield* failsOnce
      const hookline = yield* product({ env })
      const { id, secret: former } = yield* addWebhook(hookline, { url: endpoint.url })
      yield* publish(hookline, "evt_1")
      yield* untilDelivery(hookline, id, "evt_1", "retrying")
      const rotated = yield* hookline.api("POST", `/v1/webhooks/${id}/rotate-secret`)
      const current: string = rotated.body.secret
      expect(current).not.toBe(former)
      yield* untilDelivery(hookline, id, "evt_1", "succeeded")
      expect((yield* hookline.api("POST", `/v1/webhooks/${id}/end-overlap`)).status).toBe(200)
      yield* publish(hookline, "evt_2")
      yield* eventually("three requests", () => endpoint.arrivals.length === 3)
      const checks = endpoint.arrivals.map(({ body, headers }) => {
        const accepts = (secret: string) => {
          try {
            new Webhook(secret).verify(body.toString(), headers as Record<string, string>)
            return true
          } catch {
            return false
          }
        }
        const hex = (secret: string) =>
          createHmac("sha256", secret).update(body).digest("hex") === headers["x-webhook-signature"]
        return [accepts(former), accepts(current), hex(former), hex(current)]
      })
      expect(checks).toEqual([
        [true, false, true, false],
        [true, true, true, false],
        [false, true, false, true]
      ])
    }))

  it.scopedLive("410 Gone: the webhook is disabled with the reason, and its retry is suppressed", () =>
    Effect.gen(function*() {
      const endpoint = yield* receiver((response) => {
        response.statusCode = 410
        response.end()
      })
      const hookline = yield* product({ env })
      const { id } = yield* addWebhook(hookline, { url: endpoint.url })
      yield* publish(hookline, "evt_1")
      const gone = yield* until(
        "disabled",
        hookline.api("GET", `/v1/webhooks/${id}`),
        ({ body }) => body.state === "disabled"
      )
      expect(gone.body.disabled_reason).toContain("410")
      yield* publish(hookline, "evt_2")
      yield* untilDelivery(hookline, id, "evt_2", "suppressed")
      expect(yield* untilDelivery(hookline, id, "evt_1", "suppressed")).toMatchObject({ attempts: 1 })
      expect(endpoint.arrivals.length).toBe(1)
    }))

  it.scopedLive(
    "paused and resumed, disabled and enabled under a load: each event is delivered or suppressed, none is left",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver(undefined, { keepArrivals: false })
        const hookline = yield* product({ env })
        const { id } = yield* addWebhook(hookline, { url: endpoint.url, concurrency: 2 })
        const client = yield* natsClient(hookline.natsUrl())
        const act = (what: string) => hookline.api("POST", `/v1/webhooks/${id}/${what}`)
        yield* Effect.fork(
          publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_", count: 2_000, width: 20 })
        )
        for (let round = 0; round < 5; round++) {
          const from = endpoint.seen.size
          yield* eventually("some more", () => endpoint.seen.size > from + 50 || endpoint.seen.size === 2_000)
          for (const what of ["pause", "resume", "pause", "resume"]) expect((yield* act(what)).status).toBe(200)
        }
        yield* eventually("everything", () => endpoint.seen.size === 2_000)
        yield* act("disable")
        yield* publish(hookline, "evt_suppressed")
        yield* untilDelivery(hookline, id, "evt_suppressed", "suppressed")
        yield* act("enable")
        yield* publish(hookline, "evt_last")
        yield* untilDelivery(hookline, id, "evt_last", "succeeded")
        yield* never("a repeat", () => Array.from(endpoint.seen.values()).some((count) => count > 1), 200)
        expect(endpoint.seen.size).toBe(2_001)
      }),
    60_000
  )
})
