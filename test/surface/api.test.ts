import { HttpApi } from "@effect/platform"
import { describe, expect, it, layer } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Effect, Schedule } from "effect"
import { EventId, WebhookId } from "../../src/model/Id.ts"
import { HooklineApi } from "../../src/surface/api/Contract.ts"
import { fill, Readiness } from "../../src/surface/Readiness.ts"
import { apiLayer, ask, type Json, operatorKey, recorded } from "../support/api.ts"
import { answered, delivery, start } from "../support/delivery.ts"

const routes: Array<{ readonly method: string; readonly path: string }> = []
HttpApi.reflect(HooklineApi, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint }) => void routes.push({ method: endpoint.method, path: endpoint.path })
})
const concrete = (path: string) => path.replace(":id", path.includes("quarantine") ? "qrn_1" : "wh_1")
/** To sign in, and a picture for a page of somebody who has not. */
const open = ["/v1/session", "/v1/portal-logos/:id"]
const keyed = routes.filter(({ path }) => path.startsWith("/v1/") && !open.includes(path))
/** The same for every workspace, or about all of them. */
const ofNone = ["/v1/event-types", "/v1/workspaces", "/v1/audit", "/v1/secrets/rewrap"]
const ofWorkspace = keyed.filter(({ path }) => !ofNone.includes(path))

const lines: Array<string> = []

const problem = (json: Json) => {
  expect(Object.keys(json)).toEqual(["error"])
  expect(typeof json.error?.type).toBe("string")
  expect(String(json.error?.message).length).toBeGreaterThan(5)
  return json.error ?? {}
}

