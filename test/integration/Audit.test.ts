import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { audited } from "../support/audit.ts"
import { eventually } from "../support/broker.ts"
import { type Product, product } from "../support/product.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, publish, until, untilDelivery } from "../support/until.ts"

const env = { HOOKLINE_SYNC: "2m", HOOKLINE_RETRY_SCHEDULE: "0s,1s,2s" }

/** Until nothing is open or about to be tried. */
const atRest = (hookline: Product) =>
  until(
    "nothing is open, due or ready",
    audited(hookline),
    ({ report: { counts: { live } } }) => live.open + live.due + live.ready === 0,
    60_000
  )

describe("hookline audit verify", () => {
  it.scopedLive("proves a history with everything in it", () =>
    Effect.gen(function*() {
      const well = yield* receiver()
      const failing = yield* receiver((response, { count }) => {
        response.statusCode = count % 3 === 0 ? 200 : 500
        response.end()
      })
      const never = yield* receiver((response) => {
        response.statusCode = 500
        response.end()
      })
      const hookline = yield* product({ env })
      const act = (id: string, what: string) => hookline.api("POST", `/v1/webhooks/${id}/${what}`)
      const all = yield* addWebhook(hookline, { url: well.url })
      yield* addWebhook(hookline, { url: failing.url, events: ["task.*"] })
      const lost = yield* addWebhook(hookline, { url: never.url, events: ["project.created"] })
      const paused = yield* addWebhook(hookline, { url: well.url })
      const disabled = yield* addWebhook(hookline, { url: well.url })
      const deleted = yield* addWebhook(hookline, { url: never.url })
      const other = yield* addWebhook(hookline, { url: well.url }, "ws_2")
      yield* act(paused.id, "pause")
      yield* act(disabled.id, "disable")
      const client = yield* natsClient(hookline.natsUrl())
      yield* publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_a", count: 50 })
      yield* publishMany(client, { workspace: "ws_2", type: "task.created", prefix: "evt_b", count: 5 })
      yield* publish(hookline, "evt_failed", "project.created")
      yield* untilDelivery(hookline, deleted.id, "evt_failed", "retrying")
      yield* hookline.api("DELETE", `/v1/webhooks/${deleted.id}`)
      // Published again with another header: the broker lets it pass, hookline does not.
      const js = client.jetstream()
      yield* Effect.promise(() => js.publish("events.ws_1.task.created", JSON.stringify({ id: "evt_a0", data: {} })))
      yield* Effect.promise(() => js.publish("events.ws_1.task.created", "no JSON"))
      yield* Effect.promise(() => js.publish("events.ws_1.wrong", "{}"))
      yield* untilDelivery(hookline, lost.id, "evt_failed", "failed", 30_000)
      const failed = yield* hookline.api("GET", `/v1/deliveries?webhook_id=${lost.id}`)
      yield* hookline.api("POST", `/v1/deliveries/${failed.body.data[0].id}/retry`)
      yield* until(
        "the second round has failed",
        hookline.api("GET", `/v1/deliveries?webhook_id=${lost.id}`),
        ({ body }) => body.data[0].status === "failed" && body.data[0].attempts === 6,
        30_000
      )
      yield* addWebhook(hookline, { url: well.url, events: ["task.updated"] })
      yield* hookline.kill
      yield* hookline.start
      yield* publish(hookline, "evt_after", "task.updated")
      yield* untilDelivery(hookline, all.id, "evt_after", "succeeded")
      yield* eventually("the other workspace's", () =>
        [...well.seen.keys()].filter((id) => id.startsWith("evt_b")).length === 5)
      const { code, report } = yield* atRest(hookline)
      expect(report.findings).toEqual([])
      expect(report.unknown).toEqual([])
      expect([code, report.verdict, report.worker_running]).toEqual([0, "proven", true])
      const { counts } = report
      expect(counts.duplicates).toBe(1)
      expect(counts.quarantined).toBe(2)
      expect(counts.live.held).toBeGreaterThanOrEqual(52)
      expect(counts.outcomes.suppressed).toBeGreaterThanOrEqual(52)
      expect(counts.outcomes.cancelled).toBeGreaterThan(0)
      expect(report.deliveries.some(({ state, webhook_id }) =>
        state === "cancelled" && webhook_id === deleted.id
      ))
        .toBe(true)
      expect(other.id).not.toBe(all.id)

      // Without hookline's process and broker it cannot be told.
      hookline.signal("SIGTERM")
      yield* hookline.ended
    }), 120_000)
})
