import { describe, expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as Telemetry from "../../src/Telemetry.ts"

const page = readFileSync(new URL("../../docs/operating.md", import.meta.url), "utf8")
const table = /<!-- metrics: .* -->\n([^]*?)<!-- \/metrics -->/.exec(page)?.[1] ?? ""
const rows = table.split("\n").filter((line) => line.startsWith("| `")).map((line) => line.slice(2, -2).split(" | "))

/** The first two cells of a metric's row. */
const told = ({ help, label, name }: (typeof Telemetry.described)[number]) => [
  `\`${name}\`${label === undefined ? "" : `<br>by \`${label}\``}`,
  help.replaceAll(/[|<]/g, "\\$&")
]

/** What a histogram is asked by. */
const base = (name: string): string => name.replace(/_(bucket|sum|count)$/, "")

describe("docs/operating.md", () => {
  it("has every metric as src/Telemetry.ts has it, in its order, with what is normal and what to do", () => {
    expect(rows.map((cells) => cells.slice(0, 2))).toEqual(Telemetry.described.map(told))
    for (const [name, , normal] of rows) expect([name, normal?.length]).not.toEqual([name, 0])
  })

  it("names no metric and no label that is not there", () => {
    const known = new Map(Telemetry.described.map(({ label, name }) => [name, label]))
    const used = [...page.matchAll(/\b(hookline_[a-z_]+)(?:\{([a-z]+)(?:=|!)[^}]*\})?/g)]
      .filter(([name]) => !name.startsWith("hookline_sync"))
    expect(used.length).toBeGreaterThan(50)
    for (const [, name = "", label] of used) {
      expect(known.has(base(name)), name).toBe(true)
      if (label !== undefined) expect([name, label]).toEqual([name, known.get(base(name))])
    }
  })

  it("keeps to Prometheus' names: one label, of our own words, counters in _total, units at the end", () => {
    for (const { label, name, unit } of Telemetry.described) {
      expect(name).toMatch(/^(hookline|process|nodejs)_[a-z_]+$/)
      expect(["workspace", "webhook", "event", "url"]).not.toContain(label)
      const bare = name.replace(/_total$/, "")
      if (unit === "s") expect(bare).toMatch(/_seconds$/)
      if (unit === "By") expect(bare).toMatch(/_bytes$/)
    }
    expect(new Set(Telemetry.described.map(({ name }) => name)).size).toBe(Telemetry.described.length)
  })

  it("names the span", () => {
    expect(page).toContain(`\`${Telemetry.attemptSpan}\``)
  })
})
