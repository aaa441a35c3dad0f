import { HttpApi } from "@effect/platform"
import { expect, layer } from "@effect/vitest"
import { Effect, Option, SchemaAST } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { EventId, WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import { portalRights, type Right, rightsOf } from "../../src/model/Right.ts"
import { HooklineApi } from "../../src/surface/api/Contract.ts"
import { accessOf, routeName } from "../../src/surface/api/contract/Access.ts"
import { type Answer, apiLayer, type Ask, ask, recorded } from "../support/api.ts"
import { asPage, signIn } from "../support/browser.ts"
import { delivery } from "../support/delivery.ts"
import { until } from "../support/until.ts"

interface Route {
  readonly method: string
  readonly path: string
  /** The parameters of its query that name something: those that end in `_id`. */
  readonly naming: ReadonlyArray<string>
}

/** Every route of a workspace; what is the operator's only says so, to whomever (apiKeys.test.ts). */
const routes: Array<Route> = []
const needs = accessOf(HooklineApi)
HttpApi.reflect(HooklineApi, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint: { method, path, urlParamsSchema }, middleware }) => {
    if (middleware.size === 0 || needs.get(routeName(method, path))?.scope === "operator") return
    const query = Option.match(urlParamsSchema, {
      onNone: () => [],
      onSome: ({ ast }) => SchemaAST.getPropertySignatures(SchemaAST.encodedAST(ast)).map(({ name }) => String(name))
    })
    routes.push({ method, path, naming: query.filter((name) => name.endsWith("_id")) })
  }
})

const own = "ws_own"
const body = ({ method }: Route): Ask => method === "GET" ? {} : { body: {} }

const get = (path: string) => ask("GET", path, { workspace: own })
const made = (path: string, body?: object) =>
  Effect.map(
    ask("POST", path, { workspace: own, ...(body === undefined ? {} : { body }) }),
    ({ json, status, text }) => {
      expect([201, 202], text).toContain(status)
      return json
    }
  )
const managing = (workspace: string) =>
  Effect.map(
    ask("POST", "/v1/api-keys", { workspace, body: { name: "manages", role: "manage" } }),
    ({ json }) => String(json.key)
  )

/** A session of a key that manages, and one of a portal with each right. */
const sessionsOf = (workspace: string, key: string) =>
  Effect.gen(function*() {
    const all = [{ rights: rightsOf.manage, signed: yield* signIn({ api_key: key }) }]
    for (const right of portalRights) {
      const { json } = yield* ask("POST", "/v1/portal-links", { workspace, body: { rights: [right] } })
      const signed = yield* signIn({ portal_token: String(json.url).split("#")[1] })
      all.push({ rights: new Set<Right>(["read", right]), signed })
    }
    return all
  })

/** One of each kind of thing in the owner's workspace: its id, by the part of a path that comes before such an id. */
const things = Effect.gen(function*() {
  const log = yield* AppendLog
  const streams = yield* Streams
  const webhook = String((yield* made("/v1/webhooks", { url: "http://127.0.0.1:9/", events: ["*"] })).id)
  const event = String((yield* made("/v1/events", { event: "project.created", data: {} })).id)
  const { lastSequence } = yield* streams.state("EVENTS")
  yield* recorded({
    kind: "failed",
    at: Date.UTC(2025, 2, 23),
    delivery: delivery({
      workspaceId: WorkspaceId.make(own),
      webhookId: WebhookId.make(webhook),
      eventId: EventId.make(event),
      eventSequence: lastSequence,
      state: "failed"
    })
  })
  yield* until("the history has the event", get(`/v1/events/${event}`), ({ status }) => status === 200)
  const entry = yield* log.append({
    subject: `quarantine.${own}.unknown_type`,
    data: "{}",
    headers: {
      "Hookline-Reason": "unknown_type",
      "Hookline-Message": "why it is no event",
      "Hookline-Subject": `events.${own}.project.exploded`,
      "Hookline-Sequence": "7",
      "Hookline-Time": "2025-03-23T14:35:21.000Z"
    }
  })
  const ids: Readonly<Record<string, string>> = {
    webhooks: webhook,
    events: event,
    deliveries: String((yield* get("/v1/deliveries")).json.data?.[0]?.id),
    jobs: String((yield* made(`/v1/webhooks/${webhook}/recover`)).id),
    quarantine: `qrn_${entry.sequence}`,
    "api-keys": String((yield* made("/v1/api-keys", { name: "reads", role: "read" })).id)
  }
  return ids
})

/** What a parameter of a query names, and what a foreign one gets: the parent of what is listed is 404, a filter finds nothing. */
const queries: Readonly<Record<string, { readonly kind: string; readonly status: number }>> = {
  webhook_id: { kind: "webhooks", status: 404 },
  event_id: { kind: "events", status: 200 }
}

/** Fails when a test has forgotten to make one. */
const known = <A>(all: Readonly<Record<string, A>>, kind: string, { method, path }: Route): A => {
  const found = all[kind]
  if (found === undefined) throw new Error(`${method} ${path}: this test makes nothing that \`${kind}\` could name`)
  return found
}

const pathOf = (route: Route, ids: Readonly<Record<string, string>>): string => {
  const path = route.path.replaceAll(/([\w-]+)\/:\w+/g, (_, kind: string) => `${kind}/${known(ids, kind, route)}`)
  if (path.includes(":")) {
    throw new Error(`${route.method} ${route.path}: this test does not see what its parameter names`)
  }
  return path
}

