import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { isTimestamp, timestampAt } from "../../src/model/Timestamp.ts"

describe("Timestamp", () => {
  it.each([
    "2025-03-23T14:35:21Z",
    "2025-03-23T14:35:21.5Z",
    "2025-03-23T14:35:21.123456789Z",
    "2025-03-23T14:35:21+00:00",
    "2025-03-23T14:35:21-00:00",
    "2025-03-23T23:59:59.000000001-23:59",
    "2024-02-29T00:00:00Z",
    "2000-02-29T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z"
  ])("takes %s", (text) => expect(isTimestamp(text)).toBe(true))

  it.each([
    "",
    "2025-03-23",
    "2025-03-23T14:35Z",
    "2025-03-23T14:35:21",
    "2025-03-23 14:35:21Z",
    "2025-03-23t14:35:21Z",
    "2025-03-23T14:35:21z",
    "2025-03-23T14:35:21.Z",
    "2025-03-23T14:35:21,5Z",
    "2025-03-23T14:35:21.1234567890Z",
    "2025-03-23T14:35:21+0000",
    "2025-03-23T14:35:21+00",
    "2025-03-23T14:35:21+24:00",
    "2025-03-23T14:35:21+00:60",
    "2025-03-23T14:35:21\u221200:00",
    "20250323T143521Z",
    "2025-W12-7T14:35:21Z",
    "2025-3-23T14:35:21Z",
    "2025-00-23T14:35:21Z",
    "2025-13-23T14:35:21Z",
    "2025-03-00T14:35:21Z",
    "2025-03-32T14:35:21Z",
    "2025-04-31T14:35:21Z",
    "2025-02-29T14:35:21Z",
    "1900-02-29T14:35:21Z",
    "2025-03-23T24:00:00Z",
    "2025-03-23T14:60:21Z",
    "2016-12-31T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "+12025-03-23T14:35:21Z",
    "-0001-03-23T14:35:21Z",
    " 2025-03-23T14:35:21Z",
    "2025-03-23T14:35:21Z ",
    "2025-03-23T14:35:21Z\n",
    "２025-03-23T14:35:21Z",
    "1742740521"
  ])("refuses %j", (text) => expect(isTimestamp(text)).toBe(false))

  it("knows every day of the calendar, and no other", () => {
    for (const year of [2023, 2024, 2100, 2400]) {
      for (let month = 1; month <= 12; month++) {
        for (let day = 1; day <= 31; day++) {
          const date = `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`
          const exists = new Date(`${date}T00:00:00Z`).toISOString().startsWith(date)
          expect([date, isTimestamp(`${date}T00:00:00Z`)]).toEqual([date, exists])
        }
      }
    }
  })

  it("makes times in whole seconds, cut off, that it takes itself", () => {
    expect(timestampAt(1_742_740_521_999)).toBe("2025-03-23T14:35:21Z")
    expect(timestampAt(0)).toBe("1970-01-01T00:00:00Z")
    fc.assert(fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (time) => {
      expect(isTimestamp(timestampAt(time))).toBe(true)
      expect(new Date(timestampAt(time)).getTime()).toBe(Math.floor(time / 1000) * 1000)
    }))
  })
})
