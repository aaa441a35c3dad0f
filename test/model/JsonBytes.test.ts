import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { isUtf8 } from "node:buffer"
import { describeFault, maxDepth, readElements, readText } from "../../src/model/JsonBytes.ts"

const bytes = (text: string): Buffer => Buffer.from(text)

/** JSON.parse is the oracle for everything but depth. */
const parses = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const valid = [
  "{}",
  "[]",
  "null",
  "true",
  "false",
  "\"\"",
  "0",
  "-0",
  "1",
  "-1",
  "10",
  "1.0",
  "0.5",
  "-0.0",
  "1e1",
  "1E1",
  "1e+1",
  "1E-1",
  "0e0",
  "1.5e300",
  "1e400",
  "9007199254740993",
  "123456789012345678901234567890",
  " 1 ",
  "\t\n\r {}\r\n\t ",
  "[1,2]",
  "[ 1 , 2 ]",
  "[[],[]]",
  "{\"a\":1}",
  "{\"a\":1,\"a\":2}",
  "{ \"a\" : 1 , \"b\" : [ ] }",
  "{\"\":0}",
  "{\"__proto__\":{}}",
  "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
  "\"\\u0000\"",
  "\"\\uD83D\\uDE00\"",
  "\"\\ud800\"",
  "\"\\uDC00\\uD800\"",
  "\"\\uAbCd\"",
  "\"\u007f\"",
  "\"é\u2028😀\"",
  "\"/\"",
  "[null,true,false]"
]

const invalid = [
  "",
  " ",
  "01",
  "-01",
  "00",
  "1.",
  ".1",
  "-",
  "+1",
  "-.5",
  "1.e1",
  "1e",
  "1e+",
  "1E-",
  "1e1.5",
  "1.2.3",
  "0x1",
  "0b1",
  "1_000",
  "1,",
  "NaN",
  "-NaN",
  "Infinity",
  "-Infinity",
  "nul",
  "nulll",
  "null1",
  "True",
  "TRUE",
  "tru",
  "truE",
  "fals",
  "undefined",
  "{",
  "}",
  "[",
  "]",
  "[1",
  "[1,",
  "[1,]",
  "[,1]",
  "[,]",
  "[1 2]",
  "[1,,2]",
  "[1}",
  "{]",
  "{}{}",
  "[][]",
  "{} x",
  "{}}",
  "1 2",
  "\"a\"b",
  "{\"a\"",
  "{\"a\":",
  "{\"a\":1",
  "{\"a\":1,",
  "{\"a\":1,}",
  "{,}",
  "{\"a\" 1}",
  "{\"a\":}",
  "{\"a\":1 \"b\":2}",
  "{a:1}",
  "{'a':1}",
  "{1:1}",
  "{null:1}",
  "{\"a\"::1}",
  "{\"a\":1,,\"b\":2}",
  "'a'",
  "\"",
  "\"a",
  "\"\\\"",
  "\"\\",
  "\"\\x41\"",
  "\"\\a\"",
  "\"\\'\"",
  "\"\\0\"",
  "\"\\U0041\"",
  "\"\\u\"",
  "\"\\u004\"",
  "\"\\u00g0\"",
  "\"\\u 041\"",
  "\"\\u-041\"",
  "\"\\u004",
  "\"a\nb\"",
  "\"a\tb\"",
  "\"\u0000\"",
  "\"\u001f\"",
  "\"\\\n\"",
  "\u000b1",
  "\u000c1",
  "\u00a01",
  "1\u00a0",
  "\u20281",
  "\ufeff{}",
  "{}\ufeff",
  "/**/1",
  "1//",
  "#1",
  "{\"a\":1/**/}",
  "{}\u0000",
  "\u0000{}",
  "[\u0000]",
  "é",
  "{\"a\":é}",
  "1é",
  "-é",
  "1.é",
  "[1é]"
]

const cut = (text: string) => {
  const elements: Array<string> = []
  const end = readElements(bytes(text), (start, last) => elements.push(bytes(text).toString("utf8", start, last)))
  return end < 0 ? describeFault(end) : elements
}

