import { describe, expect, it, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { deliverySubject, eventSubject, partitionOf } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { encodeDuplicate } from "../../src/ledger/Record.ts"
import { EventId, WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { apiLayer, ask, operatorKey, recorded } from "../support/api.ts"
import { answered, delivery, start } from "../support/delivery.ts"
import { type } from "../support/shell.ts"
import type { Typed } from "../support/shell.ts"
import { until } from "../support/until.ts"

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

/** Whose deliveries a page has, in its order. */
const ids = ({ data }: Record<string, never>): ReadonlyArray<string> =>
  (data as unknown as ReadonlyArray<{ readonly event_id: string }>).map((one) => one.event_id)

layer(
  apiLayer({
    config: { allowHttp: true, allowCidrs: ["127.0.0.0/8"] }
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

      yield* recorded({
        kind: "attempt_failed",
        at: start,
        delivery: delivery({ workspaceId: WorkspaceId.make("ws_cli"), webhookId: WebhookId.make(id), state: "due" }),
        outcome: answered(500, { error: "answered 500\u001b[2J" })
      })
      const deliveries = yield* typed(["deliveries", "list", "--webhook", id], { columns: 300 })
      expect(deliveries.out).toContain("dlv_")
      expect(deliveries.out).toContain("500 answered 500\\u001b[2J")

      yield* json(["publish", "project.created", "--id", "evt_s", "--data", "{}"])
      yield* recorded({
        kind: "suppressed",
        at: start,
        delivery: delivery({
          workspaceId: WorkspaceId.make("ws_cli"),
          webhookId: WebhookId.make(id),
          eventId: EventId.make("evt_s"),
          eventSequence: 1,
          state: "suppressed"
        })
      })
      expect((yield* typed(["webhooks", "enable", id])).out).toContain(
        `1 delivery was suppressed while it was disabled. To send it: node dist/main.js webhooks recover ${id} --only suppressed`
      )
      const dry = yield* typed(["webhooks", "recover", id, "--only", "suppressed", "--dry-run", "--from", "7d"])
      expect(dry.out).toMatch(/^1 would be sent again:\n {2}dlv_[0-9a-f]{32}\n$/)
      expect((yield* typed(["webhooks", "recover", id, "--dry-run"])).out).toBe("nothing to send again\n")
      const job = yield* json(["webhooks", "recover", id, "--only", "suppressed", "--rate", "7", "--no-wait"])
      expect(job).toMatchObject({ state: "running", webhook_id: id, only: "suppressed", rate: 7, total: 1 })
      const jobId = String(job["id"])
      expect((yield* typed(["jobs", "list"], { columns: 200 })).out).toContain(jobId)
      expect((yield* typed(["jobs", "show", jobId])).out).toMatch(/progress +0 of 1\n/)
      expect(yield* json(["jobs", "cancel", jobId])).toMatchObject({ id: jobId, state: "cancelled" })
      const backwards = yield* typed(["webhooks", "recover", id, "--from", "1h", "--to", "2h"])
      expect(backwards).toMatchObject({ code: 2, error: "error: --from must be before --to\n" })
      expect((yield* typed(["webhooks", "recover", id, "--from", "yesterday"])).code).toBe(2)

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
      expect(lastSequence).toBe(4)
      const first = Option.getOrThrow(yield* streams.message("EVENTS", 2))
      expect(Buffer.from(first.data).toString()).toBe(`{"id":"evt_a","event":"project.created","data":${data}}`)
    }))

  it.effect("deliveries: filters, pages to follow, each attempt, nothing of an endpoint that moves the cursor", () =>
    Effect.gen(function*() {
      const workspace = { env: { HOOKLINE_WORKSPACE: "ws_watch" } }
      const made = yield* json(["webhooks", "add", "http://127.0.0.1:4000/", "--events", "*"], workspace)
      const webhookId = WebhookId.make(String(made["id"]))
      const streams = yield* Streams
      const { lastSequence: before } = yield* streams.state("EVENTS")
      const of = (index: number) =>
        delivery({
          workspaceId: WorkspaceId.make("ws_watch"),
          webhookId,
          eventId: EventId.make(`evt_w${index}`),
          eventSequence: before + 1 + index,
          state: "due",
          attempt: 1
        })
      for (let index = 0; index < 3; index++) {
        yield* json(["publish", "project.created", "--id", `evt_w${index}`, "--data", "{}"], workspace)
        yield* recorded({
          kind: "attempt_failed",
          at: start,
          delivery: of(index),
          outcome: answered(500, {
            error: "answered 500",
            response: `\u001b[2J${"no ".repeat(500)}`,
            address: "127.0.0.1"
          })
        })
      }
      const list = (...words: ReadonlyArray<string>) => json(["deliveries", "list", ...words], workspace)
      expect(ids(yield* list())).toEqual(["evt_w2", "evt_w1", "evt_w0"])
      expect(ids(yield* list("--webhook", webhookId, "--status", "retrying", "--limit", "1"))).toEqual(["evt_w2"])
      expect(ids(yield* list("--type", "task.created"))).toEqual([])
      yield* until("the events in the history", list("--event", "evt_w1"), (found) => ids(found).length === 1)
      expect(ids(yield* list("--from", "2020-01-01"))).toHaveLength(3)
      expect(ids(yield* list("--to", "2020-01-01"))).toEqual([])
      // The test's clock begins in 1970.
      expect(ids(yield* list("--from", "100000d"))).toHaveLength(3)
      expect(ids(yield* list("--to", "1ms"))).toEqual([])
      const first = yield* typed(["deliveries", "list", "--limit", "2"], workspace)
      const cursor = /^more: --cursor (\S+)$/m.exec(first.out)?.[1] ?? ""
      expect(ids(yield* list("--all", "--cursor", cursor))).toEqual(["evt_w0"])
      expect((yield* typed(["deliveries", "list", "--status", "failed"], workspace)).out).toBe(
        "no deliveries that fit\n"
      )
      const [{ id }] = (yield* list("--limit", "1"))["data"] as unknown as [{ id: string }]
      for (const columns of [60, 80, 120, undefined]) {
        const size = columns === undefined ? {} : { columns, env: { ...workspace.env, NO_COLOR: "1" } }
        const shown = yield* typed(["deliveries", "show", id, "--body"], { ...workspace, ...size })
        expect(shown.out).toMatch(/status 500 from 127\.0\.0\.1 after\s+100 ms/)
        expect(shown.out).toContain("response  \\u001b[2Jno no")
        expect(shown.out).toContain("\n\n{\"id\":\"evt_w")
        expect(shown.out).not.toContain("\u001b")
        const listed = yield* typed(["deliveries", "list"], { ...workspace, ...size })
        expect(listed.out).toContain(id)
        // The body stays in one piece, to be copied.
        for (const line of `${shown.out}\n${listed.out}`.split("\n").filter((line) => !line.startsWith("{"))) {
          expect(line.length, line).toBeLessThanOrEqual(columns ?? 400)
        }
      }
      expect(yield* typed(["deliveries", "show", "dlv_0"], workspace)).toMatchObject({
        code: 1,
        error: "error: there is no such delivery\n"
      })
      expect(yield* typed(["deliveries", "retry", "dlv_0"], workspace)).toMatchObject({
        code: 1,
        error: "error: there is no such delivery\n"
      })
      expect((yield* typed(["webhooks", "health", webhookId], workspace)).out).toContain("deliveries     3 retrying")
      expect((yield* typed(["stats", "--from", "2023-11-14", "--to", "2023-11-15"], workspace)).out).toMatch(
        /^HOUR FROM \(UTC\) +SUCCEEDED +FAILED .*\n2023-11-14 22:00:00 +0 +3 +\d+ ms/
      )
      expect((yield* typed(["stats", "--from", "2022-11-14", "--to", "2022-11-15"], workspace)).out).toBe(
        "nothing was attempted between 2022-11-14 00:00:00 and 2022-11-15 00:00:00 UTC\n"
      )
    }))

  it.effect("events: published ones with what became of them, page by page, and why", () =>
    Effect.gen(function*() {
      const workspace = { env: { HOOKLINE_WORKSPACE: "ws_events" } }
      expect((yield* typed(["events", "list"], workspace)).out).toBe("no events\n")
      for (const id of ["evt_e1", "evt_e2"]) {
        yield* json(["publish", "project.created", "--id", id, "--data", "{\"a\":1}"], workspace)
      }
      yield* until(
        "both in the history",
        json(["events", "list"], workspace),
        ({ data }) => (data as unknown as ReadonlyArray<unknown>).length === 2
      )
      const first = yield* typed(["events", "list", "--limit", "1"], { ...workspace, columns: 80 })
      expect(first.out).toContain("evt_e2")
      expect(first.out).toContain("no delivery")
      const cursor = /more: --cursor (\S+)/.exec(first.out)?.[1] ?? ""
      expect(yield* json(["events", "list", "--all", "--cursor", cursor], workspace)).toMatchObject({
        data: [{ id: "evt_e1" }],
        next: null
      })
      expect((yield* typed(["events", "list", "--type", "task.created"], workspace)).out).toBe("no events that fit\n")
      const shown = yield* typed(["events", "show", "evt_e1", "--body", "--workspace", "ws_events"])
      expect(shown.out).toContain("became of it  no delivery")
      expect(shown.out).toContain("node dist/main.js events explain evt_e1 --workspace ws_events\n")
      expect((yield* typed(["events", "explain", "evt_e1"], workspace)).out).toContain("the workspace had no webhook")
      expect((yield* typed(["events", "explain", "evt_0"], workspace)).code).toBe(1)
      // Published again twice, in ways that only the worker can tell, which records them.
      const log = yield* AppendLog
      const { partitions } = yield* Topology
      const partition = partitionOf("ws_events", partitions)
      const [{ sequence: firstSequence }] =
        (yield* json(["events", "list", "--cursor", cursor], workspace))["data"] as unknown as [{ sequence: number }]
      const publishedAgain = (eventType: string) =>
        Effect.gen(function*() {
          const { sequence: eventSequence } = yield* log.append({
            subject: eventSubject("ws_events", eventType),
            data: JSON.stringify({ id: "evt_e1", data: {} })
          })
          const place = { workspaceId: WorkspaceId.make("ws_events"), eventId: EventId.make("evt_e1") }
          yield* log.append({
            subject: deliverySubject(partition, "ws_events", "_", "duplicate"),
            data: encodeDuplicate({ ...place, eventType, eventSequence, firstSequence, at: start, epoch: 1 })
          })
        })
      const repeatsShown = (count: number) =>
        until(
          `${count} repeats`,
          json(["events", "show", "evt_e1"], workspace),
          ({ repeats }) => (repeats as unknown as { readonly count: number }).count === count
        )
      const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`
      yield* publishedAgain("project.created")
      yield* repeatsShown(1)
      const once = yield* typed(["events", "explain", "evt_e1"], workspace)
      expect(once.out).toMatch(new RegExp(`^published again +${time} UTC: nobody gets it a second time$`, "m"))
      yield* publishedAgain("task.created")
      yield* repeatsShown(2)
      const twice = yield* typed(["events", "show", "evt_e1"], workspace)
      expect(twice.out).toMatch(
        new RegExp(
          `^published again +2 times, last ${time} UTC as task.created, ${time} UTC: nobody gets it a second time$`,
          "m"
        )
      )
      expect((yield* typed(["events", "list", "--limit", "1"], workspace)).out).toMatch(
        new RegExp(`^evt_e1 .* duplicate: repeats the one of ${time}$`, "m")
      )
      const body = Array.from({ length: 220 }, (_, index) => ({ id: `evt_b${index}`, event: "task.created", data: {} }))
      yield* ask("POST", "/v1/events/batch", { body, workspace: "ws_events" })
      const all = yield* until(
        "all on the pages that --all follows",
        json(["events", "list", "--all"], workspace),
        ({ data }) => (data as unknown as ReadonlyArray<unknown>).length === 224
      )
      const found = (all["data"] as unknown as ReadonlyArray<{ readonly id: string }>).map(({ id }) => id)
      expect(new Set(found).size).toBe(222)
      expect([found[0], found.at(-1), all["next"]]).toEqual(["evt_b219", "evt_e1", null])
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
      expect(types.out.trim().split("\n")).toHaveLength(21)
      expect(yield* json(["event-types"])).toMatchObject({ data: { length: 20 } })
      expect((yield* typed(["quarantine", "list", "--limit", "10"])).out).toBe("nothing in quarantine\n")
    }))

  it.effect("an entry of the quarantine with its whole input, and the release of all of a reason", () =>
    Effect.gen(function*() {
      const log = yield* AppendLog
      const entry = (data: string, type: string) =>
        log.append({
          subject: "quarantine.ws_cli.unknown_type",
          data,
          headers: {
            "Hookline-Message": "no such type",
            "Hookline-Subject": `events.ws_cli.${type}`,
            "Hookline-Time": "2025-03-23T14:35:21.000Z"
          }
        })
      const bad = yield* entry("{\"data\":\n\u001b[2J}", "project.exploded")
      const shown = yield* typed(["quarantine", "show", `qrn_${bad.sequence}`])
      expect(shown).toMatchObject({ code: 0, error: "" })
      expect(shown.out).toContain(`id             qrn_${bad.sequence}`)
      expect(shown.out).toContain("\n\n{\"data\":\n\\u001b[2J}\n")
      expect(yield* json(["quarantine", "show", `qrn_${bad.sequence}`])).toMatchObject({
        raw: "{\"data\":\n\u001b[2J}"
      })
      expect((yield* typed(["quarantine", "show", "qrn_999"])).code).toBe(1)

      for (let index = 0; index < 150; index++) {
        yield* entry(`{"id":"evt_q${index}","data":{}}`, "project.created")
      }
      const first = yield* typed(["quarantine", "release", "--reason", "unknown_type"])
      expect(first.code).toBe(0)
      expect(first.out).toBe("150 released, 1 still rejected\n")
      expect(first.error).toMatch(/^99 released, 1 still rejected so far, up to qrn_\d+\n$/)
      const again = yield* typed(["quarantine", "release", "--reason", "unknown_type", "--json"])
      expect(JSON.parse(again.out)).toEqual({ released: [], still_rejected: 1, already_released: 150 })
    }))

  it.effect("the workspaces, in order of their ids, page by page", () =>
    Effect.gen(function*() {
      const add = (workspace: string) =>
        json(["webhooks", "add", "http://127.0.0.1:4000/", "--events", "*", "--workspace", workspace])
      for (const workspace of ["wx_c", "wx_a", "wx_b", "wx_a"]) yield* add(workspace)
      const paused = yield* add("wx_a")
      yield* json(["webhooks", "pause", String(paused["id"]), "--workspace", "wx_a"])
      const page = yield* typed(["workspaces", "--prefix", "wx_", "--limit", "2"])
      expect(page.out.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
        ["WORKSPACE", "ENABLED", "PAUSED", "DISABLED"],
        ["wx_a", "2", "1", "0"],
        ["wx_b", "1", "0", "0"],
        ["more: --cursor wx_b"],
        [""]
      ])
      const rest = yield* json(["workspaces", "--prefix", "wx_", "--cursor", "wx_b"])
      expect(rest).toEqual({
        data: [{ id: "wx_c", webhooks: { enabled: 1, paused: 0, disabled: 0 } }],
        next: null,
        complete: true
      })
      expect((yield* typed(["workspaces", "--prefix", "nobody"])).out).toBe("no workspaces\n")
      expect(yield* typed(["workspaces", "--cursor", "a.b"])).toMatchObject({
        code: 1,
        error: expect.stringContaining("(field: cursor)")
      })
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
