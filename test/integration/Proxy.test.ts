import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { forwardProxy } from "../support/forwardProxy.ts"
import { lastingPort } from "../support/port.ts"
import { product } from "../support/product.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, deliveries, publish, until, untilDelivery } from "../support/until.ts"

it.scopedLive(
  "what a proxy that is gone holds is charged to nobody, is said in the log, and is delivered once the proxy is there",
  () =>
    Effect.gen(function*() {
      const port = yield* lastingPort
      const endpoint = yield* receiver()
      const hookline = yield* product({ env: { HOOKLINE_PROXY: `http://user:canary7@127.0.0.1:${port}` } })
      const { id } = yield* addWebhook(hookline, { url: endpoint.url })
      yield* publish(hookline, "evt_1")
      const held = yield* untilDelivery(hookline, id, "evt_1", "held")
      expect(held).toMatchObject({ attempts: 0, held_reason: "local" })
      const test = yield* hookline.api("POST", `/v1/webhooks/${id}/test`, { event: "task.created" })
      expect([test.status, JSON.stringify(test.body)]).toEqual([503, expect.stringContaining("forward proxy")])
      yield* until(
        "the log says so",
        Effect.sync(() => hookline.output()),
        (output) =>
          output.includes("held by a fault on our side: the connection to the forward proxy failed (ECONNREFUSED)")
      )
      expect(endpoint.arrivals).toEqual([])

      const proxy = yield* forwardProxy({ port, login: "user:canary7" })
      hookline.signal("SIGTERM")
      yield* hookline.ended
      const before = hookline.output()
      yield* hookline.start
      yield* untilDelivery(hookline, id, "evt_1", "succeeded", 100_000)
      expect((yield* deliveries(hookline, id)).get("evt_1")).toMatchObject({ attempts: 1 })
      expect(proxy.asked).toEqual([new URL(endpoint.url).host])
      expect(before + hookline.output()).not.toContain("canary7")
    }),
  150_000
)
