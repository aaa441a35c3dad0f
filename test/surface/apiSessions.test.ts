import { describe, expect, layer } from "@effect/vitest"
import { Clock, Context, Effect, Either, Layer } from "effect"
import { request } from "node:http"
import { BrokerClock } from "../../src/broker/BrokerClock.ts"
import { KeyRing } from "../../src/registry/KeyRing.ts"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { anotherApi, type Answer, apiLayer, ask, operatorKey } from "../support/api.ts"
import { TestBroker } from "../support/broker.ts"
import { asPage, cookiesOf, type Signed, signIn } from "../support/browser.ts"
import { reader } from "../support/live.ts"
import { until } from "../support/until.ts"

const newKey = (role = "manage", more: object = {}, workspace = "ws_page") =>
  Effect.map(
    ask("POST", "/v1/api-keys", { body: { name: role, role, ...more }, workspace }),
    ({ json }) => ({ id: String(json.id), key: String(json.key) })
  )
const problemOf = ({ json, status }: Answer) => [status, json.error?.type, json.error?.field]
/** Of a GET with headers that fetch does not let through. */
const statusOf = (headers: Readonly<Record<string, string>>) =>
  Effect.flatMap(ApiServer, ({ host, port }) =>
    Effect.async<number | undefined>((resume) => {
      request({ host, port, path: "/v1/webhooks", headers }, (response) => {
        response.resume()
        resume(Effect.succeed(response.statusCode))
      }).end()
    }))
const asked = (cookie: string) => statusOf({ host: "hooks.example.com", cookie })
const list = (of: Signed) => asPage("GET", "/v1/webhooks", of, { workspace: "ws_page" })
const hook = { url: "http://127.0.0.1:9/", events: ["*"] }
const config = { allowHttp: true, allowCidrs: ["127.0.0.0/8"], masterKeys: `one:${"A".repeat(43)}=` }
const log: Array<string> = []

