import { HttpApi } from "@effect/platform"
import { describe, expect, layer } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Option, TestClock } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { BrokerClock } from "../../src/broker/BrokerClock.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { type Role, roles } from "../../src/model/ApiKey.ts"
import { WorkspaceId } from "../../src/model/Id.ts"
import { rightsOf, rolesWith } from "../../src/model/Right.ts"
import { ApiKeys } from "../../src/registry/ApiKeys.ts"
import { HooklineApi } from "../../src/surface/api/Contract.ts"
import { accessOf, type Needed, routeName } from "../../src/surface/api/contract/Access.ts"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { anotherApi, type Answer, apiLayer, type Ask, ask, operatorKey } from "../support/api.ts"
import { TestBroker } from "../support/broker.ts"
import { until } from "../support/worker.ts"

interface Route {
  readonly method: string
  readonly path: string
  readonly needed: Needed
}

const needs = accessOf(HooklineApi)
const routes: Array<Route> = []
HttpApi.reflect(HooklineApi, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint: { method, path }, middleware }) => {
    const needed = needs.get(routeName(method, path))
    if (middleware.size > 0 && needed !== undefined) routes.push({ method, path, needed })
  }
})

const make = (body: object, more: Ask = {}) =>
  Effect.map(ask("POST", "/v1/api-keys", { body, ...more }), (answer) => {
    expect([answer.status, answer.text.slice(0, 200)]).toEqual([201, expect.any(String)])
    return { id: String(answer.json.id), key: String(answer.json.key) }
  })

/** A key of each role, of one workspace. */
const keysOf = (workspace: string) =>
  Effect.map(
    Effect.forEach(roles, (role) => make({ name: role, role }, { workspace })),
    ([publish, read, manage]) =>
      ({ publish, read, manage }) as Record<Role, { readonly id: string; readonly key: string }>
  )

const get = (path: string, more: Ask = {}) => ask("GET", path, more)
/** The status of a list of webhooks. */
const listing = (more: Ask) => Effect.map(get("/v1/webhooks", more), ({ status }) => status)
/** How many webhooks a key sees. */
const listed = (key: string, workspace: string | null) =>
  Effect.map(get("/v1/webhooks", { key, workspace }), ({ json }) => (json.data as unknown as Array<unknown>).length)
/** When a key of ws_used was used last, as the API says it. */
const shown = (of: string) =>
  Effect.map(
    get("/v1/api-keys", { workspace: "ws_used" }),
    ({ json }) =>
      (json.data as unknown as Array<{ readonly id: string; readonly last_used_at: string | null }>)
        .find(({ id }) => id === of)?.last_used_at
  )
const limits = ({ headers }: Answer) =>
  ["limit", "remaining", "reset"].map((name) => Number(headers.get(`ratelimit-${name}`) ?? Number.NaN))

const log: Array<string> = []
const config = { allowHttp: true, allowCidrs: ["127.0.0.0/8"] }
const problemOf = ({ json, status }: Answer) => [status, json.error?.type]

