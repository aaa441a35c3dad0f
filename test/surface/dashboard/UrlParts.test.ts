import { assert, oneof, property, string, webUrl } from "fast-check"
import { expect, it } from "vitest"
import { partsOf } from "../../../src/surface/dashboard/shared/UrlParts.ts"

/** Where the lines of a URL may end. */

it("takes a URL apart behind its separators", () => {
  expect(partsOf("https://hooks.example.com:8443/v1/craft-desk?team=a&b").map(({ text }) => text)).toEqual([
    "https://",
    "hooks.",
    "example.",
    "com:",
    "8443/",
    "v1/",
    "craft-",
    "desk?",
    "team=",
    "a&",
    "b"
  ])
})

it("lets only a word break that is longer than a line may be", () => {
  const parts = partsOf(`https://example.com/${"a".repeat(24)}/${"b".repeat(25)}`)
  expect(parts.filter(({ breaks }) => breaks).map(({ text }) => text[0])).toEqual(["a", "b"])
  expect(partsOf(`${"a".repeat(23)}/`).map(({ breaks }) => breaks)).toEqual([false])
})

it("keeps every character, whatever stands there", () => {
  assert(property(oneof(webUrl(), string({ unit: "grapheme" })), (url) => {
    const parts = partsOf(url)
    expect(parts.map(({ text }) => text).join("")).toBe(url)
    expect(new Set(parts.map(({ at }) => at)).size).toBe(parts.length)
  }))
})
