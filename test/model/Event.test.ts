import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as fc from "fast-check"
import { bundled, decode } from "../../src/model/Catalogue.ts"
import { type ParsedEvent, parseEvent, type PublishedEvent, type Rejection } from "../../src/model/Event.ts"
import { maxPayload } from "../../src/model/EventMembers.ts"
import { rejectionReasons } from "../../src/model/Rejection.ts"

const workspaceId = "ws_1"
const type = "project.created"
const time = Date.UTC(2025, 2, 23, 14, 35, 21, 900)
const made = { id: "evt_made", timestamp: "2025-03-23T14:35:21Z" }

const parse = (payload: string | Uint8Array, more: Partial<PublishedEvent> = {}): ParsedEvent | Rejection =>
  parseEvent(
    {
      payload: typeof payload === "string" ? Buffer.from(payload) : payload,
      workspaceId,
      type,
      headerId: undefined,
      fallbackId: () => made.id,
      time,
      ...more
    },
    bundled
  )

const accepted = (payload: string | Uint8Array, more?: Partial<PublishedEvent>): ParsedEvent => {
  const result = parse(payload, more)
  if (result._tag === "Rejection") throw new Error(`${result.reason}: ${result.message}`)
  return result
}

const text = (event: ParsedEvent): string => Buffer.from(event.body).toString("utf8")

const envelopeOf = (data: string, id = made.id, timestamp = made.timestamp): string =>
  `{"id":"${id}","event":"${type}","timestamp":"${timestamp}","workspace_id":"${workspaceId}","data":${data}}`

const http = { type: undefined }

const padded = (size: number) => `{"data":{"a":"${"x".repeat(size - 20)}"}}`.padEnd(size)

const nested = (levels: number) => `{"data":${"{\"a\":".repeat(levels - 2)}{}${"}".repeat(levels - 2)}}`

const lists = (levels: number): string => `{"data":{"a":${"[".repeat(levels - 2)}${"]".repeat(levels - 2)}}}`

const bytes = (...parts: ReadonlyArray<string | ReadonlyArray<number>>) =>
  Buffer.concat(parts.map((part) => typeof part === "string" ? Buffer.from(part) : Buffer.from(part)))

/** As an event that was accepted before is read again. */
const again = (type: string | undefined, payload = "{\"data\":{}}") =>
  parseEvent({ payload: Buffer.from(payload), workspaceId, type, fallbackId: () => made.id, time }, undefined)

