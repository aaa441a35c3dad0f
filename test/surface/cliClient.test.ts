import { describe, expect, it, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Streams } from "../../src/broker/Streams.ts"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { apiLayer, operatorKey } from "../support/api.ts"
import { type } from "../support/shell.ts"
import type { Typed } from "../support/shell.ts"

/** Commands against the API on a real broker, as a person types them. */
const typed = (words: ReadonlyArray<string>, typed: Typed = {}) =>
  Effect.gen(function*() {
    const { url } = yield* ApiServer
    const env = { HOOKLINE_URL: url, HOOKLINE_API_KEY: operatorKey, HOOKLINE_WORKSPACE: "ws_cli", ...typed.env }
    return yield* type(words, { ...typed, env })
  })

/** A command that must succeed, and what it prints as JSON. */
const json = (words: ReadonlyArray<string>, given: Typed = {}) =>
  Effect.gen(function*() {
    const { code, error, out } = yield* typed([...words, "--json"], given)
    expect({ code, error }).toEqual({ code: 0, error: "" })
    return JSON.parse(out) as Record<string, never>
  })

layer(
  apiLayer({
    config: { allowHttp: true, allowCidrs: ["127.0.0.0/8"] },
    deliveries: () => [{
      id: "dlv_1",
      eventId: "evt_1",
      eventType: "project.created",
      status: "retrying",
      attempts: 2,
      lastStatus: 500,
      lastError: "answered 500\u001b[2J",
      lastLatency: 12,
      nextDue: 1_742_740_821_000,
      updatedAt: 1_742_740_521_000
    }]
  }),
  { timeout: 30_000 }
)("commands that talk to the API", (it) => {
  it.effect("a webhook's life", () =>
    Effect.gen(function*() {
      const options = [
        "--events",
        "project.*, task.completed",
        "--secret",
        "a-secret-for-trying-out",
        "--rate-limit",
        "5"
      ]
      const headers = ["--header", "x-a: b:c", "--header=x-d: e"]
      const made = yield* json(["webhooks", "add", "http://127.0.0.1:4000/", ...options, ...headers])
      expect(made).toMatchObject({
        state: "enabled",
        events: ["project.*", "task.completed"],
        secret: "a-secret-for-trying-out",
        rate_limit: 5
      })
      expect(Object.keys(made["headers"] ?? {})).toEqual(["x-a", "x-d"])
      const id = String(made["id"])
      expect(yield* json(["webhooks", "edit", id, "--description", "first", "--rate-limit", "none", "--clear-headers"]))
        .toMatchObject({ description: "first", rate_limit: null, headers: {} })
      expect(yield* json(["webhooks", "pause", id])).toMatchObject({ state: "paused" })
      expect(yield* json(["webhooks", "resume", id, "--rate", "50"])).toMatchObject({
        state: "enabled",
        drain_rate: 50
      })
      expect((yield* json(["webhooks", "resume", id]))["drain_rate"]).toBeUndefined()
      expect(yield* json(["webhooks", "disable", id, "--reason", "moving"])).toMatchObject({
        disabled_reason: "moving"
      })
      expect(yield* json(["webhooks", "enable", id])).toMatchObject({ state: "enabled" })
      expect(yield* json(["webhooks", "rotate", id, "--overlap", "1h"])).toMatchObject({
        secret: expect.stringMatching(/^whsec_/),
        overlap_until: expect.any(String)
      })
      expect((yield* json(["webhooks", "end-overlap", id]))["overlap_until"]).toBeUndefined()

      const shown = yield* typed(["webhooks", "show", id])
      expect(shown.out).toContain(`id           ${id}`)
      expect(shown.out).not.toContain("secret")
      const listed = yield* typed(["webhooks", "list"], { columns: 90 })
      expect(listed.out).toContain(id)
      expect(yield* json(["webhooks", "list"])).toMatchObject({ data: [{ id }], next: null })

      const deliveries = yield* typed(["deliveries", "list", "--webhook", id])
      expect(deliveries.out).toContain("dlv_1")
      expect(deliveries.out).toContain("500 answered 500\\u001b[2J")

      expect(yield* typed(["webhooks", "remove", id])).toEqual({ code: 0, out: `${id} removed\n`, error: "" })
      expect(yield* typed(["webhooks", "show", id])).toMatchObject({ code: 1, out: "" })
      expect((yield* typed(["webhooks", "list"])).out).toBe("no webhooks\n")
    }))

  it.effect("publishes data byte for byte, from the command line, standard input and the catalogue", () =>
    Effect.gen(function*() {
      const data = `{ "n": 1.0, "big": 12345678901234567890, "n": "\\u00e9\\ud800" }`
      const options = ["publish", "project.created", "--id"]
      expect(yield* json([...options, "evt_a", "--data", data])).toEqual({ id: "evt_a", duplicate: false })
      expect(yield* json([...options, "evt_b"], { input: data })).toEqual({ id: "evt_b", duplicate: false })
      expect(yield* json([...options, "evt_a", "--file", "-"], { input: data })).toEqual({
        id: "evt_a",
        duplicate: true
      })
      expect((yield* typed(["publish", "task.created", "--example"])).out).toMatch(
        /^evt_\S+ task\.created published\n$/
      )
      const streams = yield* Streams
      const { lastSequence } = yield* streams.state("EVENTS")
      expect(lastSequence).toBe(3)
      const first = Option.getOrThrow(yield* streams.message("EVENTS", 1))
      expect(Buffer.from(first.data).toString()).toBe(`{"id":"evt_a","event":"project.created","data":${data}}`)
    }))

  it.effect("says what the API refuses, with the field; a wrong key with where it is from", () =>
    Effect.gen(function*() {
      const unknown = yield* typed(["publish", "project.exploded", "--data", "{}"])
      expect(unknown).toMatchObject({
        code: 1,
        out: "",
        error: expect.stringMatching(/^error: .+ \(field: event\)\n$/)
      })
      expect((yield* typed(["publish", "project.exploded", "--example"])).code).toBe(2)
      const url = yield* typed(["webhooks", "add", "https://10.0.0.1/", "--events", "*"])
      expect(url).toMatchObject({ code: 1, error: expect.stringMatching(/\(field: url\)/) })
      const key = yield* typed(["webhooks", "list"], {
        env: { HOOKLINE_API_KEY: "hk_op_wrong-0123456789012345678901" }
      })
      expect(key).toMatchObject({ code: 1, error: expect.stringContaining("the key is from HOOKLINE_API_KEY") })
      expect(key.error).not.toContain("hk_op_wrong")
      expect((yield* typed(["quarantine", "release", "qrn_999"])).code).toBe(1)
    }))

  it.effect("event types and the quarantine", () =>
    Effect.gen(function*() {
      const types = yield* typed(["event-types"])
      expect(types.out.trim().split("\n")).toHaveLength(18)
      expect(yield* json(["event-types"])).toMatchObject({ data: { length: 17 } })
      expect((yield* typed(["quarantine", "list", "--limit", "10"])).out).toBe("nothing in quarantine\n")
    }))
})

