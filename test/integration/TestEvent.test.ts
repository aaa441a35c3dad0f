import { expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { connect } from "nats"
import { Webhook } from "standardwebhooks"
import { type Product, product } from "../support/product.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, never, publish, until, untilDelivery } from "../support/until.ts"

const test = (hookline: Product, id: string, body?: unknown, workspace?: string) =>
  hookline.api("POST", `/v1/webhooks/${id}/test`, body, workspace)

/** The records of a kind, as a person would read them with the `nats` CLI. */
const recordsOf = (hookline: Product, kind: string) =>
  Effect.promise(async () => {
    const { host, password, username } = new URL(hookline.natsUrl())
    const connection = await connect({ servers: host, user: username, pass: password })
    const manager = await connection.jetstreamManager()
    const found = []
    for (const stream of [0, 1, 2, 3].map((number) => `DELIVERIES-${number}`)) {
      const { state } = await manager.streams.info(stream, { subjects_filter: `deliveries.*.*.*.${kind}` })
      for (const subject of Object.keys(state.subjects ?? {})) {
        const message = await manager.streams.getMessage(stream, { last_by_subj: subject })
        found.push({ subject, json: JSON.parse(message.string()) })
      }
    }
    await connection.close()
    return found
  })

it.live("a test event is signed and marked, shown at once whatever the endpoint answers, recorded once and never retried", () =>
  Effect.gen(function*() {
    let status = 200
    const endpoint = yield* receiver((response) => {
      if (status !== 0) response.writeHead(status, { "x-seen": "yes", "set-cookie": "a=b" }).end("thank you")
    })
    const hookline = yield* product({ flags: ["--timeout", "1s", "--retry-schedule", "0s,1s"] })
    const hook = yield* addWebhook(hookline, {
      url: endpoint.url,
      events: ["task.completed", "project.*"],
      headers: { authorization: "Bearer s3cret" }
    })

    const fine = yield* test(hookline, hook.id)
    expect(fine.status).toBe(200)
    const [arrival] = endpoint.arrivals
    const { attempt, event, id, recorded, request } = fine.body
    expect({ event, recorded }).toEqual({ event: "task.completed", recorded: true })
    expect(id).toMatch(/^evt_test_[0-9a-f]{32}$/)
    expect(attempt).toMatchObject({
      attempt: 1,
      class: "success",
      status: 200,
      error: null,
      response: "thank you",
      headers: { "x-seen": "yes" },
      address: "127.0.0.1",
      next_attempt_at: null
    })
    expect(JSON.stringify(fine.body)).not.toContain("s3cret")
    // What the answer says was sent is what arrived.
    for (const [name, value] of Object.entries(request.headers)) {
      expect(arrival?.headers[name]).toBe(name === "authorization" ? "Bearer s3cret" : value)
    }
    expect(request.headers.authorization).toBe("********")
    expect(arrival?.headers["x-webhook-test"]).toBe("true")
    expect(arrival?.headers["user-agent"]).toMatch(/^CraftDesk-Webhooks\//)
    expect(arrival?.body.toString()).toBe(request.body)
    const verified = new Webhook(hook.secret).verify(request.body, arrival?.headers as Record<string, string>)
    expect(verified).toMatchObject({ id, event: "task.completed", workspace_id: "ws_1" })

    const own = "{ \"event\": \"member.joined\", \"data\": {\"n\":1.0, \"big\": 12345678901234567890} }"
    const given = yield* test(hookline, hook.id, own)
    expect(given.body.request.body).toContain("\"data\":{\"n\":1.0, \"big\": 12345678901234567890}}")

    status = 500
    expect((yield* test(hookline, hook.id)).body.attempt).toMatchObject({
      class: "status",
      status: 500,
      response: "thank you"
    })
    status = 410
    expect((yield* test(hookline, hook.id)).body.attempt).toMatchObject({ class: "status", status: 410 })
    status = 0
    expect((yield* test(hookline, hook.id)).body.attempt).toMatchObject({ class: "timeout", status: null })
    status = 200
    // A 410 to a test disables nothing.
    expect((yield* hookline.api("GET", `/v1/webhooks/${hook.id}`)).body.state).toBe("enabled")
    for (const state of ["pause", "disable"]) {
      yield* hookline.api("POST", `/v1/webhooks/${hook.id}/resume`)
      yield* hookline.api("POST", `/v1/webhooks/${hook.id}/${state}`)
      expect((yield* test(hookline, hook.id)).body.attempt.status).toBe(200)
    }
    yield* hookline.api("POST", `/v1/webhooks/${hook.id}/enable`)

    yield* never("a retry of a test event", () => endpoint.arrivals.length > 7, 2_500)
    const records = yield* recordsOf(hookline, "test")
    expect(records.map(({ subject }) => subject)).toEqual([
      expect.stringMatching(`^deliveries\\.\\d+\\.ws_1\\.${hook.id}\\.test$`)
    ])
    expect(records[0]?.json).toMatchObject({
      v: 1,
      kind: "test",
      webhook_id: hook.id,
      outcome: { class: "success", status: 200 }
    })

    // No delivery, in the history or in the figures; and the worker reads over it.
    const all = yield* until(
      "the history has read all",
      hookline.api("GET", `/v1/deliveries?webhook_id=${hook.id}`),
      ({ body }) => body.behind === 0
    )
    expect(all.body.data).toEqual([])
    yield* hookline.kill
    yield* hookline.start
    yield* publish(hookline, "evt_real", "task.completed")
    yield* untilDelivery(hookline, hook.id, "evt_real", "succeeded")
  }).pipe(Effect.scoped))

it.live("what cannot be sent is refused, with the field; hanging tests are bounded and end when the client hangs up", () =>
  Effect.gen(function*() {
    const endpoint = yield* receiver(() => undefined)
    const hookline = yield* product({ env: { HOOKLINE_ALLOW_HTTP: "true" } })
    const hook = yield* addWebhook(hookline, { url: endpoint.url })
    expect(yield* test(hookline, hook.id, { event: "invoice.paid" })).toMatchObject({
      status: 422,
      body: { error: { type: "unknown_type", field: "event" } }
    })
    expect(yield* test(hookline, hook.id, { data: [] })).toMatchObject({
      status: 422,
      body: { error: { field: "data" } }
    })
    expect(yield* test(hookline, hook.id, { id: "evt_1" })).toMatchObject({
      status: 422,
      body: { error: { type: "unknown_key", field: "id" } }
    })
    expect((yield* test(hookline, "wh_none")).status).toBe(404)
    expect((yield* test(hookline, hook.id, undefined, "ws_2")).status).toBe(404)
    expect(
      yield* hookline.api("POST", "/v1/webhooks", {
        url: endpoint.url,
        events: ["*"],
        headers: { "X-Webhook-Test": "true" }
      })
    )
      .toMatchObject({ status: 422, body: { error: { field: "headers.X-Webhook-Test" } } })
    expect(endpoint.arrivals).toEqual([])

    const aborts = new AbortController()
    const hanging = yield* Effect.forEach(
      Array.from({ length: 8 }),
      () => Effect.fork(hookline.request("POST", `/v1/webhooks/${hook.id}/test`, aborts.signal)),
      { concurrency: 8 }
    )
    yield* until("eight tests hang", Effect.sync(endpoint.open), (open) => open === 8)
    const ninth = yield* test(hookline, hook.id)
    expect(ninth).toMatchObject({ status: 503, body: { error: { type: "too_many_tests" } } })
    expect(ninth.headers.get("retry-after")).toBe("5")
    yield* Effect.sync(() => aborts.abort())
    yield* until("the requests are cut off", Effect.sync(endpoint.open), (open) => open === 0)
    yield* Effect.forEach(hanging, Fiber.interrupt)
    yield* hookline.api("DELETE", `/v1/webhooks/${hook.id}`)
    expect((yield* test(hookline, hook.id)).status).toBe(404)
  }).pipe(Effect.scoped))