describe("what is accepted", () => {
  it("data alone: the rest comes from the subject, the stream and the maker of ids", () => {
    const event = accepted("{\"data\":{}}")
    expect(event).toMatchObject({ _tag: "Event", ...made, type, workspaceId })
    expect(text(event)).toBe(envelopeOf("{}"))
  })

  it("the source document's example, key by key in another order and spread over lines", () => {
    const data = "{\n  \"id\": \"proj_1\",\n  \"name\": \"Website Redesign\"\n}"
    const payload = ` {\n "data" :\t${data} , "workspace_id" : "ws_1",\r\n"timestamp":"2025-03-23T16:35:21.250+02:00",
      "event":"project.created","id": "evt_550e8400e29b41d4a716446655440000" }\n`
    expect(text(accepted(payload)))
      .toBe(envelopeOf(data, "evt_550e8400e29b41d4a716446655440000", "2025-03-23T16:35:21.250+02:00"))
  })

  it("an envelope goes through unchanged", () => {
    const envelope = envelopeOf("{ \"a\": [1.0, 1e2] }", "evt_9", "2024-02-29T00:00:00Z")
    expect(text(accepted(envelope))).toBe(envelope)
  })

  it.each([
    "{}",
    "{ }",
    "{\n\t\"a\" : 1 ,\r\n \"b\":[ 1 , 2 ] }",
    "{\"b\":1,\"a\":2}",
    "{\"a\":1.0,\"b\":1e0,\"c\":-0,\"d\":1E+2,\"e\":1e400}",
    "{\"a\":9007199254740993,\"b\":123456789012345678901234567890.10}",
    "{\"a\":1,\"a\":2,\"a\":{\"a\":3,\"a\":4}}",
    "{\"a\":\"\\ud800\",\"\\udfff\":\"\\uDC00\\uD800\"}",
    "{\"__proto__\":{\"polluted\":true},\"constructor\":{\"prototype\":{}}}",
    "{\"id\":null,\"event\":1,\"data\":{\"data\":{}},\"workspace_id\":\"other\",\"timestamp\":\"no\"}",
    "{\"a\":\"\\u0041\\/\\\"}\",\"b\":\"é\u2028😀\u007f\"}",
    "{\"\":\"\",\" \":\" \"}"
  ])("data stays byte for byte: %s", (data) => {
    expect(text(accepted(`{"data":${data}}`))).toBe(envelopeOf(data))
    expect(text(accepted(` { "id" : "evt_1" , "data" : ${data} } `))).toBe(envelopeOf(data, "evt_1"))
  })

  it("keys and values may be spelt with escapes: what counts is the text they stand for", () => {
    const event = accepted(
      "{\"d\\u0061ta\":{},\"\\u0069d\":\"evt\\u005f1\",\"workspace\\u005fid\":\"\\u0077s_1\",\"event\":\"project\\u002ecreated\","
        + "\"timestamp\":\"2025-03-23T14:35:21\\u005A\"}"
    )
    expect(text(event)).toBe(envelopeOf("{}", "evt_1"))
  })

  it("a payload that is a view into other bytes, and an envelope that holds on to none of them", () => {
    const around = Buffer.from("\u0001}{\"data\":{\"a\":1}}{\"")
    const event = accepted(new Uint8Array(around.buffer, around.byteOffset + 2, 16))
    around.fill(0)
    expect(text(event)).toBe(envelopeOf("{\"a\":1}"))
  })

  it("512 KiB, and not a byte more", () => {
    expect(maxPayload).toBe(524_288)
    expect(padded(524_288)).toHaveLength(524_288)
    expect(parse(padded(524_288))._tag).toBe("Event")
    expect(parse(padded(524_289))).toMatchObject({ reason: "too_large" })
    // It is the bytes that count.
    expect(parse(`{"data":{"a":"${"é".repeat(300_000)}"}}`)).toMatchObject({ reason: "too_large" })
  })

  it("64 levels with the body as the first, and not one more", () => {
    expect(parse(nested(64))._tag).toBe("Event")
    expect(parse(nested(65))).toMatchObject({ reason: "too_deep" })
    expect(parse(nested(10_000))).toMatchObject({ reason: "too_deep" })
    expect(parse(lists(64))._tag).toBe("Event")
    expect(parse(lists(65))).toMatchObject({ reason: "too_deep" })
    expect(parse("[".repeat(maxPayload))).toMatchObject({ reason: "too_deep" })
  })
})

describe("where id, time and type come from", () => {
  const released = { id: "evt_before", timestamp: "2025-01-01T00:00:00Z" }

  it.each<[string, string, Partial<PublishedEvent>, string]>([
    ["the body", "{\"id\":\"evt_body\",\"data\":{}}", { headerId: "ws_1/evt_header", released }, "evt_body"],
    ["its release", "{\"data\":{}}", { headerId: "ws_1/released-1", released }, "evt_before"],
    ["the header, its prefix taken off", "{\"data\":{}}", { headerId: "ws_1/evt_header" }, "evt_header"],
    ["the header as it is", "{\"data\":{}}", { headerId: "evt_header" }, "evt_header"],
    ["the maker, when the header is empty", "{\"data\":{}}", { headerId: "" }, made.id],
    ["the maker", "{\"data\":{}}", {}, made.id]
  ])("the id: %s", (_, payload, more, id) => expect(accepted(payload, more).id).toBe(id))

  it("a header that is no token does not matter when the body has an id", () => {
    expect(accepted("{\"id\":\"evt_1\",\"data\":{}}", { headerId: "ws_2/a b" }).id).toBe("evt_1")
  })

  it("the time: the body, its release, the stream", () => {
    expect(accepted("{\"timestamp\":\"2024-12-24T18:00:00+01:00\",\"data\":{}}", { released }).timestamp)
      .toBe("2024-12-24T18:00:00+01:00")
    expect(accepted("{\"data\":{}}", { released }).timestamp).toBe(released.timestamp)
    expect(accepted("{\"data\":{}}").timestamp).toBe(made.timestamp)
  })

  it("over HTTP the body names the type, and the same envelope comes of it", () => {
    expect(accepted("{\"event\":\"task.deleted\",\"data\":{}}", http).type).toBe("task.deleted")
    const envelope = envelopeOf("{}", "evt_1")
    expect(text(accepted(envelope, http))).toBe(envelope)
  })
})

