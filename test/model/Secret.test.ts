import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { newSecret, standardKey, validateSecret } from "../../src/model/Secret.ts"

const standard = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString("base64")}`

describe("Secret", () => {
  it("a new one is whsec_ and 32 bytes, never the same, and valid", () => {
    const [one, other] = [newSecret(), newSecret()]
    expect(one).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(standardKey(one)).toHaveLength(32)
    expect(one).not.toBe(other)
    expect(validateSecret(one)).toBeUndefined()
  })

  const cases: ReadonlyArray<readonly [name: string, secret: string, valid: boolean]> = [
    ["24 bytes", standard(24), true],
    ["64 bytes", standard(64), true],
    ["23 bytes", standard(23), false],
    ["65 bytes", standard(65), false],
    ["no bytes", "whsec_", false],
    ["no base64", "whsec_not base64 at all, really!", false],
    ["base64 without its padding", standard(25).replace(/=+$/, ""), false],
    ["base64 of the URL alphabet", `whsec_${Buffer.alloc(24, 0xff).toString("base64url")}`, false],
    ["base64 with a line break", `${standard(24)}\n`, false],
    ["8 characters", "12345678", true],
    ["7 characters", "1234567", false],
    ["256 characters", "x".repeat(256), true],
    ["257 characters", "x".repeat(257), false],
    ["a sentence", "correct horse battery staple", true],
    ["other scripts and an emoji, counted as characters", "пароль🔑界", true],
    ["four emoji, eight UTF-16 units", "🔑🔑🔑🔑", false],
    ["a line break", "12345678\n", false],
    ["a tab", "1234\t5678", false],
    ["NUL", "1234\u00005678", false],
    ["a lone surrogate", "12345678\ud800", false],
    ["an invisible character", "12345678\u200b", false],
    ["empty", "", false]
  ]
  for (const [name, secret, valid] of cases) {
    it(`${name}: ${valid ? "accepted" : "refused, without being repeated"}`, () => {
      const problem = validateSecret(secret)
      expect(problem === undefined).toBe(valid)
      if (problem !== undefined && secret.length > 6) expect(problem).not.toContain(secret)
    })
  }

  it("whatever whsec_ accepts means one key: encoding the key gives the secret again", () => {
    fc.assert(fc.property(fc.oneof(fc.base64String(), fc.string()), (rest) => {
      const secret = `whsec_${rest}`
      const key = standardKey(secret)
      expect(validateSecret(secret) === undefined).toBe(key !== undefined)
      if (key !== undefined) expect(`whsec_${Buffer.from(key).toString("base64")}`).toBe(secret)
    }))
  })
})
