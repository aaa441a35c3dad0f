import { HttpApi } from "@effect/platform"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { hash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { BrokerClock } from "../../src/broker/BrokerClock.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { type PortalRight, portalRights } from "../../src/model/Right.ts"
import { HooklineApi } from "../../src/surface/api/Contract.ts"
import { accessOf, routeName } from "../../src/surface/api/contract/Access.ts"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { anotherApi, type Answer, apiLayer, type Ask, ask, operatorKey } from "../support/api.ts"
import { TestBroker } from "../support/broker.ts"
import { asPage, signIn } from "../support/browser.ts"
import { until } from "../support/until.ts"

const log: Array<string> = []
const config = { allowHttp: true, allowCidrs: ["127.0.0.0/8"], masterKeys: `one:${"B".repeat(43)}=` }
const workspace = "ws_customer"
const hook = { url: "http://127.0.0.1:9/", events: ["*"] }

const png = Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(100, 7)])
const pictures: Readonly<Record<string, Buffer>> = {
  "image/png": png,
  "image/jpeg": Buffer.from("\xff\xd8\xff\xe0 and so on", "latin1"),
  "image/gif": Buffer.from("GIF89a and so on"),
  "image/webp": Buffer.from("RIFF\x01\x02\x03\x04WEBPVP8 and so on", "latin1")
}

const make = (body: object, of: string) => ask("POST", "/v1/portal-links", { body, workspace: of })
const logo = (bytes: Buffer | string) => ({ rights: [], brand: { logo: Buffer.from(bytes).toString("base64") } })
const withLogo = (index: number) => logo(Buffer.concat([png, Buffer.from(`${index}`)]))

const newKey = (more: object = {}) =>
  Effect.map(
    ask("POST", "/v1/api-keys", { body: { name: "platform", role: "manage", ...more }, workspace }),
    ({ json }) => ({ id: String(json.id), key: String(json.key) })
  )
const problemOf = ({ json, status }: Answer) => [status, json.error?.type, json.error?.field]

const link = (body: object = {}, more: Ask = {}) =>
  Effect.map(ask("POST", "/v1/portal-links", { body: { rights: [], ...body }, workspace, ...more }), (answer) => {
    expect([answer.status, answer.text.slice(0, 300)]).toEqual([201, expect.any(String)])
    const [address = "", token = ""] = String(answer.json.url).split("#")
    return { address, token, expiresAt: Date.parse(String(answer.json.expires_at)) }
  })
const opened = (rights: ReadonlyArray<PortalRight>, more: object = {}) =>
  Effect.flatMap(link({ rights, ...more }), ({ token }) => signIn({ portal_token: token }))
const begin = (token: string) =>
  ask("POST", "/v1/session", { key: null, workspace: null, body: { portal_token: token } })