describe("what is refused", () => {
  const id = "x".repeat(65)
  const huge = "x".repeat(400_000)

  const table: ReadonlyArray<
    [string, string | Uint8Array, Rejection["reason"], string | undefined, Partial<PublishedEvent>?]
  > = [
    ["nothing", "", "not_json", undefined],
    ["white space", " \n", "not_json", undefined],
    ["text", "hello", "not_json", undefined],
    ["half an event", "{\"data\":{}", "not_json", undefined],
    ["something after it", "{\"data\":{}}x", "not_json", undefined],
    ["two of them", "{\"data\":{}}{\"data\":{}}", "not_json", undefined],
    ["a comma too many", "{\"data\":{},}", "not_json", undefined],
    ["a comma too many in data", "{\"data\":{\"a\":[1,]}}", "not_json", undefined],
    ["a number that is none", "{\"data\":{\"a\":01}}", "not_json", undefined],
    ["NaN", "{\"data\":{\"a\":NaN}}", "not_json", undefined],
    ["a comment", "{\"data\":{}/* */}", "not_json", undefined],
    ["a control character in a string", "{\"data\":{\"a\":\"\n\"}}", "not_json", undefined],
    ["a NUL behind it", "{\"data\":{}}\u0000", "not_json", undefined],
    ["broken JSON before an unknown key", "{\"x\":1,\"data\":{}", "not_json", undefined],
    ["null", "null", "not_object", undefined],
    ["a list", "[{\"data\":{}}]", "not_object", undefined],
    ["a string", " \"{}\"", "not_object", undefined],
    ["a number", "1", "not_object", undefined],
    ["a byte order mark", bytes([0xef, 0xbb, 0xbf], "{\"data\":{}}"), "bom", undefined],
    ["only a byte order mark", bytes([0xef, 0xbb, 0xbf]), "bom", undefined],
    ["UTF-16", Buffer.from("\ufeff{\"data\":{}}", "utf16le"), "invalid_utf8", undefined],
    ["Latin 1", bytes("{\"data\":{\"a\":\"", [0xe9], "\"}}"), "invalid_utf8", undefined],
    ["an overlong form", bytes("{\"data\":{\"a\":\"", [0xc0, 0xaf], "\"}}"), "invalid_utf8", undefined],
    ["a surrogate in UTF-8", bytes("{\"data\":{\"a\":\"", [0xed, 0xa0, 0x80], "\"}}"), "invalid_utf8", undefined],
    ["a sequence cut off", bytes("{\"data\":{}}", [0xe2, 0x82]), "invalid_utf8", undefined],
    ["beyond U+10FFFF", bytes("{\"data\":{\"a\":\"", [0xf4, 0x90, 0x80, 0x80], "\"}}"), "invalid_utf8", undefined],
    ["an unknown key", "{\"data\":{},\"version\":1}", "unknown_key", "version"],
    ["an empty key", "{\"data\":{},\"\":1}", "unknown_key", ""],
    ["another spelling", "{\"Data\":{}}", "unknown_key", "Data"],
    ["a space in a key", "{\"data \":{}}", "unknown_key", "data "],
    ["__proto__", "{\"data\":{},\"__proto__\":{}}", "unknown_key", "__proto__"],
    ["constructor", "{\"data\":{},\"constructor\":{}}", "unknown_key", "constructor"],
    ["bytes", "{\"data\":{},\"bytes\":{}}", "unknown_key", "bytes"],
    ["a key of unprintable text", "{\"é\\r\\n\":1}", "unknown_key", "\\u00e9\\u000d\\u000a"],
    ["a long key", `{"${huge}":1}`, "unknown_key", `${"x".repeat(64)}...`],
    ["a key twice", "{\"data\":{},\"data\":{}}", "repeated_key", "data"],
    ["a key twice, the same value", "{\"id\":\"a\",\"data\":{},\"id\":\"a\"}", "repeated_key", "id"],
    ["a key twice, once with an escape", "{\"data\":{},\"d\\u0061ta\":{}}", "repeated_key", "data"],
    ["a key twice, both with escapes", "{\"\\u0069d\":\"a\",\"i\\u0064\":\"a\",\"data\":{}}", "repeated_key", "id"],
    ["another workspace", "{\"workspace_id\":\"ws_2\",\"data\":{}}", "workspace_mismatch", "workspace_id"],
    ["another case of it", "{\"workspace_id\":\"WS_1\",\"data\":{}}", "workspace_mismatch", "workspace_id"],
    ["no workspace", "{\"workspace_id\":null,\"data\":{}}", "workspace_mismatch", "workspace_id"],
    ["an empty workspace", "{\"workspace_id\":\"\",\"data\":{}}", "workspace_mismatch", "workspace_id"],
    ["another type", "{\"event\":\"project.updated\",\"data\":{}}", "event_mismatch", "event"],
    ["no type", "{\"event\":null,\"data\":{}}", "event_mismatch", "event"],
    ["a type in a list", "{\"event\":[\"project.created\"],\"data\":{}}", "event_mismatch", "event"],
    ["a long type", `{"event":"${huge}","data":{}}`, "event_mismatch", "event"],
    ["HTTP: no type", "{\"data\":{}}", "event_missing", "event", http],
    ["HTTP: a type that is null", "{\"event\":null,\"data\":{}}", "unknown_type", "event", http],
    ["HTTP: an unknown type", "{\"event\":\"project.creatd\",\"data\":{}}", "unknown_type", "event", http],
    ["HTTP: a type that breaks out", "{\"event\":\"a\\\",\\\"b\",\"data\":{}}", "unknown_type", "event", http],
    ["HTTP: __proto__", "{\"event\":\"__proto__\",\"data\":{}}", "unknown_type", "event", http],
    ["HTTP: a wildcard", "{\"event\":\"project.*\",\"data\":{}}", "unknown_type", "event", http],
    [
      "HTTP: another workspace",
      "{\"event\":\"task.created\",\"workspace_id\":\"b\",\"data\":{}}",
      "workspace_mismatch",
      "workspace_id",
      http
    ],
    ["an unknown type", "{\"data\":{}}", "unknown_type", "event", { type: "invoice.paid" }],
    ["a type in capitals", "{\"data\":{}}", "unknown_type", "event", { type: "Project.created" }],
    ["a reserved type", "{\"data\":{}}", "reserved_type", "event", { type: "webhook.disabled" }],
    ["a type that only could be reserved", "{\"data\":{}}", "reserved_type", "event", { type: "delivery.succeeded" }],
    ["HTTP: a reserved type", "{\"event\":\"delivery.failed\",\"data\":{}}", "reserved_type", "event", http],
    ["a notice of no known type", "{\"data\":{}}", "unknown_type", "event", { type: "webhook.created", notice: true }],
    ["an empty id", "{\"id\":\"\",\"data\":{}}", "bad_id", "id"],
    ["a long id", `{"id":"${id}","data":{}}`, "bad_id", "id"],
    ["a huge id", `{"id":"${huge}","data":{}}`, "bad_id", "id"],
    ["an id of null", "{\"id\":null,\"data\":{}}", "bad_id", "id"],
    ["a number as id", "{\"id\":17,\"data\":{}}", "bad_id", "id"],
    ["an object as id", "{\"id\":{},\"data\":{}}", "bad_id", "id"],
    ["a dot in the id", "{\"id\":\"evt.1\",\"data\":{}}", "bad_id", "id"],
    ["a star in the id", "{\"id\":\"*\",\"data\":{}}", "bad_id", "id"],
    ["CR LF in the id", "{\"id\":\"evt\\r\\nPUB x\",\"data\":{}}", "bad_id", "id"],
    ["a line feed behind the id", "{\"id\":\"evt\\n\",\"data\":{}}", "bad_id", "id"],
    ["a lone surrogate in the id", "{\"id\":\"evt\\ud800\",\"data\":{}}", "bad_id", "id"],
    ["a letter of another alphabet", "{\"id\":\"еvt\",\"data\":{}}", "bad_id", "id"],
    ["another workspace's header", "{\"data\":{}}", "bad_id", "Nats-Msg-Id", { headerId: "ws_2/evt_1" }],
    ["a header with nothing but a prefix and a space", "{\"data\":{}}", "bad_id", "Nats-Msg-Id", {
      headerId: "ws_1/ "
    }],
    ["the prefix twice", "{\"data\":{}}", "bad_id", "Nats-Msg-Id", { headerId: "ws_1/ws_1/evt" }],
    ["a long header", "{\"data\":{}}", "bad_id", "Nats-Msg-Id", { headerId: id }],
    ["a forged release, its id", "{\"data\":{}}", "bad_id", "Hookline-Event-Id", { released: { ...made, id: "a b" } }],
    ["a forged release, its time", "{\"data\":{}}", "bad_timestamp", "Hookline-Event-Time", {
      released: { ...made, timestamp: "\"" }
    }],
    ["a day", "{\"timestamp\":\"2025-03-23\",\"data\":{}}", "bad_timestamp", "timestamp"],
    ["no zone", "{\"timestamp\":\"2025-03-23T14:35:21\",\"data\":{}}", "bad_timestamp", "timestamp"],
    ["a day that does not exist", "{\"timestamp\":\"2025-02-29T14:35:21Z\",\"data\":{}}", "bad_timestamp", "timestamp"],
    ["a number as time", "{\"timestamp\":1742740521,\"data\":{}}", "bad_timestamp", "timestamp"],
    ["a time of null", "{\"timestamp\":null,\"data\":{}}", "bad_timestamp", "timestamp"],
    ["no data", "{}", "data_not_object", "data"],
    ["data missing", "{\"id\":\"evt_1\"}", "data_not_object", "data"],
    ["data of null", "{\"data\":null}", "data_not_object", "data"],
    ["a list as data", "{\"data\":[]}", "data_not_object", "data"],
    ["text as data", "{\"data\":\"{}\"}", "data_not_object", "data"],
    ["a number as data", "{\"data\":1}", "data_not_object", "data"],
    ["a workspace that is no token", "{\"data\":{}}", "bad_subject", "workspace_id", { workspaceId: "ws 1" }],
    ["an empty workspace in the subject", "{\"data\":{}}", "bad_subject", "workspace_id", { workspaceId: "" }]
  ]

  it.each(table)("%s", (_, payload, reason, field, more) => {
    const rejection = parse(payload, more)
    expect(rejection).toMatchObject({ _tag: "Rejection", reason })
    expect(rejection).toHaveProperty("message", expect.stringMatching(/^[\x20-\x7e]{5,400}$/))
    if (field === undefined) expect(rejection).not.toHaveProperty("field")
    else expect(rejection).toHaveProperty("field", field)
  })

  it("every reason is a token that a subject can have, and has a case here", () => {
    for (const reason of rejectionReasons) expect(reason).toMatch(/^[a-z0-9_]{1,64}$/)
    const elsewhere = ["too_large", "too_deep", "schema"]
    expect(new Set([...table.map(([, , reason]) => reason), ...elsewhere])).toEqual(new Set(rejectionReasons))
  })

  it("says which rule and what was there instead", () => {
    expect(parse("{\"id\":\"a b\",\"data\":{}}")).toEqual({
      _tag: "Rejection",
      reason: "bad_id",
      field: "id",
      message: "the id must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -; it is \"a b\""
    })
    expect(parse("{\"data\":{\"a\":01}}")).toHaveProperty("message", "is not JSON, at byte 14")
    expect(parse("{\"data\":{}")).toHaveProperty("message", "is not JSON: it ends at byte 10")
  })

  it("an id is given with what a change of the catalogue can mend, and with nothing else", () => {
    expect(parse("{\"id\":\"evt_1\",\"data\":{}}", { type: "invoice.paid" })).toHaveProperty("id", "evt_1")
    expect(parse("{\"data\":{}}", { type: "invoice.paid", headerId: "ws_1/evt_2" })).toHaveProperty("id", "evt_2")
    expect(parse("{\"id\":\"evt_1\",\"data\":[]}")).not.toHaveProperty("id")
  })
})

