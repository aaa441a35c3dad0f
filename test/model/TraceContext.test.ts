import { describe, expect, it } from "@effect/vitest"
import { traceContext, traceHeaders } from "../../src/model/TraceContext.ts"

const trace = "0af7651916cd43dd8448eb211c80319c"
const span = "b7ad6b7169203331"
const valid = `00-${trace}-${span}-01`

describe("a publisher's trace context", () => {
  it("goes on as it came", () => {
    expect(traceContext(valid, "congo=t61rcWkgMzE,rojo@one=00f067aa0ba902b7")).toEqual({
      traceparent: valid,
      tracestate: "congo=t61rcWkgMzE,rojo@one=00f067aa0ba902b7"
    })
    expect(traceContext(`00-${trace}-${span}-00`, undefined)).toEqual({ traceparent: `00-${trace}-${span}-00` })
    expect(traceHeaders(traceContext(valid, "a=1"))).toEqual({ traceparent: valid, tracestate: "a=1" })
    expect(traceHeaders(undefined)).toEqual({})
  })

  it("of a later version goes on as version 00", () => {
    expect(traceContext(`cc-${trace}-${span}-01`, undefined)).toEqual({ traceparent: valid })
    expect(traceContext(`cc-${trace}-${span}-01-what the future brings`, undefined)).toBeUndefined()
    expect(traceContext(`cc-${trace}-${span}-01-more`, undefined)).toEqual({ traceparent: valid })
  })

  it.each([
    "",
    "00",
    `ff-${trace}-${span}-01`,
    `00-${trace}-${span}-01-more`,
    `00-${trace}-${span}-01 `,
    ` ${valid}`,
    `${valid}\r\nx-evil: 1`,
    `${valid}\n`,
    valid.toUpperCase(),
    `00-${"0".repeat(32)}-${span}-01`,
    `00-${trace}-${"0".repeat(16)}-01`,
    `00-${trace.slice(1)}-${span}-01`,
    `00-${trace}-${span}0-01`,
    `00-${trace}-${span}-1`,
    `00-${trace}-${span}-0g`,
    `0-${trace}-${span}-01`,
    `cc-${trace}-${span}-01more`,
    `${valid}, ${valid}`
  ])("that is not valid is dropped: %j", (text) => {
    expect(traceContext(text, "a=1")).toBeUndefined()
  })

  it.each([
    "",
    ",",
    "a",
    "a=",
    "A=1",
    "a=1,a=2",
    "a=b=c",
    "a=ä",
    "a=1\r\nx-evil: 1",
    "a=\t1",
    `a=${"x".repeat(257)}`,
    `a=${"x".repeat(200)},b=${"x".repeat(200)},c=${"x".repeat(200)}`,
    Array.from({ length: 33 }, (_, index) => `k${index}=1`).join(",")
  ])("leaves out a tracestate that is not valid: %j", (state) => {
    expect(traceContext(valid, state)).toEqual({ traceparent: valid })
  })
})
