import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { parseRetryAfter } from "../../src/outbound/RetryAfter.ts"

const now = Date.UTC(2025, 2, 23, 14, 35, 21)
const day = 24 * 3_600_000

describe("Retry-After", () => {
  const cases: ReadonlyArray<readonly [value: unknown, expected: number | undefined]> = [
    ["0", 0],
    ["120", 120_000],
    [" 120 ", 120_000],
    ["1.5", 1_500],
    ["86400", day],
    ["86401", day],
    ["9".repeat(400), day],
    ["Sun, 23 Mar 2025 14:36:21 GMT", 60_000],
    ["Sunday, 23-Mar-25 14:36:21 GMT", 60_000],
    ["Sun Mar 23 14:36:21 2025", 60_000],
    ["Sun Mar  2 14:36:21 2025", 0],
    ["Sun, 23 Mar 2025 14:30:00 GMT", 0],
    ["Mon, 24 Mar 2031 14:36:21 GMT", day],
    ["Sun, 99 Xxx 2025 14:36:21 GMT", undefined],
    ["2025-03-23T14:36:21Z", undefined],
    ["1 banana", undefined],
    ["-1", undefined],
    ["1e9", undefined],
    ["0x10", undefined],
    ["NaN", undefined],
    ["Infinity", undefined],
    ["", undefined],
    [undefined, undefined],
    [["1", "2"], undefined]
  ]
  for (const [value, expected] of cases) {
    it(`${JSON.stringify(value)?.slice(0, 40)} is ${expected}`, () =>
      expect(parseRetryAfter(value, now)).toBe(expected))
  }

  it("is within a day or nothing, whatever comes", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.double().map(String), fc.anything()), (value) => {
      const wait = parseRetryAfter(value, now)
      expect(wait === undefined || (Number.isInteger(wait) && wait >= 0 && wait <= day)).toBe(true)
    }))
  })
})
