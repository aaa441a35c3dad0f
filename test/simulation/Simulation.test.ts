import { describe, expect, it } from "vitest"
import { simulate } from "./Simulation.ts"

/** The short form; `npm run test:simulation` runs 2,000. */
const seeds = 40

const linesOf = async (seed: number): Promise<ReadonlyArray<string>> => {
  const all: Array<string> = []
  await simulate(seed, (line) => void all.push(line))
  return all
}

describe("the simulation", () => {
  it(`holds for ${seeds} seeds`, { timeout: 300_000 }, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { events, faults, violations, webhooks } = await simulate(seed)
      expect(violations, `replay: SEED=${seed} npm run test:simulation`).toEqual([])
      expect(events).toBeGreaterThanOrEqual(200)
      expect(webhooks).toBeGreaterThanOrEqual(5)
      expect(faults.length).toBeGreaterThanOrEqual(3)
    }
  })

  it("does the same for the same seed", { timeout: 60_000 }, async () => {
    const first = await linesOf(7)
    expect(first.length).toBeGreaterThan(200)
    expect(await linesOf(7)).toEqual(first)
  })
})
