/** What a person sees of deliveries, events and webhooks, over HTTP, of a started product. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Answer, product } from "../support/product.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, publish, until, untilDelivery } from "../support/until.ts"

const get = (hookline: Effect.Effect.Success<ReturnType<typeof product>>, path: string, workspace?: string) =>
  hookline.api("GET", path, undefined, workspace)

describe("watching", () => {
  it.scopedLive(
    "one event from publishing to its last attempt, and why each webhook got it or not",
    () =>
      Effect.gen(function*() {
        const well = yield* receiver()
        const ill = yield* receiver((response) =>
          void response.writeHead(503, { "x-reason": "down", "set-cookie": "a=b" }).end("<b>later</b>")
        )
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m", HOOKLINE_RETRY_SCHEDULE: "0s,1s,24h" } })
        const ok = yield* addWebhook(hookline, { url: well.url })
        const failing = yield* addWebhook(hookline, { url: ill.url, events: ["task.created"] })
        const other = yield* addWebhook(hookline, { url: well.url, events: ["project.*"] })
        const paused = yield* addWebhook(hookline, { url: well.url })
        const disabled = yield* addWebhook(hookline, { url: well.url })
        const gone = yield* addWebhook(hookline, { url: well.url })
        yield* hookline.api("POST", `/v1/webhooks/${paused.id}/pause`)
        yield* hookline.api("POST", `/v1/webhooks/${disabled.id}/disable`, {})
        yield* hookline.api("DELETE", `/v1/webhooks/${gone.id}`)
        yield* publish(hookline, "evt_1")
        yield* untilDelivery(hookline, ok.id, "evt_1", "succeeded")
        const late = yield* addWebhook(hookline, { url: well.url })
        // Its id was taken two minutes ago at most: over NATS the broker would know it.
        yield* hookline.api("POST", "/v1/events", { id: "evt_none", event: "member.joined", data: {} }, "ws_2")

        const list = yield* until(
          "two attempts of the failing one",
          get(hookline, `/v1/deliveries?webhook_id=${failing.id}`),
          ({ body }) => body.data[0]?.attempts === 2
        )
        const [delivery] = list.body.data
        expect(delivery).toMatchObject({ status: "retrying", last_status: 503, event_id: "evt_1" })
        const shown = (yield* get(hookline, `/v1/deliveries/${delivery.id}`)).body
        expect(shown.body).toBe(ill.arrivals[0]?.body.toString())
        expect(shown.attempt_list).toHaveLength(2)
        expect(shown.attempt_list[0]).toMatchObject({
          attempt: 1,
          round: 1,
          class: "status",
          status: 503,
          error: "the endpoint answered 503",
          response: "<b>later</b>",
          address: "127.0.0.1",
          next_attempt_at: expect.any(String)
        })
        expect(shown.attempt_list[0].headers).toMatchObject({ "x-reason": "down" })
        expect(shown.attempt_list[0].headers).not.toHaveProperty("set-cookie")

        const event = (yield* get(hookline, "/v1/events/evt_1")).body
        expect(event).toMatchObject({
          id: "evt_1",
          outcome: "event",
          deliveries: { succeeded: 1, retrying: 1, held: 1, suppressed: 1, failed: 0, cancelled: 0 },
          body: well.arrivals[0]?.body.toString()
        })
        expect(event.delivery_list).toHaveLength(4)
        const explained = (yield* get(hookline, "/v1/events/evt_1/explain")).body
        const reasons = Object.fromEntries(
          explained.webhooks.map((one: { webhook_id: string; reason: string; delivery: { status: string } | null }) => [
            one.webhook_id,
            [one.reason, one.delivery?.status]
          ])
        )
        expect(reasons).toEqual({
          [ok.id]: ["matched", "succeeded"],
          [failing.id]: ["matched", "retrying"],
          [other.id]: ["not_subscribed", undefined],
          [paused.id]: ["paused", "held"],
          [disabled.id]: ["disabled", "suppressed"],
          [gone.id]: ["deleted", undefined],
          [late.id]: ["created_later", undefined]
        })
        const nobody = yield* until(
          "the event that matched nobody",
          get(hookline, "/v1/events/evt_none/explain", "ws_2"),
          ({ status }) => status === 200
        )
        expect(nobody.body).toMatchObject({ event: { deliveries: { succeeded: 0 } }, webhooks: [] })
        for (const path of ["/v1/events/evt_1", "/v1/events/evt_1/explain", `/v1/deliveries/${delivery.id}`]) {
          expect((yield* get(hookline, path, "ws_2")).status, path).toBe(404)
        }
        expect((yield* hookline.api("POST", `/v1/deliveries/${delivery.id}/retry`, undefined, "ws_2")).status).toBe(404)
        expect((yield* get(hookline, "/v1/events", "ws_2")).body.data).toHaveLength(1)

        // Of hookline's own events only the body says which webhook they tell of.
        const told = yield* addWebhook(hookline, { url: well.url, events: ["webhook.*"] }, "ws_3")
        const about = yield* addWebhook(hookline, { url: well.url, events: ["webhook.*"] }, "ws_3")
        yield* hookline.api("POST", `/v1/webhooks/${about.id}/disable`, {}, "ws_3")
        const { body: notices } = yield* until(
          "the notice and its delivery",
          get(hookline, "/v1/events?event_type=webhook.disabled", "ws_3"),
          ({ body }) => body.data?.[0]?.deliveries.succeeded === 1
        )
        const notice = (yield* get(hookline, `/v1/events/${notices.data[0].id}/explain`, "ws_3")).body
        expect(notice.webhooks.map((one: { webhook_id: string; reason: string }) => [one.webhook_id, one.reason]))
          .toEqual([[told.id, "matched"], [about.id, "own_notice"]])

        const health = (yield* get(hookline, `/v1/webhooks/${failing.id}/health`)).body
        expect(health).toMatchObject({
          succeeded: 0,
          failed: 2,
          success_rate: 0,
          recent: { attempts: 2, succeeded: 0 },
          last_error: "the endpoint answered 503",
          deliveries: { retrying: 1 }
        })
        expect(health.p50_ms).toBeGreaterThan(0)
        const stats = (yield* get(hookline, "/v1/stats?step=minute")).body
        const sum = (key: "succeeded" | "failed") =>
          stats.data.reduce((total: number, step: Record<string, number>) => total + (step[key] ?? 0), 0)
        expect([sum("succeeded"), sum("failed")]).toEqual([1, 2])
        expect((yield* get(hookline, "/v1/stats?from=2020-01-01&step=minute")).body.error.field).toBe("from")
        yield* until(
          "readyz to say that the history has read everything",
          get(hookline, "/readyz"),
          ({ body }) =>
            body.checks.some((check: { name: string; ok: boolean; detail: string }) =>
              check.name === "history" && check.ok && check.detail === "following, 0 messages behind"
            )
        )
      }),
    60_000
  )

  it.scopedLive(
    "pages and filters: each once, in order, while new ones arrive",
    () =>
      Effect.gen(function*() {
        const well = yield* receiver()
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m", HOOKLINE_RETRY_SCHEDULE: "0s" } })
        const ill = yield* receiver((response) => void response.writeHead(500).end())
        const one = yield* addWebhook(hookline, { url: well.url })
        const two = yield* addWebhook(hookline, { url: ill.url, events: ["task.*"] })
        const batch = (from: number, count: number) =>
          hookline.api(
            "POST",
            "/v1/events/batch",
            Array.from({ length: count }, (_, index) => ({
              id: `evt_${from + index}`,
              event: index % 2 === 0 ? "task.created" : "project.created",
              data: {}
            }))
          )
        yield* batch(0, 60)
        const settled = (path: string, count: number) =>
          until(path, get(hookline, `${path}&limit=100`), ({ body }) => body?.data?.length === count)
        yield* settled(`/v1/deliveries?webhook_id=${one.id}&status=succeeded`, 60)
        yield* settled(`/v1/deliveries?webhook_id=${two.id}&status=failed`, 30)
        expect((yield* settled("/v1/deliveries?status=failed", 30)).body.next).toBe(null)
        yield* settled("/v1/deliveries?event_type=project.created", 30)
        yield* settled(`/v1/deliveries?status=succeeded&event_type=task.created&webhook_id=${one.id}`, 30)
        yield* settled("/v1/deliveries?event_id=evt_4", 2)
        yield* settled("/v1/deliveries?event_type=no.such", 0)
        yield* settled(`/v1/deliveries?to=${new Date(Date.UTC(2020, 1)).toISOString()}`, 0)
        yield* settled(`/v1/deliveries?from=2020-01-01&event_id=evt_4`, 2)

        const seen: Array<string> = []
        let cursor: string | null = ""
        for (let page = 0; cursor !== null && page < 50; page++) {
          const { body }: Answer = yield* get(
            hookline,
            `/v1/deliveries?limit=7${cursor === "" ? "" : `&cursor=${cursor}`}`
          )
          seen.push(...body.data.map(({ id }: { id: string }) => id))
          cursor = body.next
          if (page === 3) yield* batch(100, 20)
        }
        expect(seen).toHaveLength(90)
        expect(new Set(seen).size).toBe(90)
        const { body: failed } = yield* get(hookline, `/v1/deliveries?status=failed&limit=1`)
        const id = failed.data[0].id
        expect((yield* hookline.api("POST", `/v1/deliveries/${id}/retry`)).status).toBe(202)
        yield* until("its second attempt", get(hookline, `/v1/deliveries/${id}`), ({ body }) => body.attempts === 2)
        yield* hookline.api("POST", `/v1/webhooks/${two.id}/disable`, {})
        const refused = yield* hookline.api("POST", `/v1/deliveries/${id}/retry`)
        expect([refused.status, refused.body.error.type]).toEqual([409, "webhook_disabled"])
        expect((yield* hookline.api("POST", "/v1/deliveries/dlv_0/retry")).status).toBe(404)
      }),
    60_000
  )
})