layer(apiLayer({ config, log: (line) => log.push(line) }), { excludeTestServices: true })("API keys", (it) => {
  it.effect("every route, under every role: what the contract says, and 403 names the role that is needed", () =>
    Effect.gen(function*() {
      const keys = yield* keysOf("ws_roles")
      expect(routes.length).toBeGreaterThan(18)
      for (const { method, needed, path } of routes) {
        for (const role of roles) {
          // An id that is nobody's, and a body that is no JSON: whoever may use the route gets a 4xx of its own, and changes nothing.
          const answer = yield* ask(method, path.replaceAll(/:\w+/g, "none"), {
            key: keys[role].key,
            workspace: null,
            ...(method === "GET" ? {} : { body: "{" })
          })
          const { right, scope } = needed
          const allowed = scope !== "operator" && (right === "any" || rightsOf[role].has(right))
          const what = `${method} ${path} as ${role}: ${answer.text}`
          expect(answer.status !== 403, what).toBe(allowed)
          expect(answer.status, what).toBeLessThan(500)
          expect([401, 429], what).not.toContain(answer.status)
          if (!allowed) {
            expect(answer.json.error, what).toMatchObject({
              type: "forbidden",
              message: expect.stringContaining(
                scope === "operator" || right === "any" ? "operator's key" : `\`${rolesWith(right)[0]}\``
              )
            })
          }
        }
      }
    }))

  it.effect("what the roles may: to publish, to read, to manage", () =>
    Effect.gen(function*() {
      const keys = yield* keysOf("ws_1")
      const event = { event: "project.created", data: {} }
      const hook = { url: "http://127.0.0.1:9/", events: ["*"] }
      const tries: ReadonlyArray<readonly [string, string, object | undefined, Record<Role, number>]> = [
        ["POST", "/v1/events", event, { publish: 202, read: 403, manage: 202 }],
        ["POST", "/v1/events/batch", [event], { publish: 202, read: 403, manage: 202 }],
        ["GET", "/v1/event-types", undefined, { publish: 200, read: 200, manage: 200 }],
        ["GET", "/v1/webhooks", undefined, { publish: 403, read: 200, manage: 200 }],
        ["POST", "/v1/webhooks", hook, { publish: 403, read: 403, manage: 201 }],
        ["GET", "/v1/quarantine", undefined, { publish: 403, read: 200, manage: 200 }],
        ["GET", "/v1/api-keys", undefined, { publish: 403, read: 200, manage: 200 }],
        ["POST", "/v1/api-keys", { name: "n", role: "read" }, { publish: 403, read: 403, manage: 201 }]
      ]
      for (const [method, path, body, expected] of tries) {
        for (const role of roles) {
          const answer = yield* ask(method, path, { key: keys[role].key, workspace: null, body } as Ask)
          expect([method, path, role, answer.status]).toEqual([method, path, role, expected[role]])
        }
      }
    }))

  it.effect("a key sees its workspace only, whether it names it or not", () =>
    Effect.gen(function*() {
      const one = (yield* keysOf("ws_see1")).manage
      const two = (yield* keysOf("ws_see2")).manage
      const body = { url: "http://127.0.0.1:9/", events: ["*"] }
      const made = yield* ask("POST", "/v1/webhooks", { key: one.key, workspace: null, body })
      expect(made.status).toBe(201)
      expect(yield* listed(one.key, null)).toBe(1)
      expect(yield* listed(one.key, "ws_see1")).toBe(1)
      expect(yield* listed(two.key, null)).toBe(0)
      expect(yield* listed(operatorKey, "ws_see1")).toBe(1)
      const event = yield* ask("POST", "/v1/events", {
        key: one.key,
        workspace: null,
        body: { event: "project.created", workspace_id: "ws_see2", data: {} }
      })
      expect(problemOf(event)).toEqual([422, "workspace_mismatch"])
    }))

  it.effect("is shown once, listed newest first in pages, revoked once and for all", () =>
    Effect.gen(function*() {
      const more = { workspace: "ws_list" }
      const body = { name: "billing service", role: "publish", expires_at: "2999-01-01T01:00:00+01:00" }
      const created = yield* ask("POST", "/v1/api-keys", { body, ...more })
      expect(created.json).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{24}$/),
        name: "billing service",
        role: "publish",
        scope: "workspace",
        workspace_id: "ws_list",
        created_at: expect.any(String),
        expires_at: "2999-01-01T00:00:00.000Z",
        last_used_at: null,
        key: expect.stringMatching(new RegExp(`^hk_${String(created.json.id)}_[A-Za-z0-9]{43}$`))
      })
      const ids = [String(created.json.id)]
      for (let count = 0; count < 6; count++) ids.unshift((yield* make({ name: `${count}`, role: "read" }, more)).id)
      const pages: Array<string> = []
      let query = "?limit=3"
      for (;;) {
        const { json, text } = yield* ask("GET", `/v1/api-keys${query}`, more)
        expect(text).not.toMatch(/hk_|sha256|secret/)
        const data = json.data as unknown as ReadonlyArray<{ id: string; created_at: string }>
        expect(data.map(({ created_at: at }) => at)).toEqual(
          data.map(({ created_at: at }) => at).toSorted().toReversed()
        )
        pages.push(...data.map(({ id }) => id))
        if (json.next === null) break
        expect(data).toHaveLength(3)
        query = `?limit=3&cursor=${String(json.next)}`
      }
      expect(pages.toSorted()).toEqual(ids.toSorted())
      const path = `/v1/api-keys/${ids[0]}`
      for (const expected of [204, 204]) expect((yield* ask("DELETE", path, more)).status).toBe(expected)
      expect(problemOf(yield* ask("DELETE", path, { workspace: "ws_other" }))).toEqual([404, "api_key_not_found"])
      expect(problemOf(yield* ask("DELETE", "/v1/api-keys/none", more))).toEqual([404, "api_key_not_found"])
      expect((yield* ask("GET", "/v1/api-keys", more)).text).not.toContain(ids[0])
    }))

  it.effect("refuses what is not valid, with the field", () =>
    Effect.gen(function*() {
      const good = { name: "n", role: "read" }
      const tries: ReadonlyArray<readonly [object | string, number, string | undefined]> = [
        ["", 400, undefined],
        ["{", 400, undefined],
        [{}, 422, "name"],
        [{ ...good, name: "" }, 422, "name"],
        [{ ...good, name: " " }, 422, "name"],
        [{ ...good, name: "x".repeat(201) }, 422, "name"],
        [{ ...good, name: "a\nb" }, 422, "name"],
        [{ ...good, name: "a\u001b[2J" }, 422, "name"],
        [{ ...good, name: 7 }, 422, "name"],
        [{ name: "n" }, 422, "role"],
        [{ ...good, role: "admin" }, 422, "role"],
        [{ ...good, scope: "all" }, 422, "scope"],
        [{ ...good, expires_at: "tomorrow" }, 422, "expires_at"],
        [{ ...good, expires_at: "2020-01-01T00:00:00Z" }, 422, "expires_at"],
        [{ ...good, workspace_id: "ws_2" }, 422, "workspace_id"],
        [{ ...good, key: "hk_mine_0123456789abcdef" }, 422, "key"]
      ]
      for (const [body, status, field] of tries) {
        const answer = yield* ask("POST", "/v1/api-keys", { body, workspace: "ws_bad" })
        expect([body, answer.status, answer.json.error?.field]).toEqual([body, status, field])
      }
      for (const query of ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=1-", "scope=all"]) {
        const answer = yield* ask("GET", `/v1/api-keys?${query}`, { workspace: "ws_bad" })
        expect([query, answer.status, answer.json.error?.field]).toEqual([query, 422, query.split("=")[0]])
      }
      yield* make({ ...good, name: "é".repeat(200) }, { workspace: "ws_bad" })
      expect(
        ((yield* ask("GET", "/v1/api-keys", { workspace: "ws_bad" })).json.data as unknown as Array<unknown>).length
      )
        .toBe(1)
    }))

  it.effect("at most 1,000 keys a workspace: 409 that says what to do, and another workspace is not concerned", () =>
    Effect.gen(function*() {
      const keys = yield* ApiKeys
      const workspaceId = WorkspaceId.make("ws_full")
      const one = keys.create({ workspaceId, role: "read", name: "n", expiresAt: undefined })
      yield* Effect.forEach(Array.from({ length: 1000 }), () => one, { concurrency: 100, discard: true })
      const body = { name: "one more", role: "read" }
      const refused = yield* ask("POST", "/v1/api-keys", { body, workspace: "ws_full" })
      expect([...problemOf(refused), refused.json.error?.message]).toEqual([
        409,
        "too_many_keys",
        expect.stringContaining("revoke some")
      ])
      yield* make(body, { workspace: "ws_not_full" })
    }))

  it.effect("the operator's keys: made, seen and revoked by an operator's key only, with its role", () =>
    Effect.gen(function*() {
      const managing = (yield* keysOf("ws_1")).manage
      const body = { name: "ops", role: "read", scope: "operator" }
      expect(problemOf(yield* ask("POST", "/v1/api-keys", { body, key: managing.key, workspace: null }))).toEqual([
        403,
        "forbidden"
      ])
      const scoped = yield* ask("GET", "/v1/api-keys?scope=operator", { key: managing.key, workspace: null })
      expect(problemOf(scoped)).toEqual([403, "forbidden"])
      const reading = yield* make(body, { workspace: null })
      const operator = yield* make({ ...body, role: "manage" }, { workspace: "ws_1" })
      const listed = yield* ask("GET", "/v1/api-keys?scope=operator", { workspace: null })
      expect((listed.json.data as unknown as Array<{ id: string }>).map(({ id }) => id)).toEqual(
        expect.arrayContaining([reading.id, operator.id])
      )
      expect((yield* ask("GET", "/v1/api-keys")).text).not.toContain(operator.id)
      // It names its workspace, as the key of the settings does, and may see `_`.
      expect((yield* ask("GET", "/v1/webhooks", { key: reading.key, workspace: "ws_2" })).status).toBe(200)
      expect(problemOf(yield* ask("GET", "/v1/webhooks", { key: reading.key, workspace: null }))).toEqual([
        400,
        "workspace_missing"
      ])
      expect((yield* ask("GET", "/v1/quarantine", { key: reading.key, workspace: "_" })).status).toBe(200)
      expect((yield* ask("POST", "/v1/api-keys", { body, key: reading.key, workspace: null })).status).toBe(403)
      expect((yield* ask("DELETE", `/v1/api-keys/${reading.id}`, { key: managing.key, workspace: null })).status).toBe(
        404
      )
      expect((yield* ask("DELETE", `/v1/api-keys/${managing.id}`, { workspace: null })).status).toBe(400)
      // With another operator's key, and by itself.
      expect((yield* ask("DELETE", `/v1/api-keys/${reading.id}`, { key: operator.key, workspace: null })).status).toBe(
        204
      )
      expect((yield* ask("DELETE", `/v1/api-keys/${operator.id}`, { key: operator.key, workspace: null })).status).toBe(
        204
      )
      for (const { key } of [reading, operator]) {
        expect((yield* ask("GET", "/v1/webhooks", { key, workspace: "ws_1" })).status).toBe(401)
      }
      // The key of the settings is in no list, and nothing revokes it.
      expect((yield* ask("DELETE", "/v1/api-keys/op", { workspace: "ws_1" })).status).toBe(404)
      expect((yield* ask("GET", "/v1/webhooks")).status).toBe(200)
    }))

  it.effect("malformed, wrong, foreign and expired keys are 401", () =>
    Effect.gen(function*() {
      const { id, key } = yield* make({ name: "n", role: "manage" })
      const other = yield* make({ name: "n", role: "manage" })
      const secret = key.slice(`hk_${id}_`.length)
      const otherSecret = other.key.slice(`hk_${other.id}_`.length)
      const wrong = [
        id,
        secret,
        `hk_${id}`,
        `hk_${id}_`,
        `hk_${id}_${secret.slice(0, -1)}`,
        `hk_${id}_${secret}0`,
        `hk_${id}_${secret.toLowerCase()}`,
        `hk_${id}_${otherSecret}`,
        `hk_${other.id}_${secret}`,
        `HK_${id}_${secret}`,
        `hk_${id.toUpperCase()}_${secret}`,
        `hk__${secret}`,
        `hk_${"0".repeat(24)}_${secret}`,
        `hk_op_${secret}`,
        `hk_constructor_${secret}`,
        `${key}.`,
        "x".repeat(513)
      ]
      for (const each of wrong) {
        const answer = yield* ask("GET", "/v1/webhooks", { key: each })
        expect([each, ...problemOf(answer)]).toEqual([each, 401, "unauthorized"])
        expect(answer.headers.get("www-authenticate")).toBe("Bearer")
        expect(answer.headers.get("ratelimit-limit"), "says nothing to whom it does not know").toBeNull()
        expect(answer.text).not.toContain(secret)
      }
      expect((yield* ask("GET", "/v1/webhooks", { key })).status).toBe(200)

      const now = (yield* BrokerClock).now()
      const brief = yield* make({ name: "n", role: "read", expires_at: new Date(now + 2_000).toISOString() })
      expect((yield* ask("GET", "/v1/webhooks", { key: brief.key })).status).toBe(200)
      yield* until(
        "expired",
        Effect.map(ask("GET", "/v1/webhooks", { key: brief.key }), ({ status }) => status === 401)
      )
      expect((yield* BrokerClock).now()).toBeGreaterThanOrEqual(now + 2_000)
    }))

  it.effect(
    "a revoked key is refused at once here and within 5 s by another process; a new one is known there",
    () =>
      Effect.gen(function*() {
        const { url } = yield* TestBroker
        const there = Context.get(yield* Layer.build(Layer.fresh(anotherApi(url, { config }))), ApiServer)
        const askThere = (key: string) =>
          ask("GET", "/v1/webhooks", { key, workspace: null }).pipe(
            Effect.provideService(ApiServer, there),
            Effect.map(({ status }) => status)
          )
        const live = Clock.make()
        for (let round = 0; round < 3; round++) {
          const { id, key } = yield* make({ name: "n", role: "read" })
          yield* until("known there", Effect.map(askThere(key), (status) => status === 200))
          expect((yield* ask("DELETE", `/v1/api-keys/${id}`)).status).toBe(204)
          const at = live.unsafeCurrentTimeMillis()
          expect((yield* ask("GET", "/v1/webhooks", { key })).status).toBe(401)
          yield* until("revoked there", Effect.map(askThere(key), (status) => status === 401), 5000)
          expect(live.unsafeCurrentTimeMillis() - at).toBeLessThan(5000)
        }
      }).pipe(Effect.scoped),
    60_000
  )

  it.effect("its last use is shown, and written once a minute at most", () =>
    Effect.gen(function*() {
      const store = yield* KeyValue
      const revision = (id: string) =>
        Effect.map(store.get("API_KEYS", id), (entry) => Option.getOrThrow(entry).revision)
      const { id, key } = yield* make({ name: "n", role: "read" }, { workspace: "ws_used" })
      const unused = yield* make({ name: "n", role: "read" }, { workspace: "ws_used" })
      const made = yield* revision(id)
      for (let count = 0; count < 20; count++) {
        yield* ask("GET", "/v1/webhooks", { key, workspace: null })
      }
      yield* until(
        "shown",
        Effect.map(shown(id), (at) => at !== null)
      )
      const written = yield* revision(id)
      expect(written).toBeGreaterThan(made)
      const first = yield* shown(id)
      for (let count = 0; count < 20; count++) yield* ask("GET", "/v1/webhooks", { key, workspace: null })
      // A use of another key that is written after them: they were not.
      yield* ask("GET", "/v1/webhooks", { key: unused.key, workspace: null })
      yield* until("shown", Effect.map(shown(unused.id), (at) => at !== null))
      expect(yield* revision(id)).toBe(written)
      expect(yield* shown(id)).toBe(first)
    }))

  it.effect("no key in clear is in the log, or in anything the broker has stored", () =>
    Effect.gen(function*() {
      const { directory } = yield* TestBroker
      const { id, key } = yield* make({ name: "canary", role: "manage" })
      yield* ask("GET", "/v1/webhooks", { key, workspace: null })
      yield* ask("GET", "/v1/webhooks", { key: `${key}x`, workspace: null })
      yield* ask("GET", `/v1/webhooks?key=${key}`, { key, workspace: null })
      yield* ask("DELETE", `/v1/api-keys/${id}`)
      yield* ask("GET", "/v1/webhooks", { key, workspace: null })
      const secret = key.slice(`hk_${id}_`.length)
      const lines = log.join("\n")
      expect(lines).toMatch(new RegExp(`message=request .*key=${id}`))
      expect(lines).not.toContain(secret)
      const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
      const found = files.map((file) => readFileSync(join(file.parentPath, file.name)))
      expect(found.some((bytes) => bytes.includes(id)), "the search would find it").toBe(true)
      expect(found.some((bytes) => bytes.includes(secret))).toBe(false)
    }))
})

