import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { audited, hooklineCommand } from "../support/audit.ts"
import { eventually } from "../support/broker.ts"
import { type Product, product } from "../support/product.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, checkOf, publish, readyz, until, untilDelivery } from "../support/until.ts"

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

      // Over the API, by a process of its own.
      const overApi = yield* hookline.api("GET", "/v1/audit")
      expect([overApi.status, overApi.body.verdict]).toEqual([200, "proven"])
      // Notices may have been published meanwhile; nobody is subscribed to them.
      expect(overApi.body.counts.outcomes).toEqual(counts.outcomes)

      // With a file for its state, which is gone when it has ended.
      const file = join(hookline.data, "audit.state")
      expect((yield* audited(hookline, "--state", file)).report.counts.outcomes).toEqual(counts.outcomes)
      expect(existsSync(file)).toBe(false)

      // Everything that happened, in order; nothing of it comes of looking.
      const before = well.seen.size
      const secret = all.secret
      const { code: replayed, out } = yield* hooklineCommand(["replay", "--json", "--data-dir", hookline.data])
      const facts = out.trim().split("\n").map((line) => JSON.parse(line))
      expect(replayed).toBe(0)
      expect(facts.map(({ time }) => time)).toEqual(facts.map(({ time }) => time).toSorted())
      const of = (kind: string) => facts.filter((fact) => fact.kind === kind)
      expect(of("event").length).toBeGreaterThanOrEqual(counts.events)
      expect(of("webhook.created").length).toBe(8)
      expect(of("duplicate")).toMatchObject([{ workspace_id: "ws_1", event_id: "evt_a0" }])
      expect(of("quarantined").map(({ body }) => body.reason).toSorted()).toEqual(["bad_subject", "not_json"])
      expect(of("retried").length).toBe(1)
      expect(out).not.toContain(secret)
      const line = (...words: ReadonlyArray<string>) =>
        Effect.map(
          hooklineCommand(["replay", "--data-dir", hookline.data, ...words]),
          ({ out }) => out.trim().split("\n").filter((line) => line !== "")
        )
      expect((yield* line("--workspace", "ws_2", "--kind", "event")).length).toBe(5)
      expect((yield* line("--webhook", lost.id, "--kind", "failed")).length).toBe(2)
      expect((yield* line("--type", "project.created", "--kind", "event"))[0]).toMatch(
        /EVENTS\.\d+ +event +ws_1  project.created  evt_failed/
      )
      expect(yield* line("--to", "2020-01-01")).toEqual([])
      expect(well.seen.size).toBe(before)

      // As it was: before the webhook was deleted, and after.
      const at = (...words: ReadonlyArray<string>) =>
        hooklineCommand(["at", ...words, "--json", "--data-dir", hookline.data])
      const gone = of("webhook.deleted")[0]
      const then = new Date(Date.parse(gone.time) - 1).toISOString()
      expect(JSON.parse((yield* at(then, "webhook", deleted.id)).out)).toMatchObject({
        id: deleted.id,
        state: "enabled"
      })
      expect(JSON.parse((yield* at(gone.time, "webhook", deleted.id)).out)).toMatchObject({ state: "deleted" })
      expect(JSON.parse((yield* at("0s", "webhooks", "--workspace", "ws_2")).out).map(({ id }: { id: string }) => id))
        .toEqual([other.id])
      const first = of("failed").find(({ webhook_id }) => webhook_id === lost.id)
      const past = JSON.parse((yield* at(first.time, "delivery", first.delivery_id)).out)
      expect([past.state, past.attempts, past.round, past.records.length]).toEqual(["failed", 3, 1, 3])
      expect((yield* at("2020-01-01", "delivery", first.delivery_id)).code).toBe(1)

      // Sealed, and nobody else minds a seal: a start reads all of the stream.
      expect((yield* hooklineCommand(["audit", "seal", "--data-dir", hookline.data])).code).toBe(0)
      const sealed = yield* atRest(hookline)
      expect([sealed.report.verdict, sealed.report.findings]).toEqual(["proven", []])
      expect(sealed.report.sealed.seals).toBeGreaterThan(0)
      expect(sealed.report.sealed.checked).toBeGreaterThanOrEqual(counts.events)
      yield* hookline.kill
      yield* hookline.start
      yield* until("the history follows", readyz(hookline), (answer) =>
        checkOf(answer, "history")?.detail === "following, 0 messages behind")
      expect(hookline.output()).not.toMatch(/could not be read/)

      // Without hookline's broker it cannot be told.
      hookline.signal("SIGTERM")
      yield* hookline.ended
      const silent = yield* hooklineCommand(["audit", "verify", "--data-dir", hookline.data])
      expect([silent.code, silent.out]).toEqual([2, ""])
    }), 180_000)
})
