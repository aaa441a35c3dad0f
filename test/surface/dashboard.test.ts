import * as HttpApi from "@effect/platform/HttpApi"
import { describe, expect, it } from "vitest"
import { HooklineApi } from "../../src/surface/api/Contract.ts"
import { address } from "../../src/surface/dashboard/api/Address.ts"
import { ApiFailure, fieldError, sentence } from "../../src/surface/dashboard/api/ApiFailure.ts"
import { endpoints } from "../../src/surface/dashboard/api/Endpoints.ts"
import { accentProperties } from "../../src/surface/dashboard/session/Accent.ts"
import { percent } from "../../src/surface/dashboard/shared/Numbers.ts"

/** What of the dashboard needs no browser. */

const contract = (): ReadonlyMap<string, readonly [string, string]> => {
  const all = new Map<string, readonly [string, string]>()
  HttpApi.reflect(HooklineApi, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint, group }) => {
      all.set(`${group.identifier}.${endpoint.name}`, [endpoint.method, endpoint.path])
    }
  })
  return all
}

const luminance = (colour: string): number => {
  const [red = 0, green = 0, blue = 0] = (colour.match(/\d+/g) ?? []).map((text) => {
    const part = Number(text) / 255
    return part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

const contrast = (one: string, other: string): number => {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

describe("the dashboard's client", () => {
  it("asks where the contract has its routes", () => {
    const all = contract()
    for (const [name, [method, path]] of Object.entries(endpoints)) {
      expect([name, all.get(name)]).toEqual([name, [method, path]])
    }
  })

  it("fills in a path and a query", () => {
    expect(address("/v1/webhooks/:id/health", { path: { id: "a/b ?" } })).toBe("/v1/webhooks/a%2Fb%20%3F/health")
    expect(address("/v1/deliveries", { query: { status: "failed", limit: 50, cursor: undefined, event_id: "" } })).toBe(
      "/v1/deliveries?status=failed&limit=50"
    )
  })

  it("puts an error beside its field", () => {
    const failure = new ApiFailure({
      status: 422,
      type: "unknown_type",
      message: "events[1]: there is no such type",
      field: "events[1]"
    })
    expect(fieldError(failure, "events")).toBe("There is no such type.")
    expect(fieldError(failure, "event")).toBeUndefined()
    expect(sentence("")).toBe("")
  })
})

describe("a brand's accent", () => {
  const grounds = { light: ["rgb(255 255 255)", "rgb(236 238 243)"], dark: ["rgb(16 18 21)", "rgb(38 42 54)"] }

  it("can be read, whatever colour it is", () => {
    for (const accent of ["#ffffff", "#000000", "#ffff00", "#2f6fed", "#ff0000", "#00ff00", "#777777", "#F5A623"]) {
      for (const scheme of ["light", "dark"] as const) {
        const made = accentProperties(accent, scheme === "dark")
        expect(contrast(made["--accent"] ?? "", made["--on-accent"] ?? "")).toBeGreaterThanOrEqual(4.5)
        for (const ground of grounds[scheme]) {
          expect(contrast(made["--accent-ink"] ?? "", ground)).toBeGreaterThanOrEqual(4.5)
        }
      }
    }
  })

  it("is left out when it is no colour", () => {
    expect(accentProperties("red; background: url(x)", false)).toEqual({})
  })
})

it("never calls a rate 100 % that is less", () => {
  expect([1, 0.9999, 0.998, 0].map(percent)).toEqual(["100%", "99.9%", "99.8%", "0%"])
})