layer(apiLayer({ config, log: (line) => log.push(line) }), { excludeTestServices: true })("portal links", (it) => {
  it.effect("open the dashboard for one workspace, with the rights and the brand that they say", () =>
    Effect.gen(function*() {
      const { url } = yield* ApiServer
      const now = (yield* BrokerClock).now()
      const brand = { name: "CraftDesk", accent_color: "#2F6FED", logo: png.toString("base64") }
      const { address, expiresAt, token } = yield* link({ rights: ["send"], brand })
      expect([address, token]).toEqual([`${url}/portal`, expect.stringMatching(/^pl_[A-Za-z0-9_-]{43}$/)])
      expect((expiresAt - now) / 1000).toBeCloseTo(300, -1)
      const signed = yield* signIn({ portal_token: token })
      const digest = hash("sha256", png, "hex")
      expect(signed.view).toEqual({
        kind: "portal",
        workspace_id: workspace,
        rights: ["read", "send"],
        expires_at: expect.any(String),
        csrf_token: expect.any(String),
        brand: { name: "CraftDesk", accent_color: "#2f6fed", logo_url: `/v1/portal-logos/${digest}` },
        signature_headers: { hex: "x-webhook-signature", standard_prefix: "webhook" }
      })
      expect((Date.parse(String(signed.view["expires_at"])) - now) / 1000).toBeCloseTo(3600, -1)
      expect(signed.setCookie).toMatch(
        /^__Host-hookline_portal=v1\.[^;]+; Max-Age=3600; Path=\/; HttpOnly; Secure; Partitioned; SameSite=None$/m
      )
      expect((yield* asPage("GET", "/v1/session", signed)).json).toEqual(signed.view)
      const logo = yield* asPage("GET", `/v1/portal-logos/${digest}`, signed)
      expect([logo.status, logo.headers.get("content-type")]).toEqual([200, "image/png"])
      expect((yield* opened([])).view).toMatchObject({ rights: ["read"], brand: null })
    }))

  it.effect("every route, under each right: what the contract says, never keys, links or another workspace", () =>
    Effect.gen(function*() {
      const needs = accessOf(HooklineApi)
      const routes: Array<{ readonly method: string; readonly path: string }> = []
      HttpApi.reflect(HooklineApi, {
        onGroup: () => undefined,
        onEndpoint: ({ endpoint: { method, path }, middleware }) => {
          if (middleware.size > 0) routes.push({ method, path })
        }
      })
      expect(routes.length).toBeGreaterThan(30)
      for (const right of portalRights) {
        const signed = yield* opened([right], { session_seconds: 600 })
        const has = new Set<string>(["read", right, "any"])
        for (const { method, path } of routes) {
          const needed = needs.get(routeName(method, path))
          const allowed = needed?.scope !== "operator" && has.has(needed?.right ?? "none")
          if (/api-keys|portal-links|workspaces|audit|events\/batch/.test(path)) {
            expect([path, allowed]).toEqual([path, false])
          }
          const at = path.replaceAll(/:\w+/g, "none")
          const body = method === "GET" ? {} : { body: "{" }
          const what = `${method} ${path} with ${right}`
          const answer = yield* asPage(method, at, signed, body)
          expect([what, answer.status !== 403, answer.text]).toEqual([what, allowed, expect.any(String)])
          expect(answer.status, what).toBeLessThan(500)
          expect([401, 429], what).not.toContain(answer.status)
          const foreign = yield* asPage(method, at, signed, { ...body, workspace: "ws_other" })
          expect([what, foreign.status], what).toEqual([what, allowed ? 404 : 403])
        }
      }
    }))

  it.effect("what each right may", () =>
    Effect.gen(function*() {
      const made = yield* ask("POST", "/v1/webhooks", { body: hook, workspace })
      const at = `/v1/webhooks/${String(made.json.id)}`
      const tries: ReadonlyArray<readonly [string, string, object | undefined, Record<PortalRight, boolean>]> = [
        ["GET", at, undefined, { read: true, send: true, manage: true }],
        ["POST", `${at}/test`, {}, { read: false, send: true, manage: false }],
        ["POST", `${at}/recover`, {}, { read: false, send: true, manage: false }],
        ["POST", `${at}/pause`, undefined, { read: false, send: false, manage: true }],
        ["PATCH", at, { description: "d" }, { read: false, send: false, manage: true }],
        ["POST", `${at}/rotate-secret`, {}, { read: false, send: false, manage: true }],
        ["POST", "/v1/webhooks", hook, { read: false, send: false, manage: true }],
        ["POST", "/v1/events", { event: "project.created", data: {} }, { read: false, send: false, manage: false }],
        ["POST", "/v1/portal-links", { rights: [] }, { read: false, send: false, manage: false }],
        ["GET", "/v1/api-keys", undefined, { read: false, send: false, manage: false }]
      ]
      for (const right of portalRights) {
        const signed = yield* opened([right])
        for (const [method, path, body, expected] of tries) {
          const answer = yield* asPage(method, path, signed, body === undefined ? {} : { body })
          expect([method, path, right, answer.status < 300, answer.text]).toEqual([
            method,
            path,
            right,
            expected[right],
            expect.any(String)
          ])
          if (!expected[right]) {
            expect(answer.json.error?.message).toMatch(/^this needs the right `\w+`; this portal session has/)
          }
        }
        const noToken = yield* asPage("POST", `${at}/test`, signed, { headers: { "x-csrf-token": "x" } })
        expect(noToken.status).toBe(403)
      }
    }))

  it.scoped("open once, whatever comes at once and to how many processes", () =>
    Effect.gen(function*() {
      const broker = yield* TestBroker
      const there = Context.get(yield* Layer.build(Layer.fresh(anotherApi(broker.url, { config }))), ApiServer)
      const here = yield* ApiServer
      for (let round = 0; round < 5; round++) {
        const { token } = yield* link()
        const answers = yield* Effect.forEach(
          Array.from({ length: 12 }),
          (_, index) => Effect.provideService(begin(token), ApiServer, index % 2 === 0 ? here : there),
          { concurrency: "unbounded" }
        )
        expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array.from({ length: 11 }, () => 410)])
        expect(problemOf(yield* begin(token))).toEqual([410, "link_used", "portal_token"])
      }
    }))

  it.effect("are refused when they are none, too late, or their key is gone; and so are their sessions", () =>
    Effect.gen(function*() {
      for (const token of ["", "x", `pl_${"A".repeat(43)}`, `pl_${"*".repeat(43)}`, operatorKey, "p".repeat(9000)]) {
        expect(problemOf(yield* begin(token))).toEqual([401, "unauthorized", "portal_token"])
      }
      const late = yield* link({ expires_in_seconds: 1 })
      const clock = yield* BrokerClock
      yield* until("it is late", Effect.sync(() => clock.now()), (now) => now > late.expiresAt)
      expect(problemOf(yield* begin(late.token))).toEqual([410, "link_expired", "portal_token"])

      const { id, key } = yield* newKey()
      const by = { key, workspace: null }
      const [first, second] = [yield* link({}, by), yield* link({}, by)]
      const signed = yield* signIn({ portal_token: first.token })
      expect((yield* asPage("GET", "/v1/webhooks", signed)).status).toBe(200)
      expect((yield* ask("DELETE", `/v1/api-keys/${id}`, { workspace })).status).toBe(204)
      expect((yield* asPage("GET", "/v1/webhooks", signed)).status).toBe(401)
      expect(problemOf(yield* begin(second.token))).toEqual([401, "unauthorized", "portal_token"])

      const brief = yield* opened([], { session_seconds: 3 })
      expect((yield* asPage("GET", "/v1/webhooks", brief)).status).toBe(200)
      yield* until("it is over", asPage("GET", "/v1/webhooks", brief), ({ status }) => status === 401)
    }))

  it.effect("a portal's session is signed out of like another, and takes the place of a key's", () =>
    Effect.gen(function*() {
      const own = yield* signIn({ api_key: operatorKey })
      const signed = yield* opened(["manage"])
      expect(signed.setCookie).toMatch(/^hookline=; Max-Age=0; /m)
      // Until the browser has thrown the other away: the lesser counts.
      const both = { ...signed, cookie: `${own.cookie}; ${signed.cookie}` }
      expect((yield* asPage("GET", "/v1/session", both)).json.kind).toBe("portal")
      expect((yield* asPage("POST", "/v1/portal-links", both, { body: { rights: [] } })).status).toBe(403)
      expect((yield* asPage("DELETE", "/v1/session", signed)).status).toBe(204)
      expect((yield* asPage("GET", "/v1/session", signed)).status).toBe(401)
      // With the other kind's name it is none.
      const [, value = ""] = own.cookie.split("=")
      const renamed = { ...own, cookie: `__Host-hookline_portal=${value}` }
      expect((yield* asPage("GET", "/v1/session", renamed)).status).toBe(401)
    }))

  it.effect("refuses what is not valid, with the field", () =>
    Effect.gen(function*() {
      const svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>"
      const tries: ReadonlyArray<readonly [object | string, number, string | undefined]> = [
        ["", 400, undefined],
        [{}, 422, "rights"],
        [{ rights: ["keys"] }, 422, "rights[0]"],
        [{ rights: ["read", "publish"] }, 422, "rights[1]"],
        [{ rights: "read" }, 422, "rights"],
        [{ rights: [], workspace_id: "ws_other" }, 422, "workspace_id"],
        [{ rights: [], expires_in_seconds: 0 }, 422, "expires_in_seconds"],
        [{ rights: [], expires_in_seconds: 3601 }, 422, "expires_in_seconds"],
        [{ rights: [], expires_in_seconds: 1.5 }, 422, "expires_in_seconds"],
        [{ rights: [], session_seconds: 86_401 }, 422, "session_seconds"],
        [{ rights: [], brand: { name: "" } }, 422, "brand.name"],
        [{ rights: [], brand: { name: "a\nb" } }, 422, "brand.name"],
        [{ rights: [], brand: { name: "x".repeat(81) } }, 422, "brand.name"],
        [{ rights: [], brand: { accent_color: "red" } }, 422, "brand.accent_color"],
        [{ rights: [], brand: { accent_color: "#12345" } }, 422, "brand.accent_color"],
        [{ rights: [], brand: { accent_color: "#123456;x" } }, 422, "brand.accent_color"],
        [{ rights: [], brand: { url: "https://evil.example" } }, 422, "brand.url"],
        [{ rights: [], brand: { logo: "" } }, 422, "brand.logo"],
        [{ rights: [], brand: { logo: "%%%" } }, 422, "brand.logo"],
        [{ rights: [], brand: { logo: `data:image/png;base64,${png.toString("base64")}` } }, 422, "brand.logo"],
        [logo(svg), 422, "brand.logo"],
        [logo(`\uFEFF  <?xml version="1.0"?>${svg}`), 422, "brand.logo"],
        [logo("<!doctype html><script>alert(1)</script>"), 422, "brand.logo"],
        [logo("RIFF....WAVE"), 422, "brand.logo"],
        [logo(Buffer.concat([png, Buffer.alloc(64 * 1024)])), 422, "brand.logo"]
      ]
      for (const [body, status, field] of tries) {
        const answer = yield* ask("POST", "/v1/portal-links", { body, workspace: "ws_bad" })
        const what = JSON.stringify(body).slice(0, 100)
        expect([what, answer.status, answer.json.error?.field]).toEqual([what, status, field])
        if (what.includes("PHN2Zy")) expect(answer.json.error?.message).toContain("SVG")
      }
      expect(problemOf(yield* ask("POST", "/v1/portal-links", { body: { rights: [] }, workspace: null }))[1])
        .toBe("workspace_missing")
      expect(problemOf(yield* ask("POST", "/v1/portal-links", { body: { rights: [] }, workspace: "_" }))[1])
        .toBe("workspace_reserved")
    }))

  it.effect("a logo is what was uploaded, alone, for ever, and can do nothing", () =>
    Effect.gen(function*() {
      for (const [type, bytes] of Object.entries(pictures)) {
        const { view } = yield* opened([], { brand: { logo: bytes.toString("base64") } })
        const path = (view["brand"] as { readonly logo_url: string }).logo_url
        const { url } = yield* ApiServer
        const response = yield* Effect.promise(() => fetch(url + path))
        expect([response.status, response.headers.get("content-type")]).toEqual([200, type])
        expect(response.headers.get("content-security-policy")).toBe("default-src 'none'; sandbox")
        expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable")
        expect(response.headers.get("x-content-type-options")).toBe("nosniff")
        expect(Buffer.from(yield* Effect.promise(() => response.arrayBuffer())).equals(bytes)).toBe(true)
      }
      for (const id of ["x", "0".repeat(64), "..%2fsession", "0".repeat(63)]) {
        expect((yield* ask("GET", `/v1/portal-logos/${id}`, { key: null, workspace: null })).status).toBe(404)
      }
    }))

  it.effect("of one workspace 100 at once, and 20 new logos; others are not concerned", () =>
    Effect.gen(function*() {
      for (let index = 0; index < 20; index++) expect((yield* make(withLogo(index), "ws_logos")).status).toBe(201)
      const refused = yield* make(withLogo(20), "ws_logos")
      expect(problemOf(refused).slice(0, 2)).toEqual([429, "rate_limited"])
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(60)
      expect((yield* make(withLogo(3), "ws_logos")).status, "one that is there").toBe(201)
      const many = yield* Effect.forEach(
        Array.from({ length: 300 }),
        () => make({ rights: [] }, "ws_many"),
        { concurrency: 50 }
      )
      expect(new Set(many.map(({ status }) => status))).toEqual(new Set([201, 429]))
      expect((yield* make({ rights: [] }, "ws_few")).status).toBe(201)
    }))

  it.effect("no token in clear is in the log, or in anything the broker has stored; and all of it ages out", () =>
    Effect.gen(function*() {
      const { directory } = yield* TestBroker
      const { token } = yield* link()
      const signed = yield* signIn({ portal_token: token })
      yield* begin(token)
      yield* asPage("GET", "/v1/webhooks", signed)
      const lines = log.join("\n")
      expect(lines).toContain("a portal link was made")
      for (const secret of [token, signed.cookie.split("=")[1] ?? "", signed.token]) expect(lines).not.toContain(secret)
      const digest = hash("sha256", token, "hex")
      const store = yield* KeyValue
      expect(yield* store.keys("SESSIONS", "link")).toContain(`link.${digest}`)
      const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
      const found = files.map((file) => readFileSync(join(file.parentPath, file.name)))
      expect(found.some((bytes) => bytes.includes(digest)), "the search would find it").toBe(true)
      expect(found.some((bytes) => bytes.includes(token) || bytes.includes(token.slice(3)))).toBe(false)
    }))
})

