import { spawnSync } from "node:child_process"
import { describe, expect, it } from "vitest"
import { curl } from "../../../src/surface/dashboard/deliveries/Curl.ts"
import { deliveryIn, filtersIn, isFiltered, queryOf } from "../../../src/surface/dashboard/deliveries/Filters.ts"
import { flawOf, pretty } from "../../../src/surface/dashboard/deliveries/JsonText.ts"
import { flawsOf, recovery } from "../../../src/surface/dashboard/deliveries/RecoverRange.ts"
import { fromLocal, toLocal } from "../../../src/surface/dashboard/shared/LocalTime.ts"

describe("filters in the address", () => {
  it.each([
    [{}, {}],
    [{ status: "failed", range: "7d" }, { status: "failed" }],
    [{ status: "Failed" }, {}],
    [{ status: "constructor" }, {}],
    [{ type: "project.created", event: "evt_1-a" }, { type: "project.created", event: "evt_1-a" }],
    [{ type: "project", event: "a b" }, {}],
    [{ event: "x".repeat(65) }, {}],
    [{ from: "2025-03-23T14:35:21.000Z", to: "2025-13-23T14:35:21Z" }, { from: "2025-03-23T14:35:21.000Z" }],
    [{ from: "yesterday", to: 12 }, {}]
  ])("%j is %j", (search, filters) => {
    expect(filtersIn(search)).toEqual(filters)
    expect(filtersIn(filtersIn(search)), "what was read is read again").toEqual(filters)
    expect(isFiltered(filtersIn(search))).toBe(Object.keys(filters).length > 0)
  })

  it("ask the API by its own names", () => {
    expect(queryOf("wh_1", { status: "held", type: "a.b", event: "e", from: "f", to: "t" })).toEqual({
      webhook_id: "wh_1",
      status: "held",
      event_type: "a.b",
      event_id: "e",
      from: "f",
      to: "t"
    })
  })

  it.each([["dlv_3f2a9c", "dlv_3f2a9c"], ["wh_1", undefined], ["dlv_", undefined], ["dlv_a/b", undefined], [
    3,
    undefined
  ]])(
    "the delivery %j is %j",
    (delivery, id) => expect(deliveryIn({ delivery })).toBe(id)
  )
})

describe("JSON as text", () => {
  it.each([
    ["{\"a\":1}", "{\n  \"a\": 1\n}"],
    ["{}", "{}"],
    [" [ ] ", "[]"],
    ["{\"a\":[],\"b\":{}}", "{\n  \"a\": [],\n  \"b\": {}\n}"],
    [
      "{\"n\":12345678901234567890,\"f\":1.0,\"e\":1E400}",
      "{\n  \"n\": 12345678901234567890,\n  \"f\": 1.0,\n  \"e\": 1E400\n}"
    ],
    ["{\"a\":1,\"a\":2,\"__proto__\":3}", "{\n  \"a\": 1,\n  \"a\": 2,\n  \"__proto__\": 3\n}"],
    ["[1,[2,\n[3]]]", "[\n  1,\n  [\n    2,\n    [\n      3\n    ]\n  ]\n]"],
    [String.raw`"\ud800 {,}: \" é"`, String.raw`"\ud800 {,}: \" é"`]
  ])("%s is indented", (text, indented) => {
    expect(pretty(text)).toBe(indented)
    expect(pretty(indented), "once is enough").toBe(indented)
  })

  it("agrees with the browser on what is JSON", () => {
    const all = [
      "",
      " ",
      "{",
      "}",
      "[1,]",
      "{\"a\":1,}",
      "{a:1}",
      "{'a':1}",
      "[1 2]",
      "01",
      "1.",
      ".5",
      "-",
      "+1",
      "1e",
      "nul",
      "nullx",
      "true",
      "\"",
      "\"\\x\"",
      "\"\\u12\"",
      "\"\t\"",
      "\"a\nb\"",
      "{\"a\"}",
      "{\"a\":}",
      "{\"a\":1]",
      "[}",
      "{}{}",
      "1 1",
      "[,]",
      ":",
      ",",
      "\u00a0{}",
      "\ufeff{}",
      "-0",
      "-0.0e-1",
      "{\"a\":{\"b\":[null,false,{}]}}",
      "\"\u2028\"",
      "NaN",
      "Infinity",
      "// a\n{}",
      "[1][",
      "\"a\" \"b\"",
      "{\"a\":1 \"b\":2}",
      "1-1",
      "[1,2"
    ]
    for (const text of all) {
      const isJson = (() => {
        try {
          JSON.parse(text)
          return true
        } catch {
          return false
        }
      })()
      expect([text, pretty(text) !== undefined]).toEqual([text, isJson])
    }
  })

  it.each([
    ["{\"a\":1}", undefined],
    ["{\n  \"a\": tru\n}", [2, 8]],
    ["{\n  \"a\": 1,\n}", [3, 1]],
    ["{\"a\":1", [1, 7]],
    ["{\"a\" 1}", [1, 6]],
    ["[1]", [1, 1]],
    ["{\"a\":\"b}", [1, 6]],
    ["{\"a\":\"\\q\"}", [1, 7]],
    ["{} x", [1, 4]],
    ["", [1, 1]]
  ])("%j is wrong at %j", (text, place) => {
    const flaw = flawOf(text)
    expect(flaw && [flaw.line, flaw.column]).toEqual(place)
    if (flaw !== undefined) expect(flaw.message).toMatch(/^[A-Z].*\.$/)
  })

  it("takes any depth and half a megabyte", () => {
    const deep = "[".repeat(100_000)
    expect(flawOf(deep)?.message).toContain("ends too early")
    const long = `{"a":[${Array.from({ length: 50_000 }, (_, index) => `"${index}"`).join(",")}]}`
    expect(pretty(long)?.split("\n").length).toBe(50_004)
  })
})

