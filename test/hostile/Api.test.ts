import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import { request as send } from "node:http"
import { join } from "node:path"
import { type Product, product } from "../support/product.ts"
import { natsClient } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, until } from "../support/until.ts"
import { again, githubPayloads, jsonCorpus, naughtyStrings, seed } from "./Corpora.ts"
import { counts, faults } from "./Store.ts"

interface Parameter {
  readonly name: string
  readonly in: "path" | "query" | "header" | "cookie"
  readonly schema?: Schema
}

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly enum?: ReadonlyArray<unknown>
  readonly anyOf?: ReadonlyArray<Schema>
  readonly oneOf?: ReadonlyArray<Schema>
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: ReadonlyArray<string>
  readonly items?: Schema
  readonly minimum?: number
  readonly maximum?: number
  readonly additionalProperties?: Schema | boolean
}

interface Route {
  readonly method: string
  readonly path: string
  readonly parameters: ReadonlyArray<Parameter>
  readonly body: Schema | undefined
}

interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<string, {
          readonly parameters?: ReadonlyArray<Parameter>
          readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
        }>
      >
    >
  >
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

const routesOf = ({ paths }: Document): ReadonlyArray<Route> =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      parameters,
      body: Object.values(requestBody?.content ?? {})[0]?.schema
    }))
  )

const text = fc.oneof(
  fc.constantFrom(...naughtyStrings),
  fc.constantFrom("", "ws_1", "task.created", "*", "__proto__", "constructor", "2025-03-23T14:35:21Z", "-1", "1e400"),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.stringMatching(/^[A-Za-z0-9_-]{1,70}$/)
)

/** What a schema asks for; one value in ten of any other kind. */
const valueOf = (
  document: Document,
  schema: Schema | undefined,
  known: fc.Arbitrary<string>,
  depth = 0
): fc.Arbitrary<unknown> => {
  if (schema === undefined || depth > 6) return fc.jsonValue({ maxDepth: 2 })
  const { $ref, additionalProperties, anyOf, items, oneOf, properties, required = [] } = schema
  const inner = (one: Schema | undefined) => valueOf(document, one, known, depth + 1)
  const meant = (): fc.Arbitrary<unknown> => {
    if ($ref !== undefined) return inner(document.components.schemas[$ref.split("/").at(-1) ?? ""])
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
    const choices = anyOf ?? oneOf
    if (choices !== undefined) return fc.oneof(...choices.map(inner))
    switch (schema.type) {
      case "object": {
        const fields = fc.record(
          Object.fromEntries(Object.entries(properties ?? {}).map(([name, one]) => [name, inner(one)])),
          { requiredKeys: [...required].filter((name) => properties !== undefined && name in properties) }
        )
        return additionalProperties === undefined || additionalProperties === false || properties !== undefined
          ? fields
          : fc.dictionary(text, inner(additionalProperties === true ? undefined : additionalProperties), { maxKeys: 4 })
      }
      case "array":
        return fc.array(inner(items), { maxLength: 4 })
      case "integer":
      case "number":
        return fc.oneof(
          fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 1_000_000 }),
          fc.constantFrom(-1, 0, 1.5, 2 ** 53, 1e300)
        )
      case "boolean":
        return fc.boolean()
      case "string":
        return fc.oneof(text, known)
      default:
        return fc.jsonValue({ maxDepth: 2 })
    }
  }
  return fc.oneof({ weight: 9, arbitrary: meant() }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) })
}

interface Request {
  readonly route: Route
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
}

/** As it may stand in a header: Node itself refuses to send the rest. */
const headerText = text.map((value) => value.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "-"))
const encoded = (value: string): string => {
  try {
    return encodeURIComponent(value)
  } catch {
    return "%ED%A0%80"
  }
}
/** As it may stand in a request's first line. */
const rawText = fc.string({ unit: "binary", maxLength: 20 }).map((value) => value.replaceAll(/[^\x21-\x7e]/g, "%"))

const mutated = (value: unknown, kind: number, at: number): Uint8Array => {
  const bytes = Buffer.from(JSON.stringify(value) ?? "")
  if (kind === 1) return bytes.subarray(0, bytes.length === 0 ? 0 : at % bytes.length)
  if (kind === 2 && bytes.length > 0) bytes[at % bytes.length] = at % 256
  if (kind === 3) return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes])
  if (kind === 4) return Buffer.concat([bytes, bytes])
  return bytes
}

