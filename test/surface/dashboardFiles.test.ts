import { describe, expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { type Answer, apiLayer, ask } from "../support/api.ts"

const script = `console.log(${JSON.stringify("a script ".repeat(2000))})\n`
const canary = "this is outside of the folder"

/** A folder as `npm run build` leaves it, with what must never be served beside it. */
const built = Layer.unwrapScoped(Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const around = mkdtempSync(join(tmpdir(), "hookline-page-"))
      const folder = join(around, "dashboard")
      mkdirSync(join(folder, "assets"), { recursive: true })
      writeFileSync(join(around, "secret.txt"), canary)
      writeFileSync(
        join(folder, "index.html"),
        "<!doctype html><meta name=\"csp-nonce\" content=\"__NONCE__\"><script type=\"module\" src=\"/assets/main-1a2b.js\"></script>"
      )
      writeFileSync(join(folder, "assets", "main-1a2b.js"), script)
      writeFileSync(join(folder, "assets", "small-1a2b.css"), "a{}")
      writeFileSync(join(folder, "icon.svg"), "<svg xmlns=\"http://www.w3.org/2000/svg\"/>")
      symlinkSync(join(around, "secret.txt"), join(folder, "assets", "link-1a2b.js"))
      return around
    }),
    (around) => Effect.sync(() => rmSync(around, { recursive: true, force: true }))
  ),
  (around) => apiLayer({ folder: join(around, "dashboard") })
))

const browser = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" }
const open = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  ask("GET", path, { key: null, workspace: null, headers: { ...browser, ...headers } })
const nonceOf = ({ headers }: Answer) => /'nonce-([^']+)'/.exec(headers.get("content-security-policy") ?? "")?.[1]

/** The path as it is: fetch would tidy it. */
const raw = (path: string, headers: Readonly<Record<string, string>> = browser) =>
  Effect.flatMap(
    ApiServer,
    ({ host, port }) =>
      Effect.async<{ readonly status: number; readonly bytes: Buffer; readonly encoding: string | undefined }>(
        (resume) => {
          const asking = request({ host, port, path, headers, insecureHTTPParser: true }, (response) => {
            const chunks: Array<Buffer> = []
            response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () =>
              resume(Effect.succeed({
                status: response.statusCode ?? 0,
                bytes: Buffer.concat(chunks),
                encoding: response.headers["content-encoding"]
              })))
          })
          asking.on("error", () => resume(Effect.succeed({ status: 0, bytes: Buffer.alloc(0), encoding: undefined })))
          asking.end()
        }
      )
  )

