import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { load } from "../src/Config.ts"

const loaded = (env: Readonly<Record<string, string>>) => load({ flags: {}, env, dev: false })
const error = (env: Readonly<Record<string, string>>) => Either.getOrThrow(Either.flip(loaded(env))).message

describe("HOOKLINE_PUBLIC_URL", () => {
  it.each([
    ["https://hooks.example.com", "https://hooks.example.com"],
    ["https://HOOKS.example.com:443/", "https://hooks.example.com"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["", undefined]
  ])("%s is the origin %s", (text, origin) => {
    expect(Either.getOrThrow(loaded({ HOOKLINE_PUBLIC_URL: text })).publicUrl).toBe(origin)
  })

  it.each([
    "hooks.example.com",
    "https://hooks.example.com/page",
    "https://user@hooks.example.com",
    "https://hooks.example.com?a",
    "ftp://hooks.example.com",
    "https://a b",
    "javascript:alert(1)"
  ])("%s is refused", (text) => {
    expect(error({ HOOKLINE_PUBLIC_URL: text })).toContain("HOOKLINE_PUBLIC_URL")
  })
})

describe("HOOKLINE_FRAME_ANCESTORS", () => {
  it.each([
    ["none", []],
    ["https://app.example.com", ["https://app.example.com"]],
    ["https://App.example.com/, https://*.example.org:8443", ["https://app.example.com", "https://*.example.org:8443"]]
  ])("%s are %j", (text, origins) => {
    expect(Either.getOrThrow(loaded({ HOOKLINE_FRAME_ANCESTORS: text })).frameAncestors).toEqual(origins)
  })

  it.each([
    "",
    "*",
    "https:",
    "app.example.com",
    "https://a.example; script-src *",
    "'self'",
    "none,https://a.example"
  ])(
    "%s is refused",
    (text) => {
      expect(error({ HOOKLINE_FRAME_ANCESTORS: text })).toContain("HOOKLINE_FRAME_ANCESTORS")
    }
  )
})