describe("a command for curl", () => {
  it("sends the body to the byte, whatever is in it", () => {
    const body = "{\"a\":\"it's $HOME `id` \\n \u{1f600} \u202e\",\"n\":12345678901234567890}"
    const command = curl({
      url: "https://example.com/a'b?c=$(id)",
      eventId: "evt_1",
      body,
      ownHeaders: ["x-a"],
      names: { hex: "x-acme-signature", standardPrefix: "acme" }
    })
    // The shell itself says what it makes of it.
    const script = `curl() { printf '%s\\0' "$@"; }\n${command}`
    const { stdout } = spawnSync("sh", ["-c", script], { encoding: "utf8" })
    const words = stdout.split("\0").slice(0, -1)
    expect(words.slice(0, 3)).toEqual(["-X", "POST", "https://example.com/a'b?c=$(id)"])
    expect(words.at(-1)).toBe(body)
    expect(words.filter((_, index) => words[index - 1] === "-H")).toEqual([
      "content-type: application/json",
      "acme-id: evt_1",
      "acme-timestamp: UNIX_SECONDS",
      "acme-signature: v1,BASE64_SIGNATURE",
      "x-acme-signature: HEX_SIGNATURE",
      "x-a: VALUE"
    ])
    expect(command).toMatch(/^# Fill in/)
  })
})

describe("a recovery's range", () => {
  const now = Date.parse("2025-03-23T14:00:00.000Z")
  const choice = { preset: "day", from: "", to: "", only: "failed", rate: "" } as const

  it("is what the API is asked for", () => {
    expect(recovery(choice, now)).toEqual({ from: "2025-03-22T14:00:00.000Z", only: "failed" })
    expect(recovery({ ...choice, preset: "all", only: "suppressed", rate: " 20 " }, now)).toEqual({
      only: "suppressed",
      rate: 20
    })
    const from = toLocal("2025-03-20T10:00:00.000Z")
    const to = toLocal("2025-03-21T10:00:30.000Z")
    expect(recovery({ ...choice, preset: "own", from, to }, now)).toEqual({
      from: "2025-03-20T10:00:00.000Z",
      to: "2025-03-21T10:00:30.000Z",
      only: "failed"
    })
  })

  it.each(
    [
      [choice, []],
      [{ ...choice, preset: "own" }, ["from"]],
      [{ ...choice, preset: "own", from: "2025-03-21T10:00", to: "2025-03-20T10:00" }, ["to"]],
      [{ ...choice, preset: "own", from: "2026-03-21T10:00" }, ["from"]],
      [{ ...choice, rate: "0" }, ["rate"]],
      [{ ...choice, rate: "1.5" }, ["rate"]],
      [{ ...choice, rate: "10001" }, ["rate"]]
    ] as const
  )("%j lacks %j", (given, fields) => expect(Object.keys(flawsOf(given, now))).toEqual(fields))

  it("keeps times through an input", () => {
    for (const iso of ["2025-03-23T14:35:00.000Z", "2025-12-31T23:59:59.000Z"]) {
      expect(fromLocal(toLocal(iso))).toBe(iso)
    }
    expect([toLocal(undefined), toLocal("x"), fromLocal(""), fromLocal("soon")]).toEqual(["", "", undefined, undefined])
  })
})
