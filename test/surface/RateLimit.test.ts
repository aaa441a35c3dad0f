import { describe, expect, it } from "@effect/vitest"
import { makeRateLimit } from "../../src/surface/api/RateLimit.ts"

describe("the rate limit of a key", () => {
  it("lets a burst through, then the rate; says what is left and when", () => {
    const limit = makeRateLimit({ rate: 2, burst: 3, most: 10 })
    expect(limit.take("a", 0)).toEqual({ allowed: true, limit: 3, remaining: 2, reset: 1, retryAfter: 0 })
    expect(limit.take("a", 0)).toMatchObject({ allowed: true, remaining: 1, reset: 1 })
    expect(limit.take("a", 0)).toMatchObject({ allowed: true, remaining: 0, reset: 2 })
    expect(limit.take("a", 0)).toEqual({ allowed: false, limit: 3, remaining: 0, reset: 2, retryAfter: 1 })
    expect(limit.take("a", 499)).toMatchObject({ allowed: false })
    expect(limit.take("a", 500)).toMatchObject({ allowed: true, remaining: 0 })
    expect(limit.take("b", 500), "each has its own").toMatchObject({ allowed: true, remaining: 2 })
    expect(limit.take("a", 60_000), "no more than a burst is saved up").toMatchObject({ remaining: 2 })
  })

  it("in the long run is the rate, however the requests fall", () => {
    const limit = makeRateLimit({ rate: 7, burst: 5, most: 10 })
    let allowed = 0
    for (let at = 0; at < 100_000; at += 13) if (limit.take("a", at).allowed) allowed++
    expect(allowed).toBeGreaterThanOrEqual(700)
    expect(allowed).toBeLessThanOrEqual(705)
  })

  it("gives and takes nothing when the clock goes back", () => {
    const limit = makeRateLimit({ rate: 1, burst: 2, most: 10 })
    limit.take("a", 10_000)
    limit.take("a", 10_000)
    expect(limit.take("a", 1000).allowed).toBe(false)
    expect(limit.take("a", 1999).allowed).toBe(false)
    expect(limit.take("a", 2000).allowed).toBe(true)
  })

  it("forgets the name used longest ago when there are too many", () => {
    const limit = makeRateLimit({ rate: 1, burst: 2, most: 2 })
    limit.take("a", 0)
    limit.take("b", 0)
    limit.take("a", 0)
    limit.take("c", 0)
    expect(limit.take("a", 0).allowed, "still known").toBe(false)
    expect(limit.take("b", 0).remaining, "begins anew").toBe(1)
  })
})