layer(apiLayer({ log: (line) => lines.push(line) }), { excludeTestServices: true })(
  "API",
  (it) => {
    it.effect("every route under /v1 wants a key", () =>
      Effect.gen(function*() {
        expect(keyed.length).toBeGreaterThan(15)
        for (const { method, path } of keyed) {
          for (
            const attempt of [
              { key: null },
              { key: "" },
              { key: "hk_op_wrong" },
              { key: operatorKey.slice(0, -1) },
              { key: `${operatorKey}x` },
              { key: null, headers: { authorization: `Basic ${operatorKey}` } },
              { key: null, headers: { authorization: operatorKey } },
              // The platform's own decoder takes whatever follows seven characters.
              { key: null, headers: { authorization: `1234567${operatorKey}` } },
              { key: null, headers: { cookie: `authorization=${operatorKey}`, "x-api-key": operatorKey } }
            ]
          ) {
            const answer = yield* ask(method, concrete(path), attempt)
            expect([path, answer.status]).toEqual([path, 401])
            expect(problem(answer.json).type).toBe("unauthorized")
            expect(answer.headers.get("www-authenticate")).toBe("Bearer")
          }
          const inQuery = yield* ask(method, `${concrete(path)}?api_key=${operatorKey}&access_token=${operatorKey}`, {
            key: null
          })
          expect(inQuery.status).toBe(401)
        }
        const lower = yield* ask("GET", "/v1/webhooks", {
          key: null,
          headers: { authorization: `bearer ${operatorKey}` }
        })
        expect(lower.status).toBe(200)
      }))

    it.effect("every route about a workspace wants X-Workspace-Id, and a token in it", () =>
      Effect.gen(function*() {
        for (const { method, path } of ofWorkspace) {
          // To make a key for the operator no workspace is needed (apiKeys.test.ts).
          const missing = method === "POST" && path === "/v1/api-keys" ? [] : [null]
          for (const workspace of [...missing, "", "a b", "a.b", "*", ">", "ws_1,ws_2", "x".repeat(65)]) {
            const answer = yield* ask(method, concrete(path), { workspace })
            expect([path, workspace, answer.status]).toEqual([path, workspace, 400])
            expect(problem(answer.json).field).toBe("X-Workspace-Id")
          }
        }
        for (const { method, path } of keyed.filter(({ path }) => ofNone.includes(path))) {
          expect((yield* ask(method, path, { workspace: null })).status).toBe(200)
        }
      }))

    it.effect("no webhook and no event belongs to the workspace _", () =>
      Effect.gen(function*() {
        for (const { method, path } of ofWorkspace.filter(({ path }) => !path.includes("quarantine"))) {
          const answer = yield* ask(
            method,
            `${concrete(path)}?webhook_id=wh_1`,
            { workspace: "_", body: method === "GET" ? undefined : {} } as never
          )
          expect([path, answer.status]).toEqual([path, 400])
          expect(problem(answer.json).type).toBe("workspace_reserved")
        }
        expect((yield* ask("GET", "/v1/quarantine", { workspace: "_" })).status).toBe(200)
      }))

    it.effect("unknown paths and methods are answered in the same shape", () =>
      Effect.gen(function*() {
        for (
          const path of ["/nothing", "/v1", "/v1/nothing", "/v2/events", "/v1/webhooks/a/b", "/v1/webhooks/%E0%A4%A"]
        ) {
          const answer = yield* ask("GET", path)
          expect([path, answer.status]).toEqual([path, 404])
          problem(answer.json)
        }
        const answer = yield* ask("PUT", "/v1/webhooks/wh_1")
        expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, PATCH, DELETE"])
        expect(problem(answer.json).type).toBe("method_not_allowed")
        expect((yield* ask("PUT", "/v1/events")).headers.get("allow")).toBe("POST, GET")
        expect((yield* ask("GET", "/v1/webhooks/wh_1/enable")).headers.get("allow")).toBe("POST")
        expect((yield* ask("DELETE", "/openapi.json")).headers.get("allow")).toBe("GET")
      }))

    it.effect("the event types are the catalogue's, and hookline's own, marked as such", () =>
      Effect.gen(function*() {
        const { json, status } = yield* ask("GET", "/v1/event-types")
        expect(status).toBe(200)
        expect(json.next).toBe(null)
        const data = json.data as unknown as ReadonlyArray<{ type: string; example: object; description: string }>
        expect(data).toHaveLength(20)
        expect(data[0]).toMatchObject({ type: "project.created", example: { name: "Website Redesign" } })
        expect(data[0]).not.toHaveProperty("reserved")
        expect(data.slice(17)).toMatchObject(
          ["webhook.disabled", "webhook.failing", "delivery.failed"].map((type) => ({
            type,
            reserved: true,
            example: { webhook_id: expect.stringMatching(/^wh_/) },
            schema: { type: "object" }
          }))
        )
      }))

    it.effect("deliveries of a webhook, of this workspace only", () =>
      Effect.gen(function*() {
        const made = yield* ask("POST", "/v1/webhooks", { body: { url: "http://127.0.0.1:9/", events: ["*"] } })
        const id = String(made.json.id)
        yield* recorded({
          kind: "attempt_failed",
          at: Date.UTC(2025, 2, 23),
          delivery: delivery({
            webhookId: WebhookId.make(id),
            eventId: EventId.make("evt_1"),
            state: "due",
            attempt: 2,
            dueAt: Date.UTC(2025, 2, 23, 14, 35, 21)
          }),
          outcome: answered(500, { latency: 12.5, error: "the endpoint answered 500" })
        })
        const { json, status } = yield* ask("GET", `/v1/deliveries?webhook_id=${id}`)
        expect(status).toBe(200)
        expect(json).toEqual({
          data: [{
            id: expect.stringMatching(/^dlv_[0-9a-f]{32}$/),
            webhook_id: id,
            event_id: "evt_1",
            event_type: "project.created",
            status: "retrying",
            attempts: 2,
            last_status: 500,
            last_error: "the endpoint answered 500",
            last_latency_ms: 12.5,
            next_attempt_at: "2025-03-23T14:35:21.000Z",
            held_reason: null,
            published_at: new Date(start).toISOString(),
            updated_at: "2025-03-23T00:00:00.000Z"
          }],
          next: null,
          behind: 0
        })
        expect((yield* ask("GET", `/v1/deliveries?webhook_id=${id}`, { workspace: "ws_2" })).status).toBe(404)
        expect((yield* ask("GET", "/v1/deliveries?webhook_id=wh_none")).status).toBe(404)
        const wrong = yield* ask("GET", "/v1/deliveries?from=yesterday")
        expect([wrong.status, problem(wrong.json).field]).toEqual([422, "from"])
        for (const path of ["/v1/deliveries", "/v1/events"]) {
          const made = yield* ask("GET", `${path}?cursor=made-up`)
          expect([made.status, problem(made.json)]).toEqual([422, {
            type: "invalid",
            field: "cursor",
            message: "cursor: none that a page gave"
          }])
        }
        expect((yield* ask("DELETE", `/v1/webhooks/${id}`)).status).toBe(204)
        expect((yield* ask("GET", `/v1/deliveries?webhook_id=${id}`)).status, "the history stays").toBe(200)
      }))

    it.effect("healthz and readyz need no key", () =>
      Effect.gen(function*() {
        const healthy = yield* ask("GET", "/healthz", { key: null, workspace: null })
        expect([healthy.status, healthy.text]).toEqual([200, "{\"status\":\"ok\"}"])
        const ready = yield* ask("GET", "/readyz", { key: null, workspace: null })
        expect(ready.status).toBe(200)
        const checks = ready.json.checks as unknown as ReadonlyArray<{ name: string; ok: boolean }>
        expect(checks.map(({ name }) => name)).toEqual(
          ["broker", "stream EVENTS", ...[0, 1, 2, 3].map((index) => `stream DELIVERIES-${index}`), "history"]
        )
      }))

    it.effect("the OpenAPI document has every route, every error and examples that fit", () =>
      Effect.gen(function*() {
        const { json, status } = yield* ask("GET", "/openapi.json", { key: null, workspace: null })
        expect(status).toBe(200)
        const document = json as unknown as {
          readonly openapi: string
          readonly servers: ReadonlyArray<unknown>
          readonly tags: ReadonlyArray<{ readonly description: string }>
          readonly paths: Record<
            string,
            Record<string, {
              readonly responses: Record<string, { content?: Json; headers?: Json }>
              readonly operationId: string
              readonly security: ReadonlyArray<unknown>
              readonly summary: string
              readonly description: string
              readonly parameters: ReadonlyArray<{ readonly name: string; readonly required: boolean }>
            }>
          >
          readonly components: { readonly schemas: Record<string, { readonly examples?: ReadonlyArray<unknown> }> }
        }
        expect(document.openapi).toBe("3.1.0")
        expect(document.servers).toEqual([{ url: "/", description: expect.any(String) }])
        for (const tag of document.tags) expect(tag.description.length).toBeGreaterThan(5)
        const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
        // What a generated client calls its methods: a name that changes breaks its users.
        const names = operations.map(({ operationId }) => operationId)
        expect(new Set(names).size).toBe(names.length)
        expect(names).toEqual(
          expect.arrayContaining(["webhooks.create", "events.publish", "deliveries.list", "readyz"])
        )
        for (const { method, path } of routes) {
          const operation = document.paths[path.replace(":id", "{id}")]?.[method.toLowerCase()]
          expect(operation?.summary, `${method} ${path}`).toBeTruthy()
          expect(operation?.description).toBeTruthy()
          const under = path.startsWith("/v1/") && !open.includes(path)
          expect(operation?.security).toEqual(under ? [{ bearer: [] }, { session: [] }] : [])
          if (!under) continue
          expect(Object.keys(operation?.responses ?? {})).toEqual(
            expect.arrayContaining(["400", "401", "403", "429", "500", "503"])
          )
          for (const [status, { content, headers }] of Object.entries(operation?.responses ?? {})) {
            if (Number(status) < 400) continue
            expect(content).toEqual({ "application/json": { schema: { $ref: "#/components/schemas/Error" } } })
            expect(headers === undefined).toBe(status !== "429" && status !== "503")
          }
          const workspace = operation?.parameters.find(({ name }) => name === "x-workspace-id")
          expect(workspace?.required).toBe(ofNone.includes(path) ? undefined : false)
        }
        const text = JSON.stringify(document)
        const schemas = document.components.schemas
        for (const [, name = ""] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
          expect(schemas).toHaveProperty(name)
        }
        const ajv = new Ajv2020({ strict: false })
        ajv.addSchema({ $id: "api", components: document.components })
        let examples = 0
        for (const [name, schema] of Object.entries(schemas)) {
          const check = ajv.getSchema(`api#/components/schemas/${name}`)
          for (const example of schema.examples ?? []) {
            examples++
            expect([name, check?.(example), check?.errors]).toEqual([name, true, null])
          }
        }
        expect(examples).toBeGreaterThan(4)
      }))

    it.effect("the log has method, path and status, and never a key, a secret or a body", () =>
      Effect.gen(function*() {
        const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        const { status } = yield* ask("POST", "/v1/webhooks?token=in-the-query", {
          body: { url: "http://127.0.0.1:9/", events: ["*"], secret, headers: { "x-team": "canary-header-value" } }
        })
        expect(status).toBe(201)
        yield* ask("POST", "/v1/events", { body: { event: "project.created", data: { canary: "canary-in-data" } } })
        yield* ask("POST", "/v1/webhooks", { body: { url: "http://127.0.0.1:9/", events: ["*"], secret: 123454321 } })
        const log = lines.join("\n")
        expect(log).toContain("/v1/webhooks")
        expect(log).toContain("201")
        for (const canary of [operatorKey, operatorKey.slice(6), secret, "canary", "in-the-query", "123454321"]) {
          expect(log).not.toContain(canary)
        }
      }))

    it.effect("a check of somebody else's makes it not ready", () =>
      Effect.gen(function*() {
        const readiness = yield* Readiness
        yield* readiness.add("worker", Effect.succeed({ ok: false, detail: "standing by" }))
        yield* readiness.add("broken", Effect.die("fault"))
        const answer = yield* ask("GET", "/readyz", { key: null, workspace: null }).pipe(
          Effect.filterOrFail(({ status }) => status === 503, () => "still the former checks"),
          Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.intersect(Schedule.recurs(200))))
        )
        expect(answer.json.status).toBe("not_ready")
        expect(answer.json.checks).toEqual(expect.arrayContaining([
          { name: "worker", ok: false, detail: "standing by" },
          { name: "broken", ok: false, detail: "the check itself failed" }
        ]))
      }).pipe(Effect.scoped))
  }
)

describe("fill", () => {
  const mebibyte = 1024 ** 2
  it.each([
    [0, -1, true, "has no limit"],
    [79 * mebibyte, 100 * mebibyte, true, "79 %"],
    [80 * mebibyte, 100 * mebibyte, true, "nearly full: 80 %"],
    [99.5 * mebibyte, 100 * mebibyte, false, "full: 99 %"],
    [100 * mebibyte, 100 * mebibyte, false, "full: 100 %"],
    // A small stream is not full because it is small.
    [0, mebibyte / 2, true, "0 %"]
  ])("%d of %d bytes", (bytes, maxBytes, ok, detail) => {
    const check = fill({ bytes, maxBytes })
    expect(check.ok).toBe(ok)
    expect(check.detail.startsWith(detail)).toBe(true)
  })
})
