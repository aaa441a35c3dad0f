import { describe, expect, it, layer } from "@effect/vitest"
import { Effect, Either, Option } from "effect"
import * as fc from "fast-check"
import { Streams } from "../../src/broker/Streams.ts"
import { decode } from "../../src/model/Catalogue.ts"
import { elementsOf } from "../../src/surface/api/BatchBody.ts"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { apiLayer, type Ask, ask, operatorKey } from "../support/api.ts"

const catalogue = Either.getOrThrow(decode({
  extends: "bundled",
  types: [{
    type: "order.placed",
    description: "An order was placed",
    example: { total: 1 },
    schema: { type: "object", required: ["total"], properties: { total: { type: "number" } } }
  }]
}))

const state = Effect.flatMap(Streams, (streams) => streams.state("EVENTS"))
const stored = (sequence: number) =>
  Effect.flatMap(Streams, (streams) =>
    Effect.flatMap(
      streams.message("EVENTS", sequence),
      Option.match({
        onNone: () => Effect.die(`no message ${sequence}`),
        onSome: Effect.succeed
      })
    ))
const last = Effect.flatMap(state, ({ lastSequence }) => stored(lastSequence))

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`
const event = (more: object) => JSON.stringify({ event: "project.created", data: {}, ...more })

/** Issue 2 "bad input" over HTTP: what is sent, and the status, type and field that come back. */
const bad: ReadonlyArray<readonly [string, string | Uint8Array, number, string, string | undefined]> = [
  ["not JSON", "{\"event\":", 400, "not_json", undefined],
  ["nothing", "", 400, "not_json", undefined],
  ["a byte order mark", "\ufeff" + event({}), 400, "bom", undefined],
  [
    "invalid UTF-8",
    Buffer.concat([Buffer.from("{\"data\":{\"a\":\""), Buffer.from([0xff]), Buffer.from("\"}}")]),
    400,
    "invalid_utf8",
    undefined
  ],
  ["a number with a leading zero", "{\"event\":\"project.created\",\"data\":{\"a\":01}}", 400, "not_json", undefined],
  ["a list", "[]", 422, "not_object", undefined],
  ["no event type", "{\"data\":{}}", 422, "event_missing", "event"],
  ["an event type that is no text", event({ event: 5 }), 422, "unknown_type", "event"],
  ["an unknown type", event({ event: "project.exploded" }), 422, "unknown_type", "event"],
  ["a type of hookline's own", event({ event: "webhook.disabled" }), 422, "reserved_type", "event"],
  ["a type that could be one", event({ event: "delivery.made" }), 422, "reserved_type", "event"],
  ["a type with a line break", event({ event: "project.created\r\nPUB x 1" }), 422, "unknown_type", "event"],
  ["a type with a wildcard", event({ event: "project.*" }), 422, "unknown_type", "event"],
  ["a type of three tokens", event({ event: "project.created.x" }), 422, "unknown_type", "event"],
  ["no data", "{\"event\":\"project.created\"}", 422, "data_not_object", "data"],
  ["data that is null", event({ data: null }), 422, "data_not_object", "data"],
  ["data that is a list", event({ data: [] }), 422, "data_not_object", "data"],
  ["another workspace", event({ workspace_id: "ws_2" }), 422, "workspace_mismatch", "workspace_id"],
  ["an unknown key", event({ extra: 1 }), 422, "unknown_key", "extra"],
  ["a repeated key", "{\"event\":\"project.created\",\"data\":{},\"d\\u0061ta\":{}}", 422, "repeated_key", "data"],
  ["an id with a space", event({ id: "a b" }), 422, "bad_id", "id"],
  ["an id with a dot", event({ id: "a.b" }), 422, "bad_id", "id"],
  ["an id with CR LF", event({ id: "a\r\nPUB x 0" }), 422, "bad_id", "id"],
  ["an id with >", event({ id: ">" }), 422, "bad_id", "id"],
  ["an id of 65", event({ id: "x".repeat(65) }), 422, "bad_id", "id"],
  ["an id that is null", event({ id: null }), 422, "bad_id", "id"],
  ["a timestamp without zone", event({ timestamp: "2025-03-23T14:35:21" }), 422, "bad_timestamp", "timestamp"],
  ["a day that is none", event({ timestamp: "2025-02-30T14:35:21Z" }), 422, "bad_timestamp", "timestamp"],
  ["65 levels", `{"event":"project.created","data":{"a":${nested(63)}}}`, 422, "too_deep", undefined],
  ["data against its schema", event({ event: "order.placed", data: { total: "1" } }), 422, "schema", "data.total"],
  [
    "512 KiB and a byte",
    event({ data: { a: "" } }).replace(
      "\"a\":\"",
      `"a":"${"x".repeat(512 * 1024 + 1 - event({ data: { a: "" } }).length)}`
    ),
    413,
    "too_large",
    undefined
  ]
]

