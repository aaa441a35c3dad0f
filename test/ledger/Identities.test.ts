import { describe, expect, it } from "@effect/vitest"
import { Identities } from "../../src/ledger/Identities.ts"

const day = Identities.window

describe("Identities", () => {
  it("the first wins for 24 hours, and its own repetition is none", () => {
    const identities = new Identities()
    expect(identities.note("a", 1, 0)).toBeUndefined()
    expect(identities.note("a", 1, 0)).toBeUndefined()
    expect(identities.note("a", 2, day)).toBe(1)
    expect(identities.note("a", 3, day + 1)).toBeUndefined()
    expect(identities.note("a", 4, day + 2)).toBe(3)
  })

  it("an earlier one that is looked at again is none of one that came long after it, whose repeats are known still", () => {
    const identities = new Identities()
    identities.note("a", 5, 3 * day)
    expect(identities.note("a", 1, day)).toBeUndefined()
    expect(identities.note("a", 4, 2 * day)).toBe(5)
    expect(identities.note("a", 6, 4 * day)).toBe(5)
  })

  it("forgets the oldest beyond its limit", () => {
    const identities = new Identities()
    for (let n = 0; n <= Identities.limit; n++) identities.note(`id${n}`, n, n)
    expect(identities.entries().length).toBe(Identities.limit)
    expect(identities.note("id0", Identities.limit + 1, Identities.limit)).toBeUndefined()
    expect(identities.note("id2", Identities.limit + 2, Identities.limit)).toBe(2)
  })

  it("gives way to a release only where a message was reread, not where its event was seen", () => {
    const identities = new Identities()
    identities.note("a", 1, 0)
    identities.note("b", 2, 0, true)
    expect(identities.release("a", 1, 3, 5)).toBe(false)
    expect(identities.release("b", 1, 3, 5)).toBe(false)
    expect(new Identities(identities.entries()).release("b", 2, 3, 5)).toBe(true)
    expect(identities.release("b", 2, 3, 5)).toBe(true)
    expect(identities.release("b", 3, 4, 5)).toBe(false)
  })

  it("comes back from its entries", () => {
    const identities = new Identities()
    identities.note("a", 1, 5)
    expect(new Identities(identities.entries()).note("a", 2, 6)).toBe(1)
  })
})
