import { describe, expect, it } from "@effect/vitest"
import { advisoriesOf, compareVersions } from "../../src/broker/Advisories.ts"

const oldest = "CVE-2025-30215"
const latest = "GHSA-38x3-76xf-cq45"

describe("advisories about nats-server", () => {
  it.each([
    ["2.9.10", [oldest, latest], []],
    ["2.10.26", [oldest, latest], []],
    ["2.10.27", [latest], [oldest]],
    ["2.11.0", [oldest, latest], []],
    ["2.11.1-RC.1", [oldest, latest], []],
    ["2.11.1", [latest], [oldest]],
    ["2.11.6", ["CVE-2026-27889", "CVE-2026-33246", latest], [oldest]],
    ["2.11.14", ["CVE-2026-33246", latest], ["CVE-2026-27889"]],
    ["2.11.15", [latest], ["CVE-2026-33246"]],
    ["2.12.4", ["CVE-2026-27889", latest], [oldest]],
    ["2.12.6", [latest], ["CVE-2026-33246"]],
    ["2.13.0", [latest], ["CVE-2026-33246"]]
  ])("%s", (version, affecting, others) => {
    const ids = advisoriesOf(version).map(({ id }) => id)
    expect(ids).toEqual(expect.arrayContaining(affecting))
    for (const other of others) expect(ids).not.toContain(other)
  })

  it.each(["2.11.16", "2.11.20", "2.12.7", "2.14.0", "2.15.1", "3.0.0"])("none known for %s", (version) => {
    expect(advisoriesOf(version)).toEqual([])
  })

  it("compares versions by their numbers, and a candidate before its release", () => {
    expect(compareVersions("2.9.10", "2.11.0")).toBeLessThan(0)
    expect(compareVersions("2.11.10", "2.11.9")).toBeGreaterThan(0)
    expect(compareVersions("v2.11.6", "2.11.6")).toBe(0)
    expect(compareVersions("2.12.0-RC.1", "2.12.0")).toBeLessThan(0)
    expect(compareVersions("2.12.0-RC.1", "2.11.99")).toBeGreaterThan(0)
  })
})