describe("the catalogue's part", () => {
  const schema = { type: "object", required: ["amount"], properties: { amount: { type: "integer" } } }
  const catalogue = Either.getOrThrow(
    decode({ types: [{ type: "invoice.paid", description: "Paid", example: { amount: 1 }, schema }] })
  )
  const paid = (data: string) =>
    parseEvent(
      {
        payload: Buffer.from(`{"id":"evt_1","data":${data}}`),
        workspaceId,
        type: "invoice.paid",
        fallbackId: () => made.id,
        time
      },
      catalogue
    )

  it("a type's schema is enforced on data", () => {
    expect(paid("{\"amount\":1,\"note\":\"é\"}")._tag).toBe("Event")
    expect(paid("{\"amount\":1.5}")).toEqual({
      _tag: "Rejection",
      reason: "schema",
      field: "data.amount",
      message: "data.amount must be integer",
      id: "evt_1"
    })
    expect(paid("{}")).toMatchObject({ reason: "schema", field: "data" })
  })

  it("the schema sees the last of repeated keys; the bytes stay", () => {
    const event = paid("{\"amount\":\"x\",\"amount\":2.0}")
    expect(event).toMatchObject({ _tag: "Event" })
    if (event._tag === "Event") expect(text(event)).toContain("{\"amount\":\"x\",\"amount\":2.0}")
  })

  it("without a catalogue, what was accepted once is accepted again, but nothing that is no type", () => {
    expect(again("gone.since")).toMatchObject({ _tag: "Event", type: "gone.since" })
    expect(again("Gone.since")).toMatchObject({ reason: "unknown_type" })
    expect(again(undefined, "{\"event\":\"a\\\".b\",\"data\":{}}")).toMatchObject({ reason: "unknown_type" })
  })
})