const env = (url: string) => ({ HOOKLINE_URL: url, HOOKLINE_API_KEY: operatorKey, HOOKLINE_WORKSPACE: "w" })

describe("a server that is not ours", () => {
  it.scopedLive("is told apart, and gets no second request when it redirects", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const server = yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((request, response) => {
            asked.push(request.url ?? "")
            response.writeHead(request.url?.includes("events") === true ? 302 : 200, { location: "/other" })
            response.end("<html>hello</html>")
          })
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      for (const words of [["webhooks", "list"], ["publish", "a.b", "--data", "{}"]]) {
        const { code, error } = yield* type(words, { env: env(url) })
        expect(code).toBe(1)
        expect(error).toContain(`what answers at ${url} is not this version of hookline`)
      }
      expect(asked).toEqual(["/v1/webhooks", "/v1/events"])
    }))

  it.scopedLive("nobody there: the address, and how to start", () =>
    Effect.gen(function*() {
      for (const words of [["webhooks", "list"], ["publish", "a.b", "--data", "{}"]]) {
        const { code, error } = yield* type(words, { env: env("http://127.0.0.1:1") })
        expect(code).toBe(1)
        expect(error).toContain("cannot reach the API at http://127.0.0.1:1 (connection refused)")
        expect(error).toContain("node dist/main.js start --dev")
      }
    }))
})