layer(apiLayer({ config, log: (line) => log.push(line) }), { excludeTestServices: true })("sessions of keys", (it) => {
  it.effect("sign in, look, change, sign out", () =>
    Effect.gen(function*() {
      const { id, key } = yield* newKey()
      const signed = yield* signIn({ api_key: key })
      expect(signed.view).toEqual({
        kind: "key",
        workspace_id: "ws_page",
        rights: ["read", "send", "manage", "publish", "see_keys", "keys"],
        expires_at: expect.stringMatching(/^\d{4}-.*Z$/),
        csrf_token: expect.stringMatching(/^[A-Za-z0-9_-]{32}$/),
        brand: null,
        signature_headers: { hex: "x-webhook-signature", standard_prefix: "webhook" }
      })
      const inHours = (Date.parse(String(signed.view["expires_at"])) - (yield* BrokerClock).now()) / 3_600_000
      expect(inHours).toBeCloseTo(12, 1)
      const [line = ""] = signed.setCookie.split("\n").filter((line) => line.startsWith("hookline="))
      expect(line).toMatch(/; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/)
      expect(line).not.toMatch(/Secure|Domain/)
      const shown = yield* asPage("GET", "/v1/session", signed)
      expect([shown.status, shown.json, shown.headers.get("cache-control")]).toEqual([200, signed.view, "no-store"])
      const listed = yield* asPage("GET", "/v1/webhooks", signed)
      expect([listed.status, listed.headers.get("cache-control")]).toEqual([200, "no-store"])
      expect(Number(listed.headers.get("ratelimit-remaining"))).toBeGreaterThan(0)
      expect((yield* asPage("POST", "/v1/webhooks", signed, { body: hook })).status).toBe(201)
      const out = yield* asPage("DELETE", "/v1/session", signed)
      expect([out.status, out.text, cookiesOf(out.headers).size]).toEqual([204, "", 0])
      expect(out.headers.getSetCookie()).toHaveLength(3)
      // Whoever has kept the cookie has nothing.
      expect(problemOf(yield* asPage("GET", "/v1/session", signed)).slice(0, 2)).toEqual([401, "unauthorized"])
      expect((yield* asPage("GET", "/v1/webhooks", signed)).status).toBe(401)
      expect((yield* asPage("DELETE", "/v1/session", signed)).status).toBe(204)
      expect((yield* ask("GET", "/v1/webhooks", { key, workspace: null })).status).toBe(200)
      expect(log.join("\n")).toMatch(new RegExp(`message=request .*key=${id}`))
      expect(log.join("\n")).not.toContain(signed.cookie)
      expect(log.join("\n")).not.toContain(signed.token)
    }))

  it.effect("an operator's session names its workspace with each request", () =>
    Effect.gen(function*() {
      const signed = yield* signIn({ api_key: operatorKey })
      expect(signed.view).toMatchObject({ kind: "key", workspace_id: null })
      expect((yield* asPage("GET", "/v1/workspaces", signed)).status).toBe(200)
      expect(problemOf(yield* asPage("GET", "/v1/webhooks", signed))[1]).toBe("workspace_missing")
      expect((yield* asPage("GET", "/v1/webhooks", signed, { workspace: "ws_page" })).status).toBe(200)
    }))

  it.effect("has the rights of its key's role", () =>
    Effect.gen(function*() {
      const signed = yield* signIn({ api_key: (yield* newKey("read")).key })
      expect(signed.view["rights"]).toEqual(["read", "see_keys"])
      expect((yield* asPage("GET", "/v1/api-keys", signed)).status).toBe(200)
      const refused = yield* asPage("POST", "/v1/webhooks", signed, { body: hook })
      expect([refused.status, refused.json.error?.message]).toEqual([
        403,
        "this needs a key of role `manage`; the role of this one is `read`"
      ])
      expect((yield* asPage("GET", "/v1/webhooks", signed, { workspace: "ws_other" })).status).toBe(404)
    }))

  it.effect("refuses what is no sign-in", () =>
    Effect.gen(function*() {
      const { key } = yield* newKey()
      const { url } = yield* ApiServer
      const tries: ReadonlyArray<readonly [object | string, Record<string, string>, number, string]> = [
        ["", {}, 400, "malformed_json"],
        [{}, {}, 422, "invalid"],
        [{ api_key: key, portal_token: "x" }, {}, 422, "invalid"],
        [{ api_key: 7 }, {}, 422, "invalid"],
        [{ api_key: key, more: 1 }, {}, 422, "unknown_key"],
        [{ api_key: `${key}x` }, {}, 401, "unauthorized"],
        [{ api_key: "" }, {}, 401, "unauthorized"],
        [{ api_key: "x".repeat(5000) }, {}, 401, "unauthorized"],
        [{ api_key: key }, { origin: "https://evil.example" }, 403, "forbidden"],
        [{ api_key: key }, { origin: "null" }, 403, "forbidden"],
        [{ api_key: key }, { origin: url.replace("http:", "https:") }, 403, "forbidden"]
      ]
      for (const [body, headers, status, type] of tries) {
        const answer = yield* ask("POST", "/v1/session", { key: null, workspace: null, body, headers })
        expect([body, ...problemOf(answer).slice(0, 2)]).toEqual([body, status, type])
        expect(answer.headers.getSetCookie()).toEqual([])
        expect(answer.text).not.toContain(key)
      }
      expect((yield* ask("GET", "/v1/session", { key: null, workspace: null })).status).toBe(401)
      expect((yield* ask("GET", "/v1/session", { key, workspace: null })).status, "a key is no session").toBe(401)
      // Not a browser: it has no Origin, and no cookie of anybody.
      expect((yield* ask("POST", "/v1/session", { key: null, workspace: null, body: { api_key: key } })).status).toBe(
        200
      )
    }))

  it.effect("a change with the cookie needs the token and an own Origin; with a key neither", () =>
    Effect.gen(function*() {
      const { url } = yield* ApiServer
      const { key } = yield* newKey()
      const signed = yield* signIn({ api_key: key })
      const other = yield* signIn({ api_key: key })
      const good = { cookie: signed.cookie, origin: url, "x-csrf-token": signed.token }
      const { origin: _, ...noOrigin } = good
      const { "x-csrf-token": __, ...noToken } = good
      const tries: ReadonlyArray<readonly [Record<string, string>, number, string | undefined]> = [
        [good, 201, undefined],
        [noOrigin, 403, "origin"],
        [{ ...good, origin: "null" }, 403, "origin"],
        [{ ...good, origin: "" }, 403, "origin"],
        [{ ...good, origin: "https://evil.example" }, 403, "origin"],
        [{ ...good, origin: `${url}.evil.example` }, 403, "origin"],
        [{ ...good, origin: url.replace(/:\d+$/, ":1") }, 403, "origin"],
        [{ ...good, origin: url.replace("http:", "https:") }, 403, "origin"],
        [{ ...good, origin: `${url}/` }, 403, "origin"],
        [{ ...noOrigin, referer: `${url}/` }, 403, "origin"],
        [noToken, 403, "x-csrf-token"],
        [{ ...good, "x-csrf-token": "" }, 403, "x-csrf-token"],
        [{ ...good, "x-csrf-token": other.token }, 403, "x-csrf-token"],
        [{ ...good, "x-csrf-token": `${signed.token}x` }, 403, "x-csrf-token"],
        [{ cookie: signed.cookie, authorization: `Bearer ${key}` }, 201, undefined],
        // The header counts, also when it is wrong.
        [{ ...good, authorization: `Bearer ${key}x` }, 401, "authorization"],
        [{ ...good, authorization: "Basic eDp5" }, 401, "authorization"]
      ]
      for (const [headers, status, field] of tries) {
        const answer = yield* ask("POST", "/v1/webhooks", { key: null, workspace: null, body: hook, headers })
        expect([headers, answer.status, answer.json.error?.field]).toEqual([headers, status, field])
      }
      for (const headers of [noOrigin, noToken, { ...good, origin: "https://evil.example" }]) {
        expect((yield* ask("DELETE", "/v1/session", { key: null, workspace: null, headers })).status).toBe(403)
      }
      expect((yield* asPage("GET", "/v1/session", signed)).status).toBe(200)
    }))

  it.effect("what is no cookie of ours is no session", () =>
    Effect.gen(function*() {
      const signed = yield* signIn({ api_key: (yield* newKey()).key })
      const [name = "", value = ""] = signed.cookie.split("=")
      const [version = "", keyId = "", nonce = "", sealed = ""] = value.split(".")
      const flipped = Buffer.from(sealed, "base64url")
      flipped[3] = (flipped[3] ?? 0) ^ 1
      for (
        const cookie of [
          `${name}=`,
          `${name}=x`,
          `${name}=${value}x.y`,
          `${name}=${version}.${keyId}.${nonce}.${flipped.toString("base64url")}`,
          `${name}=${version}.other.${nonce}.${sealed}`,
          `__Host-hookline_portal=${value}`,
          `other=${value}`
        ]
      ) {
        expect([cookie, (yield* asPage("GET", "/v1/webhooks", { ...signed, cookie })).status]).toEqual([cookie, 401])
      }
      // One that somebody else has set beside ours takes nothing away.
      const beside = { ...signed, cookie: `a=b; ${name}=x; ${signed.cookie}; c` }
      expect((yield* asPage("GET", "/v1/webhooks", beside)).status).toBe(200)
    }))

  it.effect("ends with its key: revoked or expired; and never lasts longer", () =>
    Effect.gen(function*() {
      const revoked = yield* newKey()
      const expires = new Date((yield* BrokerClock).now() + 1500).toISOString()
      const brief = yield* newKey("read", { expires_at: expires })
      const [first, second] = [yield* signIn({ api_key: revoked.key }), yield* signIn({ api_key: brief.key })]
      expect(second.view["expires_at"]).toBe(expires)
      expect((yield* ask("DELETE", `/v1/api-keys/${revoked.id}`, { workspace: "ws_page" })).status).toBe(204)
      expect((yield* asPage("GET", "/v1/webhooks", first)).status).toBe(401)
      yield* until("expired", asPage("GET", "/v1/webhooks", second), ({ status }) => status === 401)
    }))

  it.scoped("its live stream ends within 5 s of its end", () =>
    Effect.gen(function*() {
      const { url } = yield* ApiServer
      const keys = [yield* newKey(), yield* newKey(), yield* newKey()]
      const [revoked, out, kept] = yield* Effect.forEach(keys, ({ key }) => signIn({ api_key: key }))
      const watch = (signed: Signed | undefined) =>
        reader((signal) =>
          Effect.promise(() =>
            fetch(`${url}/v1/deliveries/stream`, { headers: { cookie: signed?.cookie ?? "" }, signal })
          )
        )
      const [first, second, third] = [yield* watch(revoked), yield* watch(out), yield* watch(kept)]
      expect([first, second, third].map(({ status }) => status)).toEqual([200, 200, 200])
      yield* ask("DELETE", `/v1/api-keys/${keys[0]?.id}`, { workspace: "ws_page" })
      if (out !== undefined) yield* asPage("DELETE", "/v1/session", out)
      yield* until("their end", Effect.sync(() => first.ended() && second.ended()), (ended) => ended, 5000)
      expect(third.ended()).toBe(false)
    }))

  it.scoped("holds in every process, and so does its end", () =>
    Effect.gen(function*() {
      const { url } = yield* TestBroker
      const there = Context.get(yield* Layer.build(Layer.fresh(anotherApi(url, { config }))), ApiServer)
      const signed = yield* signIn({ api_key: (yield* newKey()).key })
      const elsewhere = <A, E>(request: Effect.Effect<A, E, ApiServer>) =>
        Effect.provideService(request, ApiServer, there)
      yield* until("known there", elsewhere(asPage("GET", "/v1/webhooks", signed)), ({ status }) => status === 200)
      expect((yield* elsewhere(asPage("POST", "/v1/webhooks", signed, { body: hook }))).status).toBe(201)
      expect((yield* elsewhere(asPage("DELETE", "/v1/session", signed))).status).toBe(204)
      yield* until("over here", asPage("GET", "/v1/webhooks", signed), ({ status }) => status === 401, 5000)
      // A process that starts later knows it at once.
      const third = Context.get(yield* Layer.build(Layer.fresh(anotherApi(url, { config }))), ApiServer)
      expect((yield* Effect.provideService(asPage("GET", "/v1/session", signed), ApiServer, third)).status).toBe(401)
    }))

  it.effect("is renewed while it is used, once an hour and for 7 days; is over at its time", () =>
    Effect.gen(function*() {
      const sealer = (yield* KeyRing).sealer("session")
      const now = (yield* BrokerClock).now()
      const hour = 3_600_000
      const signed = yield* signIn({ api_key: (yield* newKey()).key })
      const [, box = ""] = signed.cookie.split("=")
      const stored = JSON.parse(Either.getOrThrow(sealer.open(box))) as Record<string, unknown>
      const aged = (change: object): Signed => ({
        ...signed,
        cookie: `hookline=${sealer.seal(JSON.stringify({ ...stored, ...change }))}`
      })
      const renewedTo = (answer: Answer) => {
        const [value] = [...cookiesOf(answer.headers).values()]
        return value === undefined
          ? undefined
          : JSON.parse(Either.getOrThrow(sealer.open(value))) as Record<string, number>
      }
      expect(renewedTo(yield* asPage("GET", "/v1/webhooks", signed))).toBeUndefined()
      const used = yield* asPage("GET", "/v1/webhooks", aged({ made: now - 2 * hour, expires: now + 10 * hour }))
      const renewed = renewedTo(used)
      expect([used.status, renewed?.["id"], renewed?.["csrf"]]).toEqual([200, stored["id"], stored["csrf"]])
      expect((renewed?.["expires"] ?? 0) - now).toBeGreaterThan(12 * hour - 1)
      // Not beyond 7 days, however much it is used.
      const begun = now - 7 * 24 * hour + 5 * hour
      const old = renewedTo(
        yield* asPage("GET", "/v1/session", aged({ begun, made: now - 2 * hour, expires: now + 3 * hour }))
      )
      expect(old?.["expires"]).toBe(begun + 7 * 24 * hour)
      for (const change of [{ expires: now - 1 }, { fingerprint: "another" }, { key: "none" }, { v: 2 }]) {
        expect([change, (yield* asPage("GET", "/v1/webhooks", aged(change))).status]).toEqual([change, 401])
      }
      // What is signed out of cannot be renewed by a copy of its cookie.
      yield* asPage("DELETE", "/v1/session", signed)
      expect((yield* asPage("GET", "/v1/webhooks", aged({ made: now - 2 * hour }))).status).toBe(401)
    }))

  it.effect("is in the description of the API", () =>
    Effect.gen(function*() {
      const { json } = yield* ask("GET", "/openapi.json")
      expect(json.components?.securitySchemes?.session).toMatchObject({ type: "apiKey", in: "cookie" })
      expect(json.paths?.["/v1/webhooks"]?.post?.security).toEqual([{ bearer: [] }, { session: [] }])
      expect(json.paths?.["/v1/session"]?.post?.security).toEqual([])
    }))
})