const disabled = bundled.types.get("webhook.disabled")
const notice = (data: unknown, catalogue: typeof bundled | undefined = bundled) =>
  parseEvent(
    {
      payload: Buffer.from(JSON.stringify({ id: "evt_1", data })),
      workspaceId,
      type: "webhook.disabled",
      notice: true,
      fallbackId: () => made.id,
      time
    },
    catalogue
  )

describe("hookline's own events", () => {
  it("say which webhook they are about, with and without a catalogue", () => {
    const about = disabled?.example["webhook_id"]
    expect(about).toMatch(/^wh_/)
    expect(notice(disabled?.example)).toMatchObject({ _tag: "Event", about })
    expect(notice(disabled?.example, undefined)).toMatchObject({ _tag: "Event", about })
    expect(accepted(JSON.stringify({ data: disabled?.example }))).not.toHaveProperty("about")
  })

  it("keep to their schema, and are refused to everybody else whatever the catalogue", () => {
    expect(notice({ reason: null })).toMatchObject({ reason: "schema", field: "data" })
    expect(notice({ ...disabled?.example, webhook_id: 5 })).toMatchObject({ reason: "schema" })
    expect(again("webhook.disabled")).toMatchObject({ reason: "reserved_type", field: "event" })
    expect(parse("{\"data\":{}}", { type: "webhook.disabled", released: made })).not.toHaveProperty("id")
  })
})