const publish = (body: Ask["body"], more: Ask = {}) =>
  ask("POST", "/v1/events", { ...more, ...(body === undefined ? {} : { body }) })
const batch = (body: NonNullable<Ask["body"]>, more: Ask = {}) => ask("POST", "/v1/events/batch", { ...more, body })

layer(apiLayer({ catalogue }), { excludeTestServices: true })("publishing over HTTP", (it) => {
  it.effect("the body is stored byte for byte, on its workspace's subject, under its id", () =>
    Effect.gen(function*() {
      const body =
        " {\"data\" : { \"b\":1.0,\"a\":12345678901234567890, \"a\" : \"\\ud800\",\t\"__proto__\":{},\"e\":1E+2,\"ü\":\"\u2028\"}\n,\"event\":\"project.created\",\"id\":\"evt_exact\"} "
      const answer = yield* publish(body)
      expect([answer.status, answer.json]).toEqual([202, { id: "evt_exact", duplicate: false }])
      const message = yield* last
      expect(Buffer.from(message.data).equals(Buffer.from(body))).toBe(true)
      expect(message.subject).toMatch(/^ev\.\d+\.ws_1\.project\.created$/)
      expect(message.header("Nats-Msg-Id")).toBe("ws_1/evt_exact")
    }))

  it.effect("any content type is taken for JSON", () =>
    Effect.gen(function*() {
      for (
        const type of [
          "application/x-www-form-urlencoded",
          "text/plain",
          "application/json; charset=utf-8",
          "multipart/form-data; boundary=x"
        ]
      ) {
        expect((yield* publish(event({}), { headers: { "content-type": type } })).status).toBe(202)
      }
    }))

  it.effect("the same id again is a duplicate, in another workspace it is not", () =>
    Effect.gen(function*() {
      const body = event({ id: "evt_twice" })
      expect((yield* publish(body)).json).toEqual({ id: "evt_twice", duplicate: false })
      const { lastSequence } = yield* state
      const again = yield* publish(event({ id: "evt_twice", data: { other: true } }))
      expect([again.status, again.json]).toEqual([202, { id: "evt_twice", duplicate: true }])
      expect((yield* state).lastSequence).toBe(lastSequence)
      expect((yield* publish(body, { workspace: "ws_2" })).json).toEqual({ id: "evt_twice", duplicate: false })
    }))

  it.effect("an id is made when there is none, and carried by the header", () =>
    Effect.gen(function*() {
      const { json } = yield* publish(event({}))
      expect(String(json.id)).toMatch(/^evt_[0-9a-f]{32}$/)
      expect((yield* last).header("Nats-Msg-Id")).toBe(`ws_1/${String(json.id)}`)
    }))

  it.effect("bad input is refused with status, type and field, and nothing is stored", () =>
    Effect.gen(function*() {
      const before = yield* state
      for (const [name, body, status, type, field] of bad) {
        const answer = yield* publish(body)
        expect([name, answer.status, answer.json.error?.type, answer.json.error?.field]).toEqual([
          name,
          status,
          type,
          field
        ])
        expect(String(answer.json.error?.message).length).toBeGreaterThan(10)
        // The same in a batch, as its second element.
        if (
          typeof body !== "string" || status === 413 || body.startsWith("\ufeff") || !body.startsWith("{") ||
          name === "not JSON"
        ) continue
        const inBatch = yield* batch(`[${event({})},${body}]`)
        const place = field === undefined ? "[1]" : `[1].${field}`
        expect([name, inBatch.status, inBatch.json.error?.type, inBatch.json.error?.field]).toEqual([
          name,
          status,
          type,
          place
        ])
      }
      expect((yield* state).lastSequence).toBe(before.lastSequence)
    }), 30_000)

  it.effect("exactly 512 KiB and exactly 64 levels are taken", () =>
    Effect.gen(function*() {
      const empty = event({ data: { a: "" } })
      const full = empty.replace("\"a\":\"", `"a":"${"x".repeat(512 * 1024 - empty.length)}`)
      expect(full).toHaveLength(512 * 1024)
      expect((yield* publish(full)).status).toBe(202)
      expect((yield* publish(`{"event":"project.created","data":{"a":${nested(62)}}}`)).status).toBe(202)
    }))

  it.effect("a batch is stored in its order, each element byte for byte", () =>
    Effect.gen(function*() {
      const before = yield* state
      const elements = Array.from({ length: 1000 }, (_, index) =>
        `{"id":"evt_b${index}", "event":"task.created","data":{"n":${index}.0,"text":"]},{[\\"\\\\"}}`)
      const answer = yield* batch(`\n[ ${elements.join(" ,\t")} ]\n`)
      expect(answer.status).toBe(202)
      const { data } = answer.json as unknown as { data: ReadonlyArray<{ id: string; duplicate: boolean }> }
      expect(data).toEqual(elements.map((_, index) => ({ id: `evt_b${index}`, duplicate: false })))
      const found: Array<string> = []
      yield* Effect.flatMap(Streams, (streams) =>
        streams.scan({
          stream: "EVENTS",
          filter: "ev.>",
          from: before.lastSequence + 1,
          to: before.lastSequence + 1000,
          onMessage: (message) =>
            found.push(Buffer.from(message.data).toString())
        }))
      expect([...found].sort()).toEqual([...elements].sort())
      const again = yield* batch(`[${elements.slice(0, 3).join()}]`)
      expect((again.json.data as unknown as ReadonlyArray<{ duplicate: boolean }>).map(({ duplicate }) => duplicate))
        .toEqual([true, true, true])
    }))

  it.effect("a batch that is no list of 1 to 1,000 events, or too large, is refused", () =>
    Effect.gen(function*() {
      const before = yield* state
      const cases: ReadonlyArray<readonly [string, number, string, string | undefined]> = [
        ["", 400, "not_json", "[0]"],
        ["{}", 422, "not_array", undefined],
        ["{\"events\":[]}", 422, "not_array", undefined],
        ["[]", 422, "empty", undefined],
        [`[${event({})},5]`, 422, "not_object", "[1]"],
        [`[${event({})},[${event({})}]]`, 422, "not_object", "[1]"],
        [`[${event({})}`, 400, "not_json", "[1]"],
        [`[${event({})},]`, 400, "not_json", "[1]"],
        [`[${event({})}] x`, 400, "not_json", "[1]"],
        [`[${event({})} ${event({})}]`, 400, "not_json", "[1]"],
        [`[${Array.from({ length: 1001 }, () => event({})).join()}]`, 422, "too_many", "[1000]"],
        [`[${" ".repeat(5 * 1024 ** 2)}]`, 413, "too_large", undefined],
        [`[${event({})},${event({ data: { a: "x".repeat(512 * 1024) } })}]`, 413, "too_large", "[1]"]
      ]
      for (const [body, status, type, field] of cases) {
        const answer = yield* batch(body)
        expect([body.slice(0, 60), answer.status, answer.json.error?.type, answer.json.error?.field])
          .toEqual([body.slice(0, 60), status, type, field])
      }
      expect((yield* state).lastSequence).toBe(before.lastSequence)
    }))

  it.effect("a body over the limit is refused while it is still coming, whatever its length says", () =>
    Effect.gen(function*() {
      const { url } = yield* ApiServer
      let sent = 0
      const status = yield* Effect.promise(async () => {
        const body = new ReadableStream({
          pull: (controller) => {
            sent += 65_536
            if (sent > 64 * 1024 ** 2) controller.close()
            else controller.enqueue(new Uint8Array(65_536).fill(0x20))
          }
        })
        const options = {
          method: "POST",
          duplex: "half" as const,
          body,
          headers: { authorization: `Bearer ${operatorKey}`, "x-workspace-id": "ws_1" }
        }
        const response = await fetch(`${url}/v1/events`, options)
        await response.text()
        return response.status
      })
      expect(status).toBe(413)
      expect(sent).toBeLessThan(64 * 1024 ** 2)
      expect((yield* publish(event({}), { headers: { "content-encoding": "gzip" } })).status).toBe(400)
    }))
})