/** One request for each thing that a route can name, and what a foreign key gets. */
const naming = (route: Route, ids: Readonly<Record<string, string>>) => {
  const path = pathOf(route, ids)
  return [
    ...(route.path.includes(":") ? [{ route, at: path, status: 404 }] : []),
    ...route.naming.map((name) => {
      const { kind, status } = known(queries, name, route)
      return { route, at: `${path}?${name}=${known(ids, kind, route)}`, status }
    })
  ]
}

/** How far the history has read is no part of a thing, nor is the time up to which figures are asked for: now. */
const lasting = ({ text }: Answer, { path }: Route) =>
  text.replace(/"behind":\d+/, "").replace(path === "/v1/stats" ? /"(from|to)":"[^"]*"/g : "", "")

layer(
  apiLayer({ config: { allowHttp: true, allowCidrs: ["127.0.0.0/8"] } }),
  { excludeTestServices: true }
)("another workspace", (it) => {
  it.effect("every route, with real ids of another workspace: 404, nothing of it is shown, and nothing of it changes", () =>
    Effect.gen(function*() {
      const ids = yield* things
      const owner = { key: yield* managing(own), workspace: null }
      const foreign = yield* managing("ws_foreign")
      const requests = routes.flatMap((route) => naming(route, ids))
      expect(requests.length).toBeGreaterThan(20)
      const lists = routes.filter(({ method, path }) => method === "GET" && !path.includes(":"))
      const reads = requests.filter(({ route }) => route.method === "GET")
      // The positive control: the ids are there to be found.
      const shown = Effect.forEach(
        reads,
        ({ at, route, status }) =>
          Effect.map(ask(route.method, at, owner), (answer) => {
            expect([at, answer.status]).toEqual([at, 200])
            if (status === 200) expect(answer.json.data, at).not.toEqual([])
            return [at, lasting(answer, route)] as const
          })
      )
      const before = yield* shown

      for (const { at, route, status } of requests) {
        for (
          const more of [{ key: foreign, workspace: null }, { key: foreign, workspace: "ws_foreign" }, {
            workspace: "ws_foreign"
          }]
        ) {
          const answer = yield* ask(route.method, at, { ...more, ...body(route) })
          expect([route.method, at, answer.status, answer.text]).toEqual([route.method, at, status, expect.any(String)])
          if (status === 200) expect([at, answer.json.data, answer.json.next]).toEqual([at, [], null])
        }
      }
      for (const route of lists) {
        const { status, text } = yield* ask("GET", route.path, { key: foreign, workspace: null })
        expect([route.path, status]).toEqual([route.path, 200])
        for (const id of Object.values(ids)) expect(text, route.path).not.toContain(id)
      }

      // The same for sessions: of a key, and of a portal with each of its rights. What a session may not do at all is 403 whatever it names.
      for (const { rights, signed } of yield* sessionsOf("ws_foreign", foreign)) {
        const may = ({ method, path }: Route) => {
          const right = needs.get(routeName(method, path))?.right
          return right === "any" || (right !== undefined && rights.has(right))
        }
        for (const { at, route, status } of requests) {
          for (const workspace of [null, "ws_foreign"]) {
            const answer = yield* asPage(route.method, at, signed, { workspace, ...body(route) })
            const what = [route.method, at, ...rights]
            expect([...what, answer.status, answer.text]).toEqual([
              ...what,
              may(route) ? status : 403,
              expect.any(String)
            ])
            if (answer.status === 200) expect([at, answer.json.data, answer.json.next]).toEqual([at, [], null])
          }
          const named = yield* asPage(route.method, at, signed, { workspace: own, ...body(route) })
          expect([route.method, at, named.status]).toEqual([route.method, at, may(route) ? 404 : 403])
        }
        for (const route of lists) {
          const { status, text } = yield* asPage("GET", route.path, signed)
          expect([route.path, status]).toEqual([route.path, may(route) ? 200 : 403])
          for (const id of Object.values(ids)) expect(text, route.path).not.toContain(id)
        }
      }
      expect(yield* shown).toEqual(before)

      // Nor is it the request itself: its owner's is not 404. What removes comes last, a whole thing after its parts.
      const order = ({ at, route }: typeof requests[number]) => route.method === "DELETE" ? 1 / at.length : 0
      const writes = requests.filter(({ route }) => route.method !== "GET")
        .toSorted((one, other) => order(one) - order(other))
      for (const { at, route } of writes) {
        const answer = yield* ask(route.method, at, { ...owner, ...body(route) })
        expect([route.method, at, answer.status]).not.toEqual([route.method, at, 404])
      }
    }))

  it.effect("every route, with another workspace's name in the header: 404", () =>
    Effect.gen(function*() {
      const ids = yield* things
      const key = yield* managing("ws_foreign")
      for (const route of routes) {
        const { method } = route
        const paths = [pathOf(route, ids), ...naming(route, ids).map(({ at }) => at)]
        for (const at of new Set(paths)) {
          for (const workspace of [own, "_", "ws_none"]) {
            const answer = yield* ask(route.method, at, { key, workspace, ...body(route) })
            expect([method, at, answer.status]).toEqual([method, at, 404])
            if (workspace === own) expect(answer.json.error?.type).toBe("workspace_not_found")
          }
        }
      }
    }))

  it.effect("a route that names what this test does not make would fail it", () =>
    Effect.sync(() => {
      const route = { method: "GET", path: "/v1/things/:id", naming: [] }
      expect(() => naming(route, { webhooks: "wh_1" })).toThrow("`things`")
      expect(() => naming({ ...route, path: "/v1/things/:id/:part" }, { things: "1" })).toThrow("parameter")
      expect(() => naming({ ...route, path: "/v1/things", naming: ["thing_id"] }, { things: "1" })).toThrow(
        "`thing_id`"
      )
    }))
})