describe("where browsers use https", () => {
  const secure = "https://hooks.example.com"
  layer(apiLayer({ config: { ...config, publicUrl: secure } }), { excludeTestServices: true })("", (it) => {
    it.effect("the cookie is for this host only and for TLS only; a plain one says nothing there", () =>
      Effect.gen(function*() {
        const { url } = yield* ApiServer
        const { key } = yield* newKey()
        const signed = yield* signIn({ api_key: key }, { origin: secure })
        expect(signed.setCookie).toMatch(/^__Host-hookline=v1\.[^;]+; .*Path=\/; HttpOnly; Secure; SameSite=Strict$/m)
        const change = (origin: string) =>
          Effect.map(
            asPage("POST", "/v1/webhooks", signed, { body: hook, headers: { origin } }),
            ({ status }) => status
          )
        expect(yield* change(secure)).toBe(201)
        expect(yield* change("http://hooks.example.com")).toBe(403)
        expect(yield* change("https://other.example.com")).toBe(403)
        expect(yield* asked(signed.cookie)).toBe(200)
        // Reached directly, as an operator does on the machine itself.
        const direct = yield* signIn({ api_key: key }, { origin: url })
        expect(direct.setCookie).toMatch(/^hookline=v1/m)
        expect((yield* asPage("POST", "/v1/webhooks", direct, { body: hook })).status).toBe(201)
        expect(yield* asked(direct.cookie), "anybody on the way could have set it").toBe(401)
      }))
  })
})