/** JSON as text with white space anywhere it may stand, repeated keys, long numbers and lone surrogates. */
const { object } = fc.letrec<{ value: string; object: string }>((tie) => {
  const blank = fc.string({ unit: fc.constantFrom(" ", "\n", "\r", "\t"), maxLength: 2 })
  const key = fc.oneof(
    fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
    fc.constantFrom("\"data\"", "\"\\u0069d\"", "\"__proto__\"")
  )
  const spaced = (inner: fc.Arbitrary<string>) => fc.tuple(blank, inner, blank).map((parts) => parts.join(""))
  const number = fc.stringMatching(/^-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?$/)
  const lone = fc.constantFrom("\"\\ud800\"", "\"\\uDFFF\\u0000\"", "\"\\/\\b\"")
  return {
    value: fc.oneof(
      { maxDepth: 4 },
      number,
      lone,
      key,
      fc.constantFrom("true", "false", "null"),
      tie("object"),
      fc.array(spaced(tie("value")), { minLength: 1, maxLength: 4 }).map((items) => `[${items.join(",")}]`)
    ),
    object: fc.array(fc.tuple(spaced(key), spaced(tie("value"))), { maxLength: 4 })
      .map((members) => `{${members.map((pair) => pair.join(":")).join(",")}}`)
  }
})

