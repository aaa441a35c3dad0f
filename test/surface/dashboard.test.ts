import * as HttpApi from "@effect/platform/HttpApi"
import { describe, expect, it } from "vitest"
import { HooklineApi } from "../../src/surface/api/Contract.ts"
import { address } from "../../src/surface/dashboard/api/Address.ts"
import { ApiFailure, fieldError, sentence } from "../../src/surface/dashboard/api/ApiFailure.ts"
import { endpoints } from "../../src/surface/dashboard/api/Endpoints.ts"
import { accentProperties } from "../../src/surface/dashboard/session/Accent.ts"
import { count, percent } from "../../src/surface/dashboard/shared/Numbers.ts"
import { ago, moment, timeOfDay } from "../../src/surface/dashboard/shared/Times.ts"

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

it("writes numbers and times as Intl does for English, without it", () => {
  const numbers = new Intl.NumberFormat("en")
  const rates = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 })
  for (const number of [0, 1, 12, 999, 1000, 12_034, 999_999, 1_000_000, 1_234_567_890]) {
    expect(count(number)).toBe(numbers.format(number))
  }
  for (let failed = 0; failed <= 997; failed++) {
    const rate = 1 - failed / 997
    if (rate === 1 || rate <= 0.999) expect(percent(rate)).toBe(rates.format(rate))
  }
  const words = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" })
  const now = Date.parse("2026-11-25T12:00:00Z")
  for (const [unit, length] of [["minute", 60_000], ["hour", 3_600_000], ["day", 86_400_000]] as const) {
    for (const units of [1, 2, 23]) {
      expect(ago(now - units * length - 59_000, now)).toBe(words.format(-units, unit))
      expect(ago(now + units * length + 59_000, now)).toBe(words.format(units, unit))
    }
  }
  expect([ago(now - 59_999, now), ago(now, now), ago(now + 1, now)]).toEqual(["just now", "just now", "in a moment"])
  const moments = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" })
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" })
  for (let day = 0; day < 365; day += 5) {
    const time = now + day * 86_400_000 + day * 61_000
    expect(moment(time)).toBe(moments.format(time).replace("Sept", "Sep"))
    expect(timeOfDay(time)).toBe(clock.format(time))
  }
})
