import { expect, it } from "@effect/vitest"
import { Restraint } from "../../../src/ledger/history/Restraint.ts"

/** Looks at each stream so many times, and brings what there is of it; how much all brought at each look. */
const looks = (rounds: number, waiting: Record<string, number>) => {
  const restraint = new Restraint(500, Object.keys(waiting).length)
  return Array.from({ length: rounds }, () => {
    let total = 0
    for (const stream of Object.keys(waiting)) {
      const brought = Math.min(restraint.allowed(stream), waiting[stream] ?? 0)
      waiting[stream] = (waiting[stream] ?? 0) - brought
      for (let n = 0; n < brought; n++) restraint.took(stream)
      total += brought
    }
    return total
  })
}

it("one stream that is full has what the others leave", () => {
  expect(looks(4, { a: 9_999, b: 0, c: 0, d: 0 })).toEqual([500, 500, 500, 500])
})

it("streams that are full share, from the second look on", () => {
  const totals = looks(40, { a: 99_999, b: 99_999, c: 99_999, d: 99_999 })
  expect(totals.slice(2).every((total) => total <= 500)).toBe(true)
  expect(totals.at(-1)).toBeGreaterThan(400)
})

it("no stream waits for ever behind the others", () => {
  const waiting = { a: 99_999, b: 99_999, c: 99_999, d: 1_000 }
  looks(10, waiting)
  expect(waiting.d).toBe(0)
})
