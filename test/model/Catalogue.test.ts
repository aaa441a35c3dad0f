import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { bundled, CatalogueInvalid, decode } from "../../src/model/Catalogue.ts"

const entry = (more: Record<string, unknown> = {}) => ({
  type: "invoice.paid",
  description: "An invoice was paid",
  example: { id: "inv_1", amount: 4500, lines: [{ sku: "a", count: 1 }] },
  ...more
})

const schema = {
  type: "object",
  required: ["id", "amount"],
  properties: {
    id: { type: "string", pattern: "^inv_" },
    amount: { type: "integer", minimum: 0 },
    paid_at: { type: "string", format: "date-time" },
    lines: {
      type: "array",
      items: {
        type: "object",
        properties: { sku: { type: "string" }, count: { type: "integer" } },
        additionalProperties: false
      }
    }
  }
}

const nested = (depth: number): unknown => JSON.parse("{\"a\":".repeat(depth - 1) + "{}" + "}".repeat(depth - 1))

/** hookline's own, which every catalogue has behind its own. */
const reserved = ["webhook.disabled", "webhook.failing", "delivery.failed"]

const refused = (json: unknown): CatalogueInvalid => Either.getOrThrow(Either.flip(decode(json)))

describe("the bundled catalogue", () => {
  it("has the 17 types of the source document, in its order, and then hookline's own", () => {
    expect([...bundled.types.keys()]).toEqual([
      "project.created",
      "project.updated",
      "project.deleted",
      "project.archived",
      "project.unarchived",
      "member.invited",
      "member.joined",
      "member.role_changed",
      "member.removed",
      "task.created",
      "task.updated",
      "task.completed",
      "task.deleted",
      "subscription.created",
      "subscription.upgraded",
      "subscription.downgraded",
      "subscription.cancelled",
      ...reserved
    ])
    expect([...bundled.entities]).toEqual(["project", "member", "task", "subscription", "webhook", "delivery"])
  })

  it("has the source document's descriptions and its example", () => {
    expect(bundled.types.get("project.created")).toEqual({
      type: "project.created",
      description: "A new project was created",
      example: {
        id: "proj_550e8400e29b41d4a716446655440000",
        name: "Website Redesign",
        slug: "website-redesign",
        description: "Modernize our web presence",
        created_at: "2025-03-23T14:35:21Z"
      }
    })
    expect(bundled.types.get("subscription.cancelled")?.description).toBe("A subscription was cancelled")
    expect(bundled.types.get("member.joined")?.example["email"]).toBe("sam.rivera@example.com")
  })

  it("has an example for every type and refuses no platform's extra fields", () => {
    const theirs = [...bundled.types.values()].filter((type) => type.reserved !== true)
    for (const { example } of theirs) expect(typeof example["id"]).toBe("string")
    expect([...bundled.checks.keys()]).toEqual(reserved)
  })
})

