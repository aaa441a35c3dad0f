import { describe, expect, it } from "vitest"
import { Outgoing } from "../support/canaries.ts"

const value = "s3cr3t/+ of \"mine\" "

/** What it may look like where it leaks. */
const leaks: ReadonlyArray<readonly [string, string]> = [
  ["as it is", `before ${value} behind`],
  ["in an address", `/v1?key=${encodeURIComponent(value)}&more`],
  ["in JSON", JSON.stringify({ value })],
  ["in hex", Buffer.from(`before ${value} behind`).toString("hex")],
  ["in capital hex", Buffer.from(value).toString("hex").toUpperCase()],
  ...["", "a", "bc", "def"].flatMap((before): ReadonlyArray<readonly [string, string]> =>
    ["", "x", "yz"].flatMap((behind) => [
      [`in base64 between "${before}" and "${behind}"`, Buffer.from(before + value + behind).toString("base64")],
      [`in base64url between "${before}" and "${behind}"`, Buffer.from(before + value + behind).toString("base64url")]
    ])
  )
]

describe("a canary", () => {
  it.each(leaks)("is seen %s", (_, text) => {
    const out = new Outgoing()
    out.add("a place", text)
    expect(out.seen({ name: "it", value }, () => false)).not.toEqual([])
    expect(out.seen({ name: "it", value }, (place) => place === "a place")).toEqual([])
  })

  it("is seen across two parts of a socket's bytes, and not where there is none", () => {
    const out = new Outgoing()
    out.add("a socket", value.slice(0, 5))
    expect(out.seen({ name: "it", value }, () => false)).toEqual([])
    out.add("a socket", value.slice(5))
    expect(out.seen({ name: "it", value }, () => false)).toHaveLength(1)
  })
})