const requestTo = (
  document: Document,
  route: Route,
  key: string,
  ids: ReadonlyArray<string>
): fc.Arbitrary<Request> => {
  const known = fc.constantFrom(...ids)
  const parts = (place: Parameter["in"]) => route.parameters.filter((one) => one.in === place)
  const path = fc.record(Object.fromEntries(
    [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => [
      name,
      fc.oneof({ weight: 3, arbitrary: known }, { weight: 1, arbitrary: text.map(encoded) }, {
        weight: 1,
        arbitrary: rawText
      })
    ])
  ))
  const query = fc.record(
    Object.fromEntries(parts("query").map(({ name, schema }) => [name, valueOf(document, schema, known)])),
    { requiredKeys: [] }
  )
  const more = fc.oneof({ weight: 4, arbitrary: fc.constant("") }, {
    weight: 1,
    arbitrary: fc.oneof(rawText, text.map(encoded))
  })
  const headers = fc.record({
    authorization: fc.oneof({ weight: 9, arbitrary: fc.constant(`Bearer ${key}`) }, {
      weight: 1,
      arbitrary: headerText
    }),
    "x-workspace-id": fc.oneof({ weight: 6, arbitrary: fc.constant("ws_1") }, { weight: 1, arbitrary: headerText }),
    "content-type": fc.oneof({ weight: 6, arbitrary: fc.constant("application/json") }, {
      weight: 1,
      arbitrary: headerText
    }),
    cookie: headerText,
    traceparent: headerText,
    "content-encoding": fc.constantFrom("gzip", "identity", "br"),
    accept: headerText,
    "last-event-id": headerText,
    origin: headerText
  }, { requiredKeys: ["authorization", "x-workspace-id", "content-type"] }).chain((all) =>
    // The last ones only now and then: each alone is refused.
    fc.integer({ min: 0, max: 5 }).map((luck) =>
      luck === 0 ? all : Object.fromEntries(Object.entries(all).slice(0, 3)) as Readonly<Record<string, string>>
    )
  )
  const body = route.method === "GET" ? fc.constant(undefined) : fc.oneof(
    { weight: 5, arbitrary: fc.tuple(valueOf(document, route.body, known), fc.nat(9), fc.nat()) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom(...jsonCorpus.map(({ input }) => input)), fc.constant(-1), fc.nat())
    },
    { weight: 1, arbitrary: fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.constant(-2), fc.nat()) }
  ).map(([value, kind, at]) =>
    kind === -1
      ? Buffer.from(String(value))
      : kind === -2
      ? value as Uint8Array
      : mutated(value, kind, at)
  )
  return fc.tuple(path, query, more, headers, body).map(([ids, parameters, more, headers, body]) => {
    const search = Object.entries(parameters).map(([name, value]) =>
      `${name}=${encoded(typeof value === "string" ? value : JSON.stringify(value) ?? "")}`
    )
    if (more !== "") search.push(more)
    const place = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(ids[name]))
    return { route, path: search.length === 0 ? place : `${place}?${search.join("&")}`, headers, body }
  })
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** The answer; of a stream without an end its head. */
const ask = (hookline: Product, { body, headers, path, route }: Request) =>
  Effect.async<Answer>((resume) => {
    // Node gives no length to the body of a DELETE: the rest of the connection would be another request.
    const length = body === undefined ? {} : { "content-length": String(body.length) }
    const options = { method: route.method, path, headers: { ...headers, ...length }, agent: false }
    const outgoing = send(hookline.url(), options, (response) => {
      const parts: Array<Buffer> = []
      const done = () =>
        resume(Effect.succeed({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }))
      if (response.headers["content-type"]?.startsWith("text/event-stream") === true) {
        done()
        return void outgoing.destroy()
      }
      response.on("data", (part: Buffer) => parts.push(part)).on("end", done).on("error", done)
    })
    // Refused before it was a request: Node closes the connection after its own 400.
    outgoing.on(
      "error",
      (error: NodeJS.ErrnoException) => resume(Effect.succeed({ status: 0, text: error.code ?? "" }))
    )
    outgoing.end(body)
  })

/** Documented causes of a 503 (docs, /openapi.json); with a broker that is there only these are left. */
const mayBe503 = /"type":"(history_unavailable|overloaded|too_many_\w+)"/

const perRoute = 30

const told = ({ body, headers, path, route }: Request, { status, text }: Answer): string =>
  `${route.method} ${path} ${JSON.stringify(headers)} ${Buffer.from(body ?? []).toString("base64")} → ${status} ${text}`