layer(built, { excludeTestServices: true })("the dashboard's files", (it) => {
  it.effect("the page comes at every address that a browser opens, under a strict policy, with a nonce of its own", () =>
    Effect.gen(function*() {
      const nonces = new Set<string>()
      for (const path of ["/", "/?a=b", "/portal", "/webhooks/wh_1", "/a/b/c", "/v10", "/secret.txt", "/docsx"]) {
        const page = yield* open(path)
        expect([path, page.status, page.headers.get("content-type")]).toEqual([path, 200, "text/html; charset=utf-8"])
        const nonce = nonceOf(page) ?? ""
        expect(nonce).toMatch(/^[A-Za-z0-9_-]{22}$/)
        expect(page.text).toContain(`<meta name="csp-nonce" content="${nonce}">`)
        expect(page.text).not.toContain("__NONCE__")
        nonces.add(nonce)
        expect(page.headers.get("content-security-policy")).toBe(
          `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`
        )
        expect(page.headers.get("cache-control")).toBe("no-store")
        expect(page.headers.get("x-frame-options")).toBe("DENY")
        expect(page.headers.get("x-content-type-options")).toBe("nosniff")
        expect(page.headers.get("referrer-policy")).toBe("no-referrer")
        expect(page.headers.get("cross-origin-opener-policy")).toBe("same-origin")
        // A portal's link is traded for a session: there is none to be asked for before.
        expect(page.headers.get("link")).toBe(
          path === "/portal" ? null : "</v1/session>; rel=preload; as=fetch; crossorigin"
        )
        expect(page.headers.get("permissions-policy")).toContain("camera=()")
      }
      expect(nonces.size).toBe(8)
      expect((yield* ask("GET", "/", { key: null, workspace: null })).status, "curl").toBe(200)
    }))

  it.effect("what is the API's stays the API's, and what nobody has is 404", () =>
    Effect.gen(function*() {
      for (
        const path of ["/v1", "/v1/", "/v1/nothing", "/v1/webhooks/a/b", "/assets", "/assets/", "/assets/none-1a2b.js"]
      ) {
        const answer = yield* open(path)
        expect([path, answer.status, answer.json.error?.type]).toEqual([path, 404, "no_such_path"])
      }
      expect((yield* open("/docs")).text).not.toContain("csp-nonce")
      expect((yield* open("/healthz")).json).toEqual({ status: "ok" })
      expect((yield* open("/openapi.json")).json.openapi).toBeDefined()
      // No page: a picture, a program.
      for (const accept of ["image/*", "*/*", "application/json"]) {
        expect((yield* open("/nothing", { accept })).status).toBe(404)
      }
      const post = yield* ask("POST", "/portal", { key: null, workspace: null, headers: browser })
      expect(post.status).toBe(404)
      expect((yield* ask("GET", "/v1/webhooks/a/test", { headers: browser })).status).toBe(405)
    }))

  it.effect("files are kept for ever, compressed, and known by their tag", () =>
    Effect.gen(function*() {
      const path = "/assets/main-1a2b.js"
      const plain = yield* raw(path, { "accept-encoding": "identity" })
      expect([plain.status, plain.encoding, plain.bytes.toString()]).toEqual([200, undefined, script])
      const decoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
        br: brotliDecompressSync,
        gzip: gunzipSync
      }
      for (
        const [accepted, encoding] of [
          ["gzip, deflate, br", "br"],
          ["gzip", "gzip"],
          ["br;q=0, gzip;q=0.5", "gzip"],
          ["deflate", undefined],
          ["", undefined]
        ] as const
      ) {
        for (let time = 0; time < 2; time++) {
          const answer = yield* raw(path, { "accept-encoding": accepted })
          expect([accepted, answer.status, answer.encoding]).toEqual([accepted, 200, encoding])
          const decoded = encoding === undefined ? answer.bytes : decoders[encoding]?.(answer.bytes)
          expect(decoded?.toString()).toBe(script)
          if (encoding !== undefined) expect(answer.bytes.length).toBeLessThan(script.length / 10)
        }
      }
      const { headers } = yield* open(path)
      expect(Object.fromEntries(headers)).toMatchObject({
        "cache-control": "public, max-age=31536000, immutable",
        "content-type": "text/javascript; charset=utf-8",
        "x-content-type-options": "nosniff",
        vary: "accept-encoding"
      })
      const etag = String(headers.get("etag"))
      const again = yield* open(path, { "if-none-match": etag })
      expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", etag])
      expect((yield* open(path, { "if-none-match": "\"other\"" })).status).toBe(200)
      const icon = yield* open("/icon.svg")
      expect([icon.status, icon.headers.get("content-type"), icon.headers.get("cache-control")]).toEqual([
        200,
        "image/svg+xml",
        "no-cache"
      ])
      expect((yield* raw("/assets/small-1a2b.css", { "accept-encoding": "br" })).encoding, "too small").toBe(undefined)
      expect((yield* ask("HEAD", path, { key: null, workspace: null })).status).toBe(200)
    }))

  it.effect("nothing outside of the folder is ever served", () =>
    Effect.gen(function*() {
      for (
        const path of [
          "/assets/../../secret.txt",
          "/../secret.txt",
          "/assets/..%2f..%2fsecret.txt",
          "/assets/%2e%2e/%2e%2e/secret.txt",
          "/assets/..\\..\\secret.txt",
          "/assets/..%5c..%5csecret.txt",
          "/assets/....//....//secret.txt",
          "/assets/link-1a2b.js",
          "/assets/main-1a2b.js%00",
          "/assets/main-1a2b.js/../../../secret.txt",
          "//secret.txt",
          "/./../secret.txt",
          "/%2e%2e/secret.txt",
          "/assets//etc/passwd",
          "/etc/passwd",
          "/assets/%E0%A4%A",
          "/index.html/../../secret.txt",
          "http://127.0.0.1/../secret.txt",
          "/assets/__proto__",
          "/assets/constructor"
        ]
      ) {
        for (const headers of [browser, {}]) {
          const { bytes, status } = yield* raw(path, headers)
          expect([path, bytes.includes(canary), bytes.includes("root:")]).toEqual([path, false, false])
          if (path.startsWith("/assets/")) expect([path, status >= 400]).toEqual([path, true])
        }
      }
    }))
})

describe("in frames", () => {
  const frameAncestors = ["https://app.example.com", "https://*.example.org"]
  layer(apiLayer({ config: { frameAncestors } }), { excludeTestServices: true })("of those who may", (it) => {
    it.effect("the policy names them; without a build the page says what to do", () =>
      Effect.gen(function*() {
        const page = yield* open("/portal")
        expect(page.status).toBe(200)
        expect(page.text).toContain("npm run build")
        expect(page.headers.get("content-security-policy")).toMatch(
          /; frame-ancestors https:\/\/app\.example\.com https:\/\/\*\.example\.org$/
        )
        expect(page.headers.get("x-frame-options")).toBeNull()
        expect((yield* open("/assets/main-1a2b.js")).status).toBe(404)
      }))
  })
})