layer(apiLayer({ config: { ...config, publicUrl: "https://hooks.example.com" } }), { excludeTestServices: true })(
  "where browsers use https",
  (it) => {
    it.effect("links lead to the public address", () =>
      Effect.gen(function*() {
        expect((yield* link()).address).toBe("https://hooks.example.com/portal")
      }))
  }
)

layer(apiLayer({ config: { ...config, apiRate: 1, apiBurst: 8 } }), { excludeTestServices: true })(
  "rate limits",
  (it) => {
    it.effect("the sessions of a workspace's portals have one allowance, and leave the key its own", () =>
      Effect.gen(function*() {
        const { key } = yield* newKey()
        const { token } = yield* link({}, { key, workspace: null })
        const another = yield* link({}, { key, workspace: null })
        const signed = yield* signIn({ portal_token: token })
        const answers = yield* Effect.forEach(Array.from({ length: 30 }), () => asPage("GET", "/v1/webhooks", signed), {
          concurrency: 10
        })
        expect(answers.map(({ status }) => status)).toContain(429)
        // A link that cannot be opened for that is not used up by it. At once: a second brings a token back.
        const tries: Array<number> = []
        const open = Effect.tap(begin(another.token), ({ status }) => Effect.sync(() => tries.push(status)))
        yield* until("it is opened", open, ({ status }) => status !== 429)
        expect(tries.at(-1)).toBe(200)
        expect(tries).toContain(429)
        expect(problemOf(yield* begin(another.token))).toEqual([410, "link_used", "portal_token"])
        expect((yield* ask("GET", "/v1/webhooks", { key, workspace: null })).status).toBe(200)
      }))
  }
)