describe("JsonBytes", () => {
  it.each(valid)("valid: %j", (text) => {
    expect(parses(text)).toBe(true)
    expect(readText(bytes(text))).toBe(bytes(text).length)
  })

  it.each(invalid)("invalid: %j", (text) => {
    expect(parses(text)).toBe(false)
    const end = readText(bytes(text))
    expect(end).toBeLessThan(0)
    expect(describeFault(end)).toEqual({ kind: "syntax", at: expect.any(Number) })
  })

  it("says at which byte the text breaks", () => {
    const faults = ["", "{\"a\":1,}", "[1,01]", "\"ab\nc\"", "{} x", "tru", "\"é\\x\""].map((text) =>
      describeFault(readText(bytes(text))).at
    )
    expect(faults).toEqual([0, 7, 4, 3, 3, 3, 4])
  })

  it("takes 64 levels and refuses the 65th where it begins, objects and arrays alike", () => {
    const arrays = (depth: number) => bytes("[".repeat(depth) + "]".repeat(depth))
    const objects = (depth: number) => bytes("{\"a\":".repeat(depth - 1) + "{}" + "}".repeat(depth - 1))
    expect(maxDepth).toBe(64)
    for (const nested of [arrays, objects]) {
      expect(readText(nested(64))).toBe(nested(64).length)
      expect(readText(nested(63))).toBe(nested(63).length)
      expect(describeFault(readText(nested(65))).kind).toBe("too_deep")
    }
    expect(describeFault(readText(arrays(65)))).toEqual({ kind: "too_deep", at: 64 })
    // Side by side is not within one another.
    expect(readText(bytes(`[${"[],".repeat(1000)}[]]`))).toBeGreaterThan(0)
  })

  it("does not overflow the stack", () => {
    for (const text of ["[".repeat(500_000), "{\"a\":".repeat(100_000), "[{\"a\":".repeat(10_000)]) {
      expect(describeFault(readText(bytes(text))).kind).toBe("too_deep")
    }
  })

  it("reports the members of the outermost object only, as they stand", () => {
    const text = bytes(" { \"a\" : {\"b\":1} ,\"a\\u0062\": [ 2 ]\n,\"\":-1.0e+5} ")
    const members: Array<[string, string]> = []
    readText(
      text,
      (keyStart, keyEnd, start, end) =>
        members.push([text.toString("utf8", keyStart, keyEnd), text.toString("utf8", start, end)])
    )
    expect(members).toEqual([["a", "{\"b\":1}"], ["a\\u0062", "[ 2 ]"], ["", "-1.0e+5"]])
  })

  it("cuts an array into its elements, each as deep as a text of its own may be", () => {
    expect(cut(" [ {\"a\": 1.0} , [ ] ,\"é\",-1 ] ")).toEqual(["{\"a\": 1.0}", "[ ]", "\"é\"", "-1"])
    expect(cut("[]")).toEqual([])
    expect(cut("{}")).toEqual({ kind: "syntax", at: 0 })
    expect(cut("")).toEqual({ kind: "syntax", at: 0 })
    expect(cut("[1] 2")).toEqual({ kind: "syntax", at: 4 })
    expect(cut(`[${"[".repeat(64)}${"]".repeat(64)}]`)).toHaveLength(1)
    expect(cut(`[${"[".repeat(65)}${"]".repeat(65)}]`)).toEqual({ kind: "too_deep", at: 65 })
  })

  it("agrees with JSON.parse on arbitrary JSON in arbitrary white space", () => {
    const blank = fc.string({ unit: fc.constantFrom(" ", "\n", "\r", "\t"), maxLength: 3 })
    fc.assert(fc.property(fc.json(), blank, blank, (json, before, after) => {
      const text = bytes(before + json + after)
      expect(readText(text)).toBe(text.length)
    }))
  })

  it("agrees with JSON.parse on texts made of JSON's own pieces", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      "\"",
      "\"a\"",
      "\"a\":",
      "\\",
      "\\u",
      "\\u00e9",
      "\\n",
      "0",
      "1",
      "-",
      "+",
      ".",
      "e",
      "E",
      "12",
      "true",
      "false",
      "null",
      " ",
      "\n",
      "\u0001",
      "é"
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
        const text = pieces.join("")
        expect(readText(bytes(text)) >= 0).toBe(parses(text))
      }),
      { numRuns: 5_000 }
    )
  })

  it("agrees with JSON.parse on JSON with bytes changed, taken out or put in", () => {
    const change = fc.record({ at: fc.nat(), drop: fc.nat(2), put: fc.uint8Array({ maxLength: 2 }) })
    fc.assert(
      fc.property(fc.json(), fc.array(change, { minLength: 1, maxLength: 3 }), (json, changes) => {
        const text = changes.reduce((text, { at, drop, put }) => {
          const from = at % (text.length + 1)
          return Buffer.concat([text.subarray(0, from), put, text.subarray(from + drop)])
        }, bytes(json))
        const end = readText(text)
        if (isUtf8(text)) expect(end >= 0).toBe(parses(text.toString("utf8")))
      }),
      { numRuns: 5_000 }
    )
  })
})
