import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { apiLayer, ask, type Json } from "../support/api.ts"

const url = "http://127.0.0.1:9/hook"
const field = (json: Json) => json.error?.field
const create = (body: object = {}, workspace = "ws_1") =>
  ask("POST", "/v1/webhooks", { body: { url, events: ["project.*"], ...body }, workspace })
const check = (body: object) => ask("POST", "/v1/webhooks/check", { body, workspace: "ws_check" })
const made = (body: object = {}, workspace = "ws_1") =>
  Effect.map(create(body, workspace), ({ json }) => `/v1/webhooks/${String(json.id)}`)

/** Issue 2 "bad input", and every rule of CONTRACT 5 and 8 that concerns a webhook's settings. */
const bad: ReadonlyArray<readonly [object, string]> = [
  [{ url: undefined }, "url"],
  [{ url: 5 }, "url"],
  [{ url: "" }, "url"],
  [{ url: "example.com/x" }, "url"],
  [{ url: "ftp://example.com/" }, "url"],
  [{ url: "https://user:password@example.com/" }, "url"],
  [{ url: "https://example.com:0/" }, "url"],
  [{ url: "https://10.0.0.1/" }, "url"],
  [{ url: "https://169.254.169.254/latest/meta-data" }, "url"],
  [{ url: "https://[fd00::1]/" }, "url"],
  [{ url: "https://0x0a000001/" }, "url"],
  [{ url: `https://example.com/${"x".repeat(2048)}` }, "url"],
  [{ url: "https://example.com/\r\nX: y" }, "url"],
  [{ events: undefined }, "events"],
  [{ events: [] }, "events"],
  [{ events: "project.created" }, "events"],
  [{ events: ["project.created", "project.exploded"] }, "events[1]"],
  [{ events: ["nothing.*"] }, "events[0]"],
  [{ events: [5] }, "events[0]"],
  [{ secret: "short" }, "secret"],
  [{ secret: "whsec_AAAA" }, "secret"],
  [{ secret: "x".repeat(257) }, "secret"],
  [{ secret: 5 }, "secret"],
  [{ description: "x".repeat(1025) }, "description"],
  [{ concurrency: 0 }, "concurrency"],
  [{ concurrency: 257 }, "concurrency"],
  [{ concurrency: 1.5 }, "concurrency"],
  [{ concurrency: "4" }, "concurrency"],
  [{ rate_limit: 0 }, "rate_limit"],
  [{ rate_limit: 10_001 }, "rate_limit"],
  [{ headers: { host: "x" } }, "headers.host"],
  [{ headers: { "webhook-id": "x" } }, "headers.webhook-id"],
  [{ headers: { "x-webhook-signature": "x" } }, "headers.x-webhook-signature"],
  [{ headers: { "x-a": "x\r\ny: z" } }, "headers.x-a"],
  [{ headers: { "x a": "x" } }, "headers[0]"],
  [{ headers: { "x-a": 5 } }, "headers.x-a"],
  [{ headers: ["x-a"] }, "headers"],
  [{ colour: "red" }, "colour"],
  [{ state: "disabled" }, "state"],
  [{ id: "wh_mine" }, "id"]
]

