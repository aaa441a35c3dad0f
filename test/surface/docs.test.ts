import { OpenApi } from "@effect/platform"
import { describe, expect, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { HooklineApi } from "../../src/surface/api/Contract.ts"
import { type Document, type Route, routesOf } from "../../src/surface/api/docs/Document.ts"
import { contentSecurityPolicy, curlOf, page } from "../../src/surface/api/docs/Page.ts"
import { apiLayer, ask } from "../support/api.ts"

const document = OpenApi.fromApi(HooklineApi) as unknown as Document
const text = page(document)
const routes = (document.tags ?? []).flatMap(({ name }) => routesOf(document, name))
const all = (pattern: RegExp, from = text) => [...from.matchAll(pattern)].map(([, found = ""]) => found)

describe("the page of the API", () => {
  it("shows every route once, under its group, and every field of every shape", () => {
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
    expect(operations.length).toBeGreaterThan(18)
    expect(routes).toHaveLength(operations.length)
    const ids = all(/ id="([^"]+)"/g)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { operationId } of operations) expect(ids).toContain(`operation-${operationId}`)
    for (const [name, { properties = {} }] of Object.entries(document.components.schemas)) {
      expect(ids).toContain(`shape-${name}`)
      const shown = text.slice(text.indexOf(`id="shape-${name}"`))
      for (const field of Object.keys(properties)) expect(shown).toContain(`<dt><code>${field}</code>`)
    }
    for (const target of all(/ href="#([^"]+)"/g)) expect(ids).toContain(target)
  })

  it("runs nothing and asks nobody else for anything", () => {
    expect(text).not.toMatch(/<script|<img|<link|<iframe|\son\w+=|javascript:|@import|url\(/i)
    expect(all(/ (?:href|src|action)="([^"]+)"/g).filter((target) => !/^(#|\/openapi\.json$)/.test(target))).toEqual([])
    const [style = "", ...others] = all(/<style>([^]*?)<\/style>/g)
    expect(others).toEqual([])
    expect(text).not.toContain(" style=")
    expect(contentSecurityPolicy).toContain(`'sha256-${createHash("sha256").update(style).digest("base64")}'`)
  })

  it("escapes whatever the document says", () => {
    const hostile = "</code></style><script>alert(`1`)</script>\"'&amp;"
    const operation = {
      operationId: hostile,
      tags: [hostile],
      summary: hostile,
      description: hostile,
      parameters: [{
        name: hostile,
        in: "header",
        required: true,
        description: hostile,
        schema: { examples: [hostile] }
      }],
      requestBody: { content: { "application/json": { schema: { $ref: `#/components/schemas/${hostile}` } } } },
      responses: { "200": { description: hostile }, "400": { description: hostile } }
    } as const
    const made = page({
      info: { title: hostile, version: hostile, description: hostile },
      tags: [{ name: hostile, description: hostile }],
      paths: { [`/${hostile}`]: { post: operation } },
      components: {
        schemas: {
          [hostile]: {
            type: "object",
            description: hostile,
            properties: { [hostile]: { type: hostile, description: hostile, enum: [hostile], examples: [hostile] } }
          }
        }
      }
    })
    expect(made).not.toContain("<script")
    expect(made.match(/<style>/g)).toHaveLength(1)
    expect(made.match(/<\/style>/g)).toHaveLength(1)
    // Nothing but our own tags.
    const tags = new Set(all(/<\/?([a-zA-Z!][\w]*)/g, made))
    expect([...tags].filter((tag) => !all(/<\/?([a-zA-Z!][\w]*)/g).includes(tag))).toEqual([])
  })

  it.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))(
    "%s: the line to copy is what a shell makes a request of",
    (_, route: Route) => {
      const words = execFileSync("sh", ["-c", `curl() { printf '%s\\0' "$@"; }\n${curlOf(document, route)}`], {
        encoding: "utf8",
        env: { HOOKLINE_URL: "http://127.0.0.1:8080", HOOKLINE_API_KEY: "hk_op_key" }
      }).split("\0")
      const url = new URL(words.find((word) => word.startsWith("http://")) ?? "")
      const pattern = new RegExp(`^${route.path.replaceAll(/\{\w+\}/g, "[A-Za-z0-9_-]+")}$`)
      expect(url.pathname).toMatch(pattern)
      expect(words.includes("Authorization: Bearer hk_op_key")).toBe((route.security ?? []).length > 0)
      expect(words[words.indexOf("-X") + 1] ?? "").toBe(route.method === "GET" ? words[0] : route.method)
      const body = words[words.indexOf("-d") + 1]
      if (route.requestBody !== undefined) expect(() => JSON.parse(body ?? "")).not.toThrow()
    }
  )
})

layer(apiLayer(), { excludeTestServices: true })("GET /docs", (it) => {
  it.effect("is served without a key, kept by its tag, under a strict policy", () =>
    Effect.gen(function*() {
      const anybody = { key: null, workspace: null }
      const { headers, status, text: served } = yield* ask("GET", "/docs", anybody)
      expect(status).toBe(200)
      expect(served).toBe(text)
      expect(headers.get("content-type")).toBe("text/html; charset=utf-8")
      expect(headers.get("content-security-policy")).toBe(contentSecurityPolicy)
      expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; /)
      const etag = String(headers.get("etag"))
      for (const [given, answer] of [[etag, 304], [`"other", W/${etag}`, 304], ["\"other\"", 200]] as const) {
        const again = yield* ask("GET", "/docs", { ...anybody, headers: { "if-none-match": given } })
        expect([given, again.status, again.headers.get("etag")]).toEqual([given, answer, etag])
        if (answer === 304) expect(again.text).toBe("")
      }
      const post = yield* ask("POST", "/docs", anybody)
      expect([post.status, post.headers.get("allow")]).toEqual([405, "GET"])
    }))
})