describe("elementsOf", () => {
  const values = fc.dictionary(fc.string(), fc.jsonValue())

  it("cuts out what was joined, byte for byte", () => {
    fc.assert(fc.property(
      fc.array(fc.tuple(values, fc.constantFrom(0, 1, 2)), { minLength: 1, maxLength: 20 }),
      fc.constantFrom("", " ", "\n\t"),
      (objects, space) => {
        const elements = objects.map(([object, indent]) => JSON.stringify(object, undefined, indent))
        const cut = elementsOf(
          Buffer.from(`${space}[${space}${elements.join(`${space},${space}`)}${space}]${space}`),
          20
        )
        expect("fault" in cut ? cut : cut.map((bytes) => Buffer.from(bytes).toString())).toEqual(elements)
      }
    ))
  })

  it("never throws, and what it takes for a list is one as far as brackets go", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(..."[]{}\",:\\ a1"), { maxLength: 40 }), (characters) => {
        const text = characters.join("")
        const cut = elementsOf(Buffer.from(text), 1000)
        let list: unknown
        try {
          list = JSON.parse(text)
        } catch {
          return
        }
        const objects = Array.isArray(list) && list.length > 0 &&
          list.every((item) => typeof item === "object" && item !== null && !Array.isArray(item))
        expect("fault" in cut).toBe(!objects)
      }),
      { numRuns: 2000 }
    )
  })
})
