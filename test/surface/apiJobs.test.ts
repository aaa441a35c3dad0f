import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { EventId, WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import { apiLayer, ask, recorded } from "../support/api.ts"
import { delivery } from "../support/delivery.ts"

/** A webhook with an event of each kind of end: succeeded, failed, failed, suppressed, and one that waits. */
const prepared = (workspace: string) =>
  Effect.gen(function*() {
    const body = { url: "https://example.com/hook", events: ["*"] }
    const id = String((yield* ask("POST", "/v1/webhooks", { workspace, body })).json.id)
    const sequence = yield* Effect.forEach(
      ["succeeded", "failed", "failed", "suppressed", "due"] as const,
      (state, index) =>
        Effect.gen(function*() {
          const eventId = EventId.make(`evt_${index}`)
          yield* ask("POST", "/v1/events", { workspace, body: { id: eventId, event: "task.created", data: {} } })
          events++
          yield* recorded({
            kind: state === "due" ? "attempt_failed" : state,
            at: Date.UTC(2025, 2, 23),
            delivery: delivery({
              workspaceId: WorkspaceId.make(workspace),
              webhookId: WebhookId.make(id),
              eventId,
              eventSequence: events,
              state
            })
          })
          return events
        })
    )
    return { id, sequence }
  })
let events = 0

const recover = (id: string, body?: object, workspace = "ws_1") =>
  ask("POST", `/v1/webhooks/${id}/recover`, { workspace, ...(body === undefined ? {} : { body }) })

layer(apiLayer(), { excludeTestServices: true, timeout: 30_000 })("jobs over HTTP", (it) => {
  it.effect("a dry run counts, by what ended how and when it was published", () =>
    Effect.gen(function*() {
      const { id } = yield* prepared("ws_1")
      const { json, status } = yield* recover(id, { dry_run: true })
      expect([status, json.count]).toEqual([200, 2])
      expect(json.first).toEqual([expect.stringMatching(/^dlv_/), expect.stringMatching(/^dlv_/)])
      const count = (body: object) => Effect.map(recover(id, { ...body, dry_run: true }), ({ json }) => json.count)
      expect(yield* count({ only: "failed" })).toBe(2)
      expect(yield* count({ only: "suppressed" })).toBe(1)
      expect(yield* count({ only: "all" })).toBe(4)
      expect(yield* count({ only: "all", from: "2099-01-01" })).toBe(0)
      expect(yield* count({ only: "all", to: "2025-01-01T00:00:00Z" })).toBe(0)
      expect(yield* count({ only: "all", from: "2025-01-01", to: "2099-01-01" })).toBe(4)
      expect((yield* ask("GET", "/v1/jobs")).json).toEqual({ data: [], next: null })
    }))

  it.effect("is made, shown, listed newest first, and cancelled once and for all", () =>
    Effect.gen(function*() {
      const { id } = yield* prepared("ws_made")
      const made = yield* recover(id, undefined, "ws_made")
      expect([made.status, made.headers.get("location")]).toEqual([202, `/v1/jobs/${String(made.json.id)}`])
      expect(made.json).toEqual({
        id: expect.stringMatching(/^job_[0-9a-f]{28}$/),
        type: "recover",
        webhook_id: id,
        only: "failed",
        from: null,
        to: made.json.created_at,
        rate: 100,
        state: "running",
        total: 2,
        settled: 0,
        accepted: 0,
        skipped: { already_running: 0, retried_meanwhile: 0, event_expired: 0 },
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        updated_at: made.json.created_at,
        finished_at: null,
        error: null
      })
      const other = yield* recover(id, { only: "all", rate: 10_000, from: "2025-01-01", to: "2099-01-01" }, "ws_made")
      expect(other.json).toMatchObject({ only: "all", rate: 10_000, total: 4, from: "2025-01-01T00:00:00.000Z" })
      const listed = yield* ask("GET", "/v1/jobs?limit=1", { workspace: "ws_made" })
      expect(listed.json).toEqual({ data: [other.json], next: other.json.id })
      const rest = yield* ask("GET", `/v1/jobs?cursor=${String(listed.json.next)}`, { workspace: "ws_made" })
      expect(rest.json).toEqual({ data: [made.json], next: null })

      const path = `/v1/jobs/${String(made.json.id)}`
      expect((yield* ask("GET", path, { workspace: "ws_made" })).json).toEqual(made.json)
      const cancelled = yield* ask("POST", `${path}/cancel`, { workspace: "ws_made" })
      expect([cancelled.status, cancelled.json.state]).toEqual([200, "cancelled"])
      expect((yield* ask("POST", `${path}/cancel`, { workspace: "ws_made" })).json).toEqual(cancelled.json)
      for (const [method, foreign] of [["GET", path], ["POST", `${path}/cancel`], ["GET", "/v1/jobs/a.b"]] as const) {
        const answer = yield* ask(method, foreign)
        expect([answer.status, answer.json.error?.type]).toEqual([404, "job_not_found"])
      }
    }))

  it.effect("is refused of a foreign, deleted or disabled webhook, and with what makes no sense", () =>
    Effect.gen(function*() {
      const { id } = yield* prepared("ws_refused")
      const refused = (body: object | undefined, workspace = "ws_refused") =>
        Effect.map(recover(id, body, workspace), ({ json, status }) => [status, json.error?.type, json.error?.field])
      expect(yield* refused({}, "ws_other")).toEqual([404, "webhook_not_found", undefined])
      const wrong = [
        [{ from: "2025-02-01", to: "2025-01-01" }, "from"],
        [{ from: "soon" }, "from"],
        [{ to: 5 }, "to"],
        [{ only: "some" }, "only"],
        [{ rate: 0 }, "rate"],
        [{ rate: 10_001 }, "rate"],
        [{ rate: 1.5 }, "rate"],
        [{ dry_run: "yes" }, "dry_run"]
      ] as const
      for (const [body, field] of wrong) expect(yield* refused(body)).toEqual([422, "invalid", field])
      expect(yield* refused({ until: 1 })).toEqual([422, "unknown_key", "until"])
      const page = yield* ask("GET", "/v1/jobs?cursor=a.b", { workspace: "ws_refused" })
      expect([page.status, page.json.error?.field]).toEqual([422, "cursor"])
      yield* ask("POST", `/v1/webhooks/${id}/disable`, { workspace: "ws_refused" })
      expect(yield* refused({})).toEqual([409, "webhook_disabled", undefined])
      expect((yield* recover(id, { dry_run: true }, "ws_refused")).status).toBe(200)
      yield* ask("DELETE", `/v1/webhooks/${id}`, { workspace: "ws_refused" })
      expect(yield* refused({ dry_run: true })).toEqual([404, "webhook_not_found", undefined])
    }))

  it.effect("at most 100 run in a workspace, and 200 are kept", () =>
    Effect.gen(function*() {
      const { id } = yield* prepared("ws_many")
      const make = recover(id, {}, "ws_many")
      const ids = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.map(make, ({ json }) => json.id))
      const one = yield* make
      expect([one.status, one.json.error?.type]).toEqual([409, "too_many_jobs"])
      yield* Effect.forEach(ids, (job) => ask("POST", `/v1/jobs/${String(job)}/cancel`, { workspace: "ws_many" }))
      yield* Effect.forEach(
        Array.from({ length: 100 }),
        () => Effect.map(make, ({ status }) => expect(status).toBe(202))
      )
      const [first, second] = ids
      expect((yield* ask("GET", `/v1/jobs/${String(first)}`, { workspace: "ws_many" })).status).toBe(200)
      // All places are taken again: nothing is made, and nothing goes.
      expect((yield* make).status).toBe(409)
      const newest = (yield* ask("GET", "/v1/jobs?limit=1", { workspace: "ws_many" })).json.data?.[0]
      yield* ask("POST", `/v1/jobs/${String(newest?.id)}/cancel`, { workspace: "ws_many" })
      expect((yield* make).status).toBe(202)
      expect((yield* ask("GET", `/v1/jobs/${String(first)}`, { workspace: "ws_many" })).status).toBe(404)
      expect((yield* ask("GET", `/v1/jobs/${String(second)}`, { workspace: "ws_many" })).status).toBe(200)
    }), 60_000)
})