layer(apiLayer({ config }), { excludeTestServices: true })("while the broker is away", (it) => {
  it.effect(
    "sessions are in doubt, the operator's too, while its key goes on; signing out says that it could not be done, and can be repeated",
    () =>
      Effect.gen(function*() {
        const broker = yield* TestBroker
        const signed = yield* signIn({ api_key: (yield* newKey()).key })
        const operator = yield* signIn({ api_key: operatorKey })
        yield* broker.kill
        yield* until("in doubt", list(signed), ({ status }) => status === 503, 6000)
        yield* until("in doubt", list(operator), ({ status }) => status === 503, 6000)
        expect((yield* ask("GET", "/v1/webhooks", { workspace: "ws_page" })).status).toBe(200)
        const out = yield* asPage("DELETE", "/v1/session", operator)
        expect(problemOf(out).slice(0, 2)).toEqual([503, "broker_unavailable"])
        expect(out.headers.getSetCookie()).toEqual([])
        const { status } = yield* ask("POST", "/v1/session", {
          key: null,
          workspace: null,
          body: { portal_token: `pl_${"A".repeat(43)}` }
        })
        expect(status).toBe(503)
        yield* broker.restart
        yield* until("confirmed", list(signed), ({ status }) => status === 200, 30_000)
        yield* until("confirmed", list(operator), ({ status }) => status === 200, 30_000)
        yield* until("signed out", asPage("DELETE", "/v1/session", operator), ({ status }) => status === 204, 30_000)
        expect((yield* list(operator)).status).toBe(401)
      }),
    90_000
  )
})

layer(apiLayer({ config: { ...config, apiRate: 1, apiBurst: 5 } }), { excludeTestServices: true })(
  "rate limits",
  (it) => {
    it.effect("a key and its sessions have one allowance", () =>
      Effect.gen(function*() {
        const { key } = yield* newKey()
        const at = Clock.make().unsafeCurrentTimeMillis()
        const signed = yield* signIn({ api_key: key })
        for (let count = 0; count < 4; count++) yield* asPage("GET", "/v1/webhooks", signed)
        const limited = yield* asPage("GET", "/v1/webhooks", signed)
        // Tokens come back, one a second: on a machine that is that slow nothing is proved.
        if (Clock.make().unsafeCurrentTimeMillis() - at > 900) return
        expect(limited.status).toBe(429)
        expect((yield* ask("GET", "/v1/webhooks", { key, workspace: null })).status).toBe(429)
      }))
  }
)
