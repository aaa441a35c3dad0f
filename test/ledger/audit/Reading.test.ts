import { describe, expect, it } from "@effect/vitest"
import { Reading } from "../../../src/ledger/audit/Reading.ts"

interface Case {
  readonly name: string
  /** The first sequence of the stream when reading begins, when it goes on, and when it ends. */
  readonly firsts: readonly [begun: number, resumed: number, ended: number]
  readonly before: ReadonlyArray<number>
  readonly after: ReadonlyArray<number>
  readonly removed: ReadonlyArray<readonly [number, number]>
  readonly left?: ReadonlyArray<readonly [number, number]>
}

const to = 9
const cases: ReadonlyArray<Case> = [
  { name: "nothing is missing", firsts: [1, 1, 1], before: [1, 2, 3, 4], after: [5, 6, 7, 8, 9], removed: [] },
  { name: "some were removed", firsts: [1, 1, 1], before: [1, 4], after: [5, 7, 9], removed: [[2, 3], [6, 6], [8, 8]] },
  { name: "the last were removed", firsts: [1, 1, 1], before: [1, 2], after: [3, 4, 5, 6, 7], removed: [[8, 9]] },
  { name: "the first had left before it began", firsts: [4, 4, 4], before: [4], after: [5, 6, 7, 8, 9], removed: [] },
  { name: "some left between two runs", firsts: [1, 7, 7], before: [1, 2, 3], after: [7, 8, 9], removed: [] },
  { name: "all left between two runs", firsts: [1, 12, 12], before: [1, 2, 3], after: [], removed: [] },
  { name: "removed behind what left meanwhile", firsts: [1, 6, 6], before: [1], after: [6, 9], removed: [[7, 8]] },
  {
    name: "left under a reader, or removed: it cannot be told",
    firsts: [1, 1, 6],
    before: [1, 2],
    after: [6, 8, 9],
    removed: [[7, 7]],
    left: [[3, 5]]
  },
  {
    name: "a gap of the first run that the stream has passed",
    firsts: [1, 5, 5],
    before: [1, 3, 4],
    after: [5, 6, 7, 8, 9],
    removed: [],
    left: [[2, 2]]
  }
]

const spans = (gaps: ReadonlyArray<{ readonly first: number; readonly last: number }>) =>
  gaps.map(({ first, last }) => [first, last])

describe("what a reader of a stream did not meet", () => {
  for (const { after, before, firsts: [begun, resumed, ended], left = [], name, removed } of cases) {
    it(name, () => {
      const first = new Reading(begun)
      for (const sequence of before) first.take(sequence)
      const second = new Reading(resumed, structuredClone(first.dump()))
      for (const sequence of after) second.take(sequence)
      const found = second.end(to, ended)
      expect({ removed: spans(found.removed), left: spans(found.left) }).toEqual({ removed, left })
      expect(new Reading(ended, second.dump()).ended, "it is not read again").toBe(true)
    })
  }

  it("keeps a thousand gaps, and the others as one", () => {
    const reading = new Reading(1)
    for (let sequence = 1; sequence <= 4001; sequence += 2) reading.take(sequence)
    const { removed } = reading.end(4001, 1)
    expect(removed.length).toBe(1000)
    expect(removed.at(-1)).toEqual({ first: 2000, last: 4000, some: true })
  })
})