layer(apiLayer(), { excludeTestServices: true })("webhooks over HTTP", (it) => {
  it.effect("a URL is checked as creation checks it, and nothing is made", () =>
    Effect.gen(function*() {
      const good = yield* check({ url })
      expect([good.status, good.json]).toEqual([200, { url, warnings: [] }])
      for (const [body] of bad.filter(([, where]) => where === "url")) {
        const checked = yield* check(body)
        const { json } = yield* create(body, "ws_check")
        expect([body, checked.status, field(checked.json), checked.json.error?.message]).toEqual([
          body,
          422,
          "url",
          json.error?.message
        ])
      }
      expect((yield* ask("GET", "/v1/webhooks", { workspace: "ws_check" })).json.data).toEqual([])
    }))

  it.effect("creation shows the secret once", () =>
    Effect.gen(function*() {
      const { json, status } = yield* create({
        description: "first",
        headers: { Authorization: "Bearer of-theirs" },
        rate_limit: 2.5
      })
      expect(status).toBe(201)
      expect(json).toEqual({
        id: expect.stringMatching(/^wh_[0-9a-f]{32}$/),
        url,
        events: ["project.*"],
        description: "first",
        state: "enabled",
        concurrency: null,
        rate_limit: 2.5,
        headers: { Authorization: "********" },
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        updated_at: json.created_at,
        revision: 1,
        secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/)
      })
      const shown = yield* ask("GET", `/v1/webhooks/${String(json.id)}`)
      expect(shown.status).toBe(200)
      const { secret: _secret, ...rest } = json as unknown as Record<string, Json>
      expect(shown.json).toEqual({ ...rest, held: 0, suppressed: 0 })
      expect(shown.text).not.toContain("of-theirs")
    }))

  it.effect("a name that does not resolve is accepted with a warning", () =>
    Effect.gen(function*() {
      const { json, status } = yield* create({ url: "https://nobody.invalid/hook" })
      expect(status).toBe(201)
      expect(json.warnings).toHaveLength(1)
      expect(String(json.warnings?.[0])).toContain("nobody.invalid")
    }))

  it.effect("bad settings are refused with their field, at creation and at change", () =>
    Effect.gen(function*() {
      const path = yield* made({}, "ws_bad")
      const before = (yield* ask("GET", path, { workspace: "ws_bad" })).json
      for (const [body, where] of bad) {
        const answer = yield* create(body, "ws_bad")
        expect([body, answer.status, field(answer.json)]).toEqual([body, 422, where])
        expect(String(answer.json.error?.message)).toContain(where.split(/[.[]/)[0])
        if (Object.values(body).every((value) => value === undefined)) continue
        const change = yield* ask("PATCH", path, { body, workspace: "ws_bad" })
        // A secret is changed by rotation only.
        expect([body, change.status, field(change.json)]).toEqual([body, 422, where])
      }
      const list = yield* ask("GET", "/v1/webhooks", { workspace: "ws_bad" })
      const { held: _held, suppressed: _suppressed, ...listed } = before as unknown as Record<string, unknown>
      expect(list.json).toEqual({ data: [listed], next: null })
    }))

  it.effect("a body that is no JSON object: 400 or 422, too large: 413", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [string | Uint8Array, number]> = [
        ["", 400],
        ["{", 400],
        ["{\"url\":\"\u0001\"}", 400],
        [new Uint8Array([0x22, 0xff, 0x22]), 400],
        ["[]", 422],
        ["null", 422],
        ["\"text\"", 422],
        [" ".repeat(1024 ** 2 + 1), 413]
      ]
      const path = yield* made()
      for (const [body, status] of cases) {
        for (const [method, where] of [["POST", "/v1/webhooks"], ["PATCH", path]] as const) {
          const answer = yield* ask(method, where, { body })
          expect([where, String(body).slice(0, 20), answer.status]).toEqual([where, String(body).slice(0, 20), status])
        }
      }
      expect((yield* ask("POST", "/v1/webhooks", { body: "{\"__proto__\":{\"url\":1}}" })).status).toBe(422)
    }))

  it.effect("change sets what is there, and null takes away", () =>
    Effect.gen(function*() {
      const path = yield* made({ headers: { "x-a": "1" }, concurrency: 4, rate_limit: 5 })
      const change = (body: object) => Effect.map(ask("PATCH", path, { body }), ({ json }) => json)
      expect(yield* change({ events: ["*"], description: "d" })).toMatchObject({
        url,
        events: ["*"],
        description: "d",
        concurrency: 4,
        headers: { "x-a": "********" },
        revision: 2
      })
      expect(yield* change({ concurrency: null, rate_limit: null, headers: {} })).toMatchObject({
        concurrency: null,
        rate_limit: null,
        headers: {},
        revision: 3
      })
      expect(yield* change({})).toMatchObject({ revision: 3 })
      expect((yield* change({ url: "https://nobody.invalid/" })).warnings).toHaveLength(1)
    }))

  it.effect("the list has this workspace's, in the order of creation", () =>
    Effect.gen(function*() {
      const paths = yield* Effect.forEach([1, 2, 3], () => made({}, "ws_list"))
      yield* made({}, "ws_other")
      const { json } = yield* ask("GET", "/v1/webhooks", { workspace: "ws_list" })
      const data = json.data as unknown as ReadonlyArray<{ id: string }>
      expect(data.map(({ id }) => `/v1/webhooks/${id}`).sort()).toEqual([...paths].sort())
      expect(json.next).toBe(null)
    }))

  it.effect("another workspace's webhook does not exist, whatever is asked of it", () =>
    Effect.gen(function*() {
      const path = yield* made()
      const before = (yield* ask("GET", path)).json
      for (
        const id of [path, "/v1/webhooks/wh_nothing", "/v1/webhooks/a.b", "/v1/webhooks/*", "/v1/webhooks/%0d%0aPUB"]
      ) {
        const asks = [
          ask("GET", id, { workspace: "ws_foreign" }),
          ask("PATCH", id, { workspace: "ws_foreign", body: { description: "mine" } }),
          ask("DELETE", id, { workspace: "ws_foreign" }),
          ...["enable", "disable", "pause", "resume", "rotate-secret", "end-overlap"].map((action) =>
            ask("POST", `${id}/${action}`, { workspace: "ws_foreign" })
          )
        ]
        for (const one of asks) {
          const { json, status } = yield* one
          expect([id, status, json.error?.type]).toEqual([id, 404, "webhook_not_found"])
        }
      }
      expect((yield* ask("GET", path)).json).toEqual(before)
    }))

  it.effect("enable, disable, pause, resume and delete are idempotent or refused as the table says", () =>
    Effect.gen(function*() {
      const path = yield* made()
      const act = (action: string, body?: object) =>
        Effect.map(
          ask("POST", `${path}/${action}`, body === undefined ? {} : { body }),
          ({ json, status }) => [status, json.state ?? json.error?.type]
        )
      expect(yield* act("enable")).toEqual([200, "enabled"])
      expect(yield* act("pause")).toEqual([200, "paused"])
      expect(yield* act("pause")).toEqual([200, "paused"])
      expect(yield* act("enable")).toEqual([409, "webhook_paused"])
      expect(yield* act("resume")).toEqual([200, "enabled"])
      expect(yield* act("resume")).toEqual([200, "enabled"])
      expect((yield* ask("GET", path)).json).not.toHaveProperty("drain_rate")
      expect(yield* act("resume", { rate: 50 })).toEqual([200, "enabled"])
      expect((yield* ask("GET", path)).json["drain_rate"]).toBe(50)
      for (const rate of [0, -1, 10_001, "50", null]) {
        const refused = yield* ask("POST", `${path}/resume`, { body: { rate } })
        expect([rate, refused.status, field(refused.json)]).toEqual([rate, 422, "rate"])
      }
      expect(yield* act("resume", { speed: 1 })).toEqual([422, "unknown_key"])
      expect(yield* act("disable", { reason: "broken" })).toEqual([200, "disabled"])
      expect(yield* act("disable")).toEqual([200, "disabled"])
      expect((yield* ask("GET", path)).json.disabled_reason).toBe("broken")
      expect(yield* act("pause")).toEqual([409, "webhook_disabled"])
      expect(yield* act("enable")).toEqual([200, "enabled"])
      expect((yield* ask("GET", path)).json.disabled_reason).toBeUndefined()
      expect(yield* act("disable", { reason: "x".repeat(501) })).toEqual([422, "invalid"])
      expect(yield* act("disable", { because: "x" })).toEqual([422, "unknown_key"])
      const removed = yield* ask("DELETE", path)
      expect([removed.status, removed.text]).toEqual([204, ""])
      expect((yield* ask("DELETE", path)).status).toBe(404)
      expect(yield* act("enable")).toEqual([404, "webhook_not_found"])
    }))

  it.effect("rotation shows the new secret and until when the former is valid", () =>
    Effect.gen(function*() {
      const path = yield* made()
      const rotate = (body?: object) => ask("POST", `${path}/rotate-secret`, body === undefined ? {} : { body })
      const first = yield* rotate()
      expect(first.status).toBe(200)
      expect(String(first.json.secret)).toMatch(/^whsec_/)
      const overlap = Date.parse(String(first.json.overlap_until)) - Date.parse(String(first.json.updated_at))
      expect(overlap).toBe(24 * 3_600_000)
      const shown = yield* ask("GET", path)
      expect([shown.json.overlap_until, shown.json.secret]).toEqual([first.json.overlap_until, undefined])
      const ended = yield* ask("POST", `${path}/end-overlap`)
      expect([ended.status, ended.json.overlap_until]).toEqual([200, undefined])
      const own = yield* rotate({ secret: "a secret of our own", overlap_seconds: 0 })
      expect([own.json.secret, own.json.overlap_until]).toEqual(["a secret of our own", undefined])
      for (
        const [body, where] of [
          [{ secret: "x" }, "secret"],
          [{ overlap_seconds: -1 }, "overlap_seconds"],
          [{ overlap_seconds: 604_801 }, "overlap_seconds"],
          [{ overlap_seconds: 1.5 }, "overlap_seconds"],
          [{ overlap: "1h" }, "overlap"]
        ] as const
      ) {
        const answer = yield* rotate(body)
        expect([body, answer.status, field(answer.json)]).toEqual([body, 422, where])
      }
    }))
})

layer(apiLayer({ config: { allowHttp: false, allowCidrs: [] } }), { excludeTestServices: true })(
  "without --dev",
  (it) => {
    it.effect("http and loopback are refused", () =>
      Effect.gen(function*() {
        for (const refused of [url, "https://127.0.0.1/", "https://localhost/", "http://example.com/"]) {
          const answer = yield* create({ url: refused })
          expect([refused, answer.status, field(answer.json)]).toEqual([refused, 422, "url"])
        }
      }))
  }
)