describe("for all input", () => {
  const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)

  it("what comes out is the envelope, with the very bytes of data", () => {
    const optional = fc.subarray(["id", "event", "timestamp", "workspace_id"])
    fc.assert(fc.property(object, token, token, optional, fc.nat(4), (data, id, workspaceId, present, place) => {
      const values: Record<string, string> = {
        id,
        event: type,
        timestamp: "2025-03-23T14:35:21Z",
        workspace_id: workspaceId
      }
      const members = present.map((key) => `"${key}": "${values[key]}"`)
      members.splice(place, 0, `"data":${data}`)
      const event = accepted(`{${members.join(" , ")}}`, { workspaceId, headerId: `${workspaceId}/${id}` })
      const body = text(event)
      const head =
        `{"id":"${id}","event":"${type}","timestamp":"2025-03-23T14:35:21Z","workspace_id":"${workspaceId}","data":`
      expect(body).toBe(`${head}${data}}`)
      expect(JSON.parse(body)).toEqual({ ...values, data: JSON.parse(data) })
    }))
  })

  it("an envelope parses to itself", () => {
    fc.assert(fc.property(object, (data) => {
      const event = accepted(`{"data":${data}}`)
      expect(Buffer.from(accepted(event.body, { ...http, time: 0 }).body).equals(event.body)).toBe(true)
    }))
  })

  it("changed bytes never throw; what is accepted then is an event by JSON.parse too", () => {
    const change = fc.record({ at: fc.nat(), drop: fc.nat(3), put: fc.uint8Array({ maxLength: 3 }) })
    fc.assert(
      fc.property(object, fc.array(change, { minLength: 1, maxLength: 3 }), fc.boolean(), (data, changes, overHttp) => {
        const payload = changes.reduce((bytes, { at, drop, put }) => {
          const from = at % (bytes.length + 1)
          return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + drop)])
        }, Buffer.from(envelopeOf(data)))
        const result = parse(payload, overHttp ? http : {})
        if (result._tag === "Rejection") {
          expect(rejectionReasons).toContain(result.reason)
          expect(result.message).toMatch(/^[\x20-\x7e]{5,400}$/)
        } else {
          const published = JSON.parse(payload.toString("utf8"))
          expect(JSON.parse(text(result))).toEqual({
            ...made,
            event: result.type,
            workspace_id: workspaceId,
            ...published
          })
        }
      }),
      { numRuns: 3_000 }
    )
  })

  it("any bytes at all never throw", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(parse(bytes)).toHaveProperty("reason")
    }))
  })
})
