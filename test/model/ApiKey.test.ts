import { describe, expect, it } from "@effect/vitest"
import { digestOf, keyIdOf, newApiKey } from "../../src/model/ApiKey.ts"

describe("an API key", () => {
  it("is hk_<id>_<secret>, its secret of more than 256 bits in letters and digits, and no two are alike", () => {
    const made = Array.from({ length: 1000 }, newApiKey)
    for (const { id, text } of made) {
      expect(text).toMatch(/^hk_[0-9a-f]{24}_[A-Za-z0-9]{43}$/)
      expect(keyIdOf(text)).toBe(id)
    }
    expect(new Set(made.map(({ id }) => id)).size).toBe(1000)
    expect(new Set(made.map(({ text }) => text.slice(-43))).size).toBe(1000)
    expect(43 * Math.log2(62)).toBeGreaterThan(256)
    // Every sign comes, none is preferred: 43,000 draws of 62 signs, 694 each, give or take six standard deviations.
    const counts = new Map<string, number>()
    for (const { text } of made) for (const sign of text.slice(-43)) counts.set(sign, (counts.get(sign) ?? 0) + 1)
    expect(counts.size).toBe(62)
    for (const count of counts.values()) expect(Math.abs(count - 694)).toBeLessThan(6 * Math.sqrt(694))
  })

  it("has a secret that may hold - and _ when the operator made it", () => {
    expect(keyIdOf("hk_op_0123456789abcdef_-XYZ")).toBe("op")
  })

  it.each([
    "",
    "hk",
    "hk_",
    "hk__0123456789abcdef",
    "hk_op",
    "hk_op_short",
    "HK_op_0123456789abcdef",
    "hk_o.p_0123456789abcdef",
    "hk_op_0123456789abcde ",
    "hk_op_0123456789abcdé0",
    `hk_${"x".repeat(65)}_0123456789abcdef`,
    "xhk_op_0123456789abcdef",
    "hk_op_0123456789abcdef\n"
  ])("is not %j", (text) => expect(keyIdOf(text)).toBeUndefined())

  it("is kept as the SHA-256 of its text", () => {
    // FIPS 180-2, appendix B.1.
    expect(digestOf("abc").toString("hex")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  })
})