/** As anybody may ask it. */
const get = (path: string) => ask("GET", path, { key: null, workspace: null })

layer(apiLayer({ config }), { excludeTestServices: true })("too many without a key", (it) => {
  it.effect("are 429, which uses up no link; a logo that was shown is shown on", () =>
    Effect.gen(function*() {
      const shown = `/v1/portal-logos/${hash("sha256", png, "hex")}`
      const { token } = yield* link({ brand: { logo: png.toString("base64") } })
      expect((yield* get(shown)).status).toBe(200)
      const none = (index: number) => get(`/v1/portal-logos/${hash("sha256", `${index}`, "hex")}`)
      const answers = yield* Effect.forEach(Array.from({ length: 1200 }), (_, index) => none(index), {
        concurrency: 50
      })
      const limited = answers.filter(({ status }) => status === 429)
      // Tokens come back, 50 a second: on a machine that is that slow nothing is proved.
      if (limited.length === 0) return
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404, 429]))
      expect(problemOf(limited[0]!).slice(0, 2)).toEqual([429, "rate_limited"])
      expect(Number(limited[0]!.headers.get("retry-after"))).toBe(1)
      for (let times = 0; times < 100; times++) expect((yield* get(shown)).status).toBe(200)
      const both = yield* Effect.forEach(
        Array.from({ length: 600 }),
        (_, index) => index % 100 === 99 ? begin(token) : begin(`pl_${String(index).padStart(43, "A")}`),
        { concurrency: 50 }
      )
      const statuses = new Set(both.map(({ status }) => status))
      expect(statuses).toContain(401)
      expect(statuses).toContain(429)
      const opened = both.filter(({ status }) => status === 200).length
      const { status } = yield* until("it is answered", begin(token), (answer) => answer.status !== 429)
      expect([opened, status]).toEqual(opened === 0 ? [0, 200] : [1, 410])
    }), 60_000)
})