describe("rate limits", () => {
  layer(apiLayer({ config: { ...config, apiRate: 2, apiBurst: 5 } }))("of a key", (it) => {
    it.effect("a burst, then the rate: 429 with Retry-After, and the standard headers on every answer", () =>
      Effect.gen(function*() {
        const { key } = yield* make({ name: "n", role: "manage" })
        const mine = { key, workspace: null }
        expect(limits(yield* get("/v1/webhooks", mine))).toEqual([5, 4, 1])
        const missing = yield* get("/v1/webhooks/wh_none", mine)
        expect([missing.status, ...limits(missing)], "on an error too").toEqual([404, 5, 3, 1])
        const refused = yield* ask("POST", "/v1/events", { ...mine, body: "{" })
        expect([refused.status, ...limits(refused)]).toEqual([400, 5, 2, 2])
        const foreign = yield* get("/v1/webhooks", { key, workspace: "ws_2" })
        expect([foreign.status, ...limits(foreign)]).toEqual([404, 5, 1, 2])
        expect(limits(yield* get("/v1/webhooks", mine))).toEqual([5, 0, 3])
        const limited = yield* get("/v1/webhooks", mine)
        expect([...problemOf(limited), ...limits(limited)]).toEqual([429, "rate_limited", 5, 0, 3])
        expect(limited.headers.get("retry-after")).toBe("1")
        expect((yield* ask("POST", "/v1/events", { ...mine, body: { event: "project.created", data: {} } })).status)
          .toBe(429)

        expect((yield* get("/v1/webhooks")).status, "the operator's has its own").toBe(200)
        expect((yield* get("/v1/webhooks", { key: `${key}x` })).status, "a wrong key is still wrong").toBe(401)
        expect((yield* get("/healthz", { key: null, workspace: null })).headers.get("ratelimit-limit")).toBeNull()

        yield* TestClock.adjust("500 millis")
        expect((yield* get("/v1/webhooks", mine)).status).toBe(200)
        expect((yield* get("/v1/webhooks", mine)).status).toBe(429)
        yield* TestClock.adjust("1 hours")
        expect(limits(yield* get("/v1/webhooks", mine))).toEqual([5, 4, 1])
      }))
  })

  const lines: Array<string> = []
  layer(apiLayer({ config, log: (line) => lines.push(line) }))("of guesses", (it) => {
    it.effect(
      "a flood of keys that are none is 401 each, locks nobody out, and is said once a minute",
      () =>
        Effect.gen(function*() {
          const { id, key } = yield* make({ name: "n", role: "read" })
          const guess = (count: number) =>
            Effect.forEach(
              Array.from({ length: count }),
              (_, index) =>
                ask("GET", "/v1/webhooks", {
                  key: `hk_${index % 2 === 0 ? id : index}_${"x".repeat(43)}`,
                  workspace: null
                }),
              { concurrency: 20 }
            )
          const said = () => lines.filter((line) => line.includes("API keys that are not valid")).length
          expect(new Set((yield* guess(1000)).map(({ status }) => status))).toEqual(new Set([401]))
          expect(said()).toBe(0)
          expect(new Set((yield* guess(50)).map(({ status }) => status))).toEqual(new Set([401]))
          expect(said()).toBe(1)
          expect((yield* ask("GET", "/v1/webhooks", { key, workspace: null })).status).toBe(200)
          expect(lines.join("\n")).not.toContain("x".repeat(43))
        }),
      30_000
    )
  })

  layer(apiLayer({ config }), { excludeTestServices: true })("while the broker is away", (it) => {
    it.effect(
      "a key that cannot be confirmed is 503 after some seconds; the operator's of the settings goes on",
      () =>
        Effect.gen(function*() {
          const broker = yield* TestBroker
          const { key } = yield* make({ name: "n", role: "read" })
          const mine = { key, workspace: null }
          expect(yield* listing(mine)).toBe(200)
          yield* broker.kill
          yield* until("in doubt", Effect.map(listing(mine), (status) => status === 503), 5000)
          const refused = yield* ask("GET", "/v1/webhooks", mine)
          expect(problemOf(refused)).toEqual([503, "broker_unavailable"])
          expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0)
          expect(yield* listing({})).toBe(200)
          expect(yield* listing({ key: `${key}x` })).toBe(401)
          yield* broker.restart
          yield* until("confirmed", Effect.map(listing(mine), (status) => status === 200), 30_000)
        }),
      60_000
    )
  })
})
