import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { bundled } from "../../src/model/Catalogue.ts"
import type { StaticHeader } from "../../src/model/StaticHeaders.ts"
import { checkSettings, type WebhookSettings } from "../../src/model/WebhookSettings.ts"

const rules = { catalogue: bundled, signatureHeader: "x-craft-signature", standardPrefix: "craft" }

/** The field that is refused, `ok` when none is. */
const verdict = (settings: WebhookSettings): string =>
  Either.match(checkSettings(settings, rules), {
    onLeft: ({ field, status }) => `${status} ${field}`,
    onRight: () => "ok"
  })

describe("settings of a webhook", () => {
  const cases: ReadonlyArray<readonly [WebhookSettings, string]> = [
    [{}, "ok"],
    [{ url: "" }, "422 url"],
    [{ url: `https://example.com/${"x".repeat(2028)}` }, "ok"],
    [{ url: `https://example.com/${"x".repeat(2029)}` }, "422 url"],
    [{ events: [] }, "422 events"],
    [{ events: ["project.created", "nothing.known"] }, "422 events[1]"],
    [{ events: ["*"] }, "ok"],
    [{ description: "x".repeat(1024) }, "ok"],
    [{ description: "x".repeat(1025) }, "422 description"],
    ...[1, 256, null].map((concurrency) => [{ concurrency }, "ok"] as const),
    ...[0, 257, 1.5, -1, Number.NaN].map((concurrency) => [{ concurrency }, "422 concurrency"] as const),
    ...[0.1, 10_000, null].map((rateLimit) => [{ rateLimit }, "ok"] as const),
    ...[0, -1, 10_001, Number.NaN, Infinity].map((rateLimit) => [{ rateLimit }, "422 rate_limit"] as const)
  ]
  for (const [settings, expected] of cases) {
    it(`${JSON.stringify(settings).slice(0, 60)}: ${expected}`, () => expect(verdict(settings)).toBe(expected))
  }

  it("event types given twice count once", () => {
    expect(checkSettings({ events: ["task.*", "task.*"] }, rules)).toEqual(Either.right({ events: ["task.*"] }))
  })
})

const field = (...headers: ReadonlyArray<StaticHeader>) => verdict({ headers })
const many = (count: number) => Array.from({ length: count }, (_, index) => [`x-${index}`, "1"] as const)

describe("static headers", () => {
  for (
    const name of [
      "host",
      "Host",
      "content-type",
      "Content-Length",
      "connection",
      "keep-alive",
      "transfer-encoding",
      "TE",
      "trailer",
      "upgrade",
      "expect",
      "proxy-authorization",
      "cookie",
      "User-Agent",
      "accept-encoding",
      "traceparent",
      "tracestate",
      "webhook-id",
      "webhook-anything",
      "X-Webhook-Test",
      "X-Craft-Signature",
      "craft-id",
      "Craft-Signature"
    ]
  ) {
    it(`${name} belongs to the request`, () => expect(field([name, "1"])).toBe(`422 headers.${name}`))
  }

  it("others are the customer's", () => {
    expect(field(["authorization", "Bearer abc"], ["X-Team", "a b"], ["x-webhook-signature", "1"], ["crafty", "1"]))
      .toBe("ok")
  })

  for (const name of ["", "x y", "x:y", "x\r\ny", "ü", "x".repeat(129)]) {
    it(`${JSON.stringify(name.slice(0, 20))} is no name`, () =>
      expect(field(["ok", "1"], [name, "1"])).toBe("422 headers[1]"))
  }
  for (const value of ["", " a", "a ", "a\r\nb: c", "a\tb", "ü", "\u0000", "a\u007f", "x".repeat(4097)]) {
    it(`${JSON.stringify(value.slice(0, 20))} is no value`, () => expect(field(["x-a", value])).toBe("422 headers.x-a"))
  }

  it("at most 20, each once whatever its case, values up to 4,096", () => {
    expect(field(...many(20))).toBe("ok")
    expect(field(...many(21))).toBe("422 headers")
    expect(field(["x-a", "1"], ["X-A", "2"])).toBe("422 headers.X-A")
    expect(field(["x-a", "x".repeat(4096)])).toBe("ok")
  })

  it("no error holds a value", () => {
    const refused = checkSettings({ headers: [["x-a", "s3cret\u0000"]] }, rules)
    expect(JSON.stringify(refused)).not.toContain("s3cret")
  })
})