describe("hostile callers of the API", () => {
  it.scopedLive(`every route of the OpenAPI document with anything; ${again}`, () =>
    Effect.gen(function*() {
      const endpoint = yield* receiver()
      const hookline = yield* product({
        env: { HOOKLINE_SYNC: "2m", HOOKLINE_API_RATE: "1000000", HOOKLINE_API_BURST: "1000000" }
      })
      const key = readFileSync(join(hookline.data, "operator.key"), "utf8").trim()
      const hooks = [
        yield* addWebhook(hookline, { url: endpoint.url }),
        yield* addWebhook(hookline, { url: endpoint.url })
      ]
      const client = yield* natsClient(hookline.natsUrl())
      const manager = yield* Effect.promise(() => client.jetstreamManager())
      const document = (yield* hookline.api("GET", "/openapi.json")).body as Document
      const routes = routesOf(document)
      expect(routes.length).toBeGreaterThan(30)
      const ids = [...hooks.map(({ id }) => id), "evt_1", "qrn_1", "job_1", "task.created"]
      const requests = routes.flatMap((route, index) =>
        fc.sample(requestTo(document, route, key, ids), { numRuns: perRoute, seed: seed + index })
      )
      const statuses = new Map<number, number>()
      let before = yield* counts(manager)
      for (const request of requests) {
        const answer = yield* ask(hookline, request)
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
        if (answer.status >= 500) {
          expect(answer.status === 503 && mayBe503.test(answer.text), told(request, answer)).toBe(true)
        }
        // What was refused is nowhere.
        if (request.route.method !== "GET") {
          const now = yield* counts(manager)
          if (answer.status >= 400 || answer.status === 0) expect(now, told(request, answer)).toEqual(before)
          before = now
        }
      }
      // It was no wall that everything bounced off.
      const of = (low: number, high: number) =>
        [...statuses].reduce((sum, [status, count]) => status >= low && status < high ? sum + count : sum, 0)
      expect(of(200, 300)).toBeGreaterThan(requests.length / 20)
      expect(of(400, 500)).toBeGreaterThan(requests.length / 20)
      expect(of(0, 1)).toBeLessThan(requests.length / 10)
      expect((yield* hookline.api("GET", "/readyz")).status).toBe(200)
      expect(faults(hookline.output())).toEqual([])
    }), 60_000)

  it.scopedLive(
    "corpora as bodies of the routes that take events, and GitHub's payloads byte for byte",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver()
        const hookline = yield* product({
          env: { HOOKLINE_SYNC: "2m", HOOKLINE_API_RATE: "1000000", HOOKLINE_API_BURST: "1000000" }
        })
        yield* addWebhook(hookline, { url: endpoint.url })
        const client = yield* natsClient(hookline.natsUrl())
        const manager = yield* Effect.promise(() => client.jetstreamManager())
        const before = yield* counts(manager)
        const bodies = [
          ...jsonCorpus.flatMap(({ input }) => [
            input,
            `{"event":"task.created","data":${input}}`,
            `{"event":"task.created","data":{"v":${input}}}`
          ]),
          ...naughtyStrings.flatMap((text) => [
            text,
            JSON.stringify({ event: "task.created", id: text, data: {} }),
            JSON.stringify({ event: text, data: { text } }),
            JSON.stringify({ event: "task.created", data: { [text]: text } })
          ]),
          ...githubPayloads.map((payload) => `{"event":"member.joined","data":${JSON.stringify(payload)}}`)
        ]
        let taken = 0
        yield* Effect.forEach(bodies, (body) =>
          Effect.map(hookline.api("POST", "/v1/events", body === "" ? " " : body), (answer) => {
            expect([202, 400, 413, 422], `${body.slice(0, 300)} ${JSON.stringify(answer)}`).toContain(answer.status)
            if (answer.status === 202 && answer.body.duplicate === false) {
              taken++
            }
          }), { concurrency: 16, discard: true })
        expect(taken).toBeGreaterThan(githubPayloads.length + naughtyStrings.length)
        const after = yield* counts(manager)
        expect(after).toEqual({ ...before, EVENTS: (before["EVENTS"] ?? 0) + taken })
        yield* until(
          "all that was taken has arrived",
          Effect.sync(() =>
            endpoint.arrivals.length
          ),
          (count) =>
            count >= taken
        )
        expect(endpoint.arrivals).toHaveLength(taken)
        const sent = endpoint.arrivals.map(({ body }) => body.toString("utf8"))
        for (const payload of githubPayloads) {
          const data = `"data":${JSON.stringify(payload)}}`
          expect(sent.some((body) => body.endsWith(data))).toBe(true)
        }
        expect(faults(hookline.output())).toEqual([])
      }),
    60_000
  )
})