describe("a catalogue of one's own", () => {
  it("replaces the bundled one", () => {
    const catalogue = Either.getOrThrow(decode({ types: [entry(), entry({ type: "a1_b.c_2" })] }))
    expect([...catalogue.types.keys()]).toEqual(["invoice.paid", "a1_b.c_2", ...reserved])
    expect([...catalogue.entities]).toEqual(["invoice", "a1_b", "webhook", "delivery"])
  })

  it("or extends it, an entry taking the place of a bundled one", () => {
    const mine = entry({ type: "task.created" })
    const catalogue = Either.getOrThrow(decode({ extends: "bundled", types: [entry(), mine] }))
    expect([...catalogue.types.keys()]).toEqual([
      ...[...bundled.types.keys()].filter((type) => !reserved.includes(type)),
      "invoice.paid",
      ...reserved
    ])
    expect(catalogue.types.get("task.created")).toEqual(mine)
    expect(bundled.types.get("task.created")).not.toEqual(mine)
  })

  it("keeps an example as it is, a __proto__ key included", () => {
    const example: unknown = JSON.parse("{\"__proto__\":{\"a\":1},\"constructor\":2}")
    const catalogue = Either.getOrThrow(decode({ types: [entry({ example })] }))
    expect(JSON.stringify(catalogue.types.get("invoice.paid")?.example)).toBe(
      "{\"__proto__\":{\"a\":1},\"constructor\":2}"
    )
  })

  it.each<[string, unknown, string, string]>([
    ["no object", 1, "", "must be an object"],
    ["null", null, "", "must be an object"],
    ["a bare list", [entry()], "", "must be an object"],
    ["no types", {}, "types", "missing"],
    ["an empty list", { types: [] }, "types", "at least one event type"],
    ["an unknown key", { types: [entry()], version: 1 }, "version", "unexpected"],
    ["another base", { extends: "craftdesk", types: [entry()] }, "extends", "must be \"bundled\""],
    ["an entry that is no object", { types: [entry(), "x"] }, "types[1]", "Expected"],
    ["no type", { types: [entry({ type: undefined })] }, "types[0].type", "must be a string"],
    ["no description", { types: [entry({ description: " " })] }, "types[0].description", "1 to 500"],
    [
      "a description that is too long",
      { types: [entry({ description: "x".repeat(501) })] },
      "types[0].description",
      "500"
    ],
    ["an example that is a list", { types: [entry({ example: [] })] }, "types[0].example", "must be an object"],
    ["an example that is null", { types: [entry({ example: null })] }, "types[0].example", "must be an object"],
    ["an unknown key in an entry", { types: [entry({ shcema: {} })] }, "types[0].shcema", "unexpected"],
    ["an entry that calls itself reserved", { types: [entry({ reserved: true })] }, "types[0].reserved", "unexpected"],
    ["a schema that is no object", { types: [entry({ schema: true })] }, "types[0].schema", "must be an object"],
    ["an unknown keyword", { types: [entry({ schema: { tpye: "object" } })] }, "types[0].schema", "tpye"],
    ["a wrong keyword", { types: [entry({ schema: { type: "objekt" } })] }, "types[0].schema", "type"],
    [
      "a pattern that is none",
      { types: [entry({ schema: { pattern: "(" } })] },
      "types[0].schema",
      "regular expression"
    ],
    ["a $ref that leads out", { types: [entry({ schema: { $ref: "http://x/y" } })] }, "types[0].schema", "http://x/y"],
    ["an asynchronous schema", { types: [entry({ schema: { $async: true } })] }, "types[0].schema", "$async"],
    [
      "a schema in a circle",
      { types: [entry({ schema: { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/a" } } } })] },
      "types[0].schema",
      "stack"
    ],
    [
      "an example that breaks its schema",
      { types: [entry({ schema, example: { id: "inv_1", amount: -1 } })] },
      "types[0].example",
      "data.amount must be >= 0"
    ],
    ["a type given twice", { types: [entry(), entry()] }, "types[1].type", "twice"]
  ])("refused: %s", (_, json, field, reason) => {
    const error = refused(json)
    expect(error).toBeInstanceOf(CatalogueInvalid)
    expect(error.field).toBe(field)
    expect(error.reason).toContain(reason)
    expect(error.message).toContain(field === "" ? "the catalogue" : field)
  })

  it.each([
    "",
    "invoice",
    "invoice.",
    ".paid",
    "invoice.paid.twice",
    "Invoice.paid",
    "invoice.paid ",
    "invoice-x.paid",
    "invoice.*",
    "*",
    ">",
    "in voice.paid",
    "invoice.paid\n",
    "invoice.päid",
    `${"x".repeat(65)}.paid`,
    `invoice.${"x".repeat(65)}`
  ])("refused: the type %j", (type) => {
    const error = refused({ types: [entry(), entry({ type })] })
    expect(error).toMatchObject({ field: "types[1].type", reason: expect.stringContaining("<entity>.<action>") })
  })

  it.each(["webhook.created", "webhook.disabled", "delivery.failed"])("refused: %s is reserved", (type) => {
    const why = `must not begin with ${type.split(".")[0]}., which is reserved for hookline's own events`
    for (const extended of [{}, { extends: "bundled" }]) {
      expect(refused({ ...extended, types: [entry(), entry({ type })] }))
        .toMatchObject({ field: "types[1].type", type, reason: why })
    }
  })

  it("an entity that only begins like a reserved one is fine", () => {
    expect(Either.isRight(decode({ types: [entry({ type: "webhooks.made" }), entry({ type: "delivery_note.sent" })] })))
      .toBe(true)
  })

  it("refuses an example nested too deep to be an event, however deep", () => {
    expect(Either.isRight(decode({ types: [entry({ example: nested(63) })] }))).toBe(true)
    for (const depth of [64, 5_000]) {
      expect(refused({ types: [entry({ example: nested(depth) })] }))
        .toMatchObject({ field: "types[0].example", reason: "is nested too deep" })
    }
  })

  it("names the entry by its type", () => {
    expect(refused({ types: [entry({ description: 1 })] }).message)
      .toBe("types[0].description (invoice.paid): must be a string")
  })
})

describe("a schema for data", () => {
  const catalogue = Either.getOrThrow(
    decode({ types: [entry({ schema }), entry({ type: "invoice.sent", schema: { ...schema, $id: "same" } })] })
  )
  const check = (data: unknown) => catalogue.checks.get("invoice.paid")?.(data)

  it("is compiled for each type that has one", () => {
    expect([...catalogue.checks.keys()]).toEqual(["invoice.paid", "invoice.sent", ...reserved])
    // The same $id in two entries is no conflict.
    const twice = {
      types: [{ type: "a.a" }, { type: "a.b" }].map((type) => entry({ ...type, schema: { $id: "same" } }))
    }
    expect(Either.isRight(decode(twice))).toBe(true)
  })

  it.each<[unknown, string | undefined, string | undefined]>([
    [{ id: "inv_1", amount: 1 }, undefined, undefined],
    [{ id: "inv_1", amount: 1, note: "extra", paid_at: "formats are annotations" }, undefined, undefined],
    [{ id: "inv_1" }, "data", "must have required property 'amount'"],
    [{ id: "inv_1", amount: "1" }, "data.amount", "must be integer"],
    [{ id: "x", amount: 1 }, "data.id", "must match pattern \"^inv_\""],
    [{ id: "inv_1", amount: 1, lines: [{}, { sku: 1 }] }, "data.lines[1].sku", "must be string"],
    [
      { id: "inv_1", amount: 1, lines: [{ "a/b~\n": 1 }] },
      "data.lines[0]",
      "must NOT have additional properties (\"a/b~\\u000a\")"
    ]
  ])("%j", (data, field, message) => {
    expect(check(data)).toEqual(field === undefined ? undefined : { field, message })
  })

  it("may refer to itself", () => {
    const tree = { type: "object", properties: { id: { type: "string" }, child: { $ref: "#" } } }
    const { checks } = Either.getOrThrow(decode({ types: [entry({ schema: tree })] }))
    expect(checks.get("invoice.paid")?.({ child: { child: { id: 1 } } })).toMatchObject({
      field: "data.child.child.id"
    })
  })

  it("answers, rather than throws, where it turns in a circle only for some data", () => {
    const circle: unknown = JSON.parse("{\"if\":{\"required\":[\"x\"]},\"then\":{\"$ref\":\"#\"}}")
    const { checks } = Either.getOrThrow(decode({ types: [entry({ schema: circle })] }))
    expect(checks.get("invoice.paid")?.({})).toBeUndefined()
    expect(checks.get("invoice.paid")?.({ x: 1 })).toMatchObject({ field: "data" })
  })
})
