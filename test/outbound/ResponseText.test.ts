import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { ResponseText } from "../../src/outbound/ResponseText.ts"

const from = (...chunks: ReadonlyArray<Uint8Array>): ResponseText => {
  const response = new ResponseText()
  for (const chunk of chunks) response.add(chunk)
  return response
}

describe("ResponseText", () => {
  it("nothing, one chunk and several are the text that was sent", () => {
    expect(from().text).toBeUndefined()
    expect(from(Buffer.from("grüß")).text).toBe("grüß")
    expect(from(...[...Buffer.from("grüß\u{1f600}")].map((byte) => Buffer.from([byte]))).text).toBe("grüß\u{1f600}")
    expect(from(Buffer.from("\ufeffbom")).text).toBe("\ufeffbom")
  })

  it("is cut between characters", () => {
    const text = from(Buffer.from(`x${"é".repeat(20_000)}`)).text ?? ""
    expect(text).toBe(`x${"é".repeat(8_191)}`)
  })

  it("a last character that never came whole is replaced, not lost", () => {
    expect(from(Buffer.from([0x61, 0xc3])).text).toBe("a\ufffd")
  })

  it("is at most 16 KiB as text too: a replaced byte is three", () => {
    expect(Buffer.byteLength(from(Buffer.alloc(16_384, 0xff)).text ?? "")).toBeLessThanOrEqual(16_384)
  })

  it("does not hold on to what it was given", () => {
    const chunk = Buffer.from("first")
    const response = from(chunk, Buffer.from("second"))
    chunk.fill(0)
    expect(response.text).toBe("firstsecond")
  })

  it("however a body is cut into chunks, the text is the same, bounded, and exceeded only beyond 64 KiB", () => {
    fc.assert(fc.property(
      fc.array(fc.uint8Array({ maxLength: 9_000 }), { maxLength: 12 }),
      fc.constantFrom(0, 0, 61_000),
      (chunks, more) => {
        const all = [...chunks, Buffer.alloc(more, "x")].filter((chunk) => chunk.length > 0)
        const whole = Buffer.concat(all)
        const response = from(...all)
        expect(response.exceeded).toBe(whole.length > 65_536)
        expect(response.text).toBe(whole.length === 0 ? undefined : from(whole).text)
        expect(Buffer.byteLength(response.text ?? "")).toBeLessThanOrEqual(16_384)
      }
    ))
  })
})
