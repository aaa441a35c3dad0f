import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHmac } from "node:crypto"
import { Webhook } from "standardwebhooks"
import { Webhook as SvixWebhook } from "svix"
import { eventually } from "../support/broker.ts"
import { product } from "../support/product.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"

const created = (
  answer: { readonly status: number; readonly body: { readonly id: string; readonly secret: string } }
) => {
  expect(answer.status).toBe(201)
  return answer.body
}

describe("a started hookline", () => {
  it.scopedLive("delivers what an ordinary NATS client publishes, signed twice", () =>
    Effect.gen(function*() {
      const endpoint = yield* receiver()
      const hookline = yield* product()
      const { id: webhookId, secret } = created(
        yield* hookline.api("POST", "/v1/webhooks", { url: endpoint.url, events: ["project.*"] })
      )
      const client = yield* natsClient(hookline.natsUrl())
      client.publish("events.ws_1.project.created", `{"data": {"n" : 1.0, "big":12345678901234567890}}`)
      client.publish("events.ws_1.task.created", `{"data":{}}`)
      client.publish("events.ws_2.project.created", `{"data":{}}`)
      yield* eventually("one delivery", () => endpoint.arrivals.length === 1)

      const { body, headers, id } = endpoint.arrivals[0]!
      expect(body.toString()).toMatch(
        /^\{"id":"evt_[0-9a-f]{32}","event":"project\.created","timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ","workspace_id":"ws_1","data":\{"n" : 1\.0, "big":12345678901234567890\}\}$/
      )
      expect(headers["content-type"]).toBe("application/json")
      expect(headers["user-agent"]).toMatch(/^CraftDesk-Webhooks\//)
      expect(headers["x-webhook-signature"]).toBe(createHmac("sha256", secret).update(body).digest("hex"))
      const signed = headers as Record<string, string>
      expect(new Webhook(secret).verify(body.toString(), signed)).toMatchObject({ id })
      expect(() => new SvixWebhook(secret).verify(body.toString(), signed)).not.toThrow()
      expect(() => new SvixWebhook(secret).verify(`${body} `, signed)).toThrow()

      const listed = yield* Effect.suspend(() => hookline.api("GET", `/v1/deliveries?webhook_id=${webhookId}`)).pipe(
        Effect.repeat({ until: ({ body }) => body.data.length === 1 && body.data[0].status === "succeeded" })
      )
      expect(listed.body.data[0]).toMatchObject({ event_id: id, attempts: 1, last_status: 200 })
      expect(endpoint.arrivals.length).toBe(1)
    }))

  it.scopedLive(
    "never misses an event published right after its webhook was created, 1,000 times in a row",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver()
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
        for (let round = 0; round < 1_000; round++) {
          const workspace = `ws_${round}`
          created(
            yield* hookline.api("POST", "/v1/webhooks", { url: endpoint.url, events: ["task.created"] }, workspace)
          )
          const answer = yield* hookline.api("POST", "/v1/events", {
            id: `evt_${round}`,
            event: "task.created",
            data: {}
          }, workspace)
          expect(answer.status).toBe(202)
        }
        yield* eventually("1,000 deliveries", () => endpoint.seen.size === 1_000)
      }),
    120_000
  )

  it.scopedLive("keeps everything over a restart and refuses a second start on its data directory", () =>
    Effect.gen(function*() {
      const endpoint = yield* receiver()
      const hookline = yield* product()
      created(yield* hookline.api("POST", "/v1/webhooks", { url: endpoint.url, events: ["*"] }))
      const second = yield* product({ idle: true, data: hookline.data })
      expect(String(yield* Effect.flip(Effect.sandbox(second.start)))).toMatch(/in use|already/)
      hookline.signal("SIGTERM")
      expect(yield* hookline.ended).toBe(0)
      yield* hookline.start
      const client = yield* natsClient(hookline.natsUrl())
      const [id] = yield* publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_", count: 1 })
      yield* eventually("the delivery", () => endpoint.seen.get(id!) === 1)
    }))
})
