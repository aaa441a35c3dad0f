import { describe, expect, it, layer } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Layer, Schedule, Scope } from "effect"
import { type ClientRequest, createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { connect } from "node:net"
import { Streams } from "../../src/broker/Streams.ts"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { type Answer, apiLayer, ask, operatorKey } from "../support/api.ts"
import { TestBroker } from "../support/broker.ts"

const event = (more: object = {}) => ({ event: "project.created", data: {}, ...more })
const publish = (more: object = {}) => ask("POST", "/v1/events", { body: event(more) })
const stored = Effect.flatMap(Streams, (streams) => streams.state("EVENTS"))

const expectUnavailable = (name: string, answer: Answer, types: ReadonlyArray<string> = ["broker_unavailable"]) => {
  expect([name, answer.status]).toEqual([name, 503])
  expect(types).toContain(answer.json.error?.type)
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0)
}

const eventually = <E, R>(request: Effect.Effect<Answer, E, R>, status: number) =>
  request.pipe(
    Effect.filterOrFail((answer) => answer.status === status, (answer) => `still ${answer.status}: ${answer.text}`),
    Effect.retry(Schedule.spaced("100 millis").pipe(Schedule.intersect(Schedule.recurs(200))))
  )

layer(apiLayer(), { excludeTestServices: true })("while the broker is away", (it) => {
  it.effect(
    "everything that needs it is 503 with Retry-After, at once, and works again by itself",
    () =>
      Effect.gen(function*() {
        const broker = yield* TestBroker
        const hook = yield* ask("POST", "/v1/webhooks", { body: { url: "http://127.0.0.1:9/", events: ["*"] } })
        const path = `/v1/webhooks/${String(hook.json.id)}`
        expect((yield* publish({ id: "evt_before" })).status).toBe(202)
        const before = yield* stored
        yield* broker.kill

        expectUnavailable("publish", yield* publish({ id: "evt_during" }))
        expectUnavailable(
          "batch",
          yield* ask("POST", "/v1/events/batch", { body: Array.from({ length: 200 }, () => event()) })
        )
        expectUnavailable(
          "create",
          yield* ask("POST", "/v1/webhooks", { body: { url: "http://127.0.0.1:9/", events: ["*"] } })
        )
        expectUnavailable("change", yield* ask("PATCH", path, { body: { description: "x" } }))
        expectUnavailable("pause", yield* ask("POST", `${path}/pause`))
        expectUnavailable("rotate", yield* ask("POST", `${path}/rotate-secret`))
        expectUnavailable("delete", yield* ask("DELETE", path))
        expectUnavailable("quarantine", yield* ask("GET", "/v1/quarantine"))
        expectUnavailable("entry", yield* ask("GET", "/v1/quarantine/qrn_1"))
        expectUnavailable("release", yield* ask("POST", "/v1/quarantine/qrn_1/release"))
        const reason = { body: { reason: "unknown_type" } }
        expectUnavailable("release by reason", yield* ask("POST", "/v1/quarantine/release", reason))
        const workspaces = yield* ask("GET", "/v1/workspaces")
        expect([workspaces.status, workspaces.json.complete], "most workspaces are in memory").toEqual([200, false])
        expect((yield* publish({ data: [] })).status, "bad input is still told from good").toBe(422)
        expect((yield* ask("GET", path)).status, "reading what is in memory goes on").toBe(200)
        expect((yield* ask("GET", "/healthz")).status).toBe(200)
        const ready = yield* eventually(ask("GET", "/readyz"), 503)
        const checks = ready.json.checks as unknown as ReadonlyArray<{ name: string; ok: boolean }>
        expect(checks.find(({ name }) => name === "broker")?.ok).toBe(false)

        yield* broker.restart
        expect((yield* eventually(publish({ id: "evt_during" }), 202)).json).toEqual({
          id: "evt_during",
          duplicate: false
        })
        expect((yield* stored).lastSequence, "nothing of the outage was stored").toBe(before.lastSequence + 1)
        yield* eventually(ask("GET", "/readyz"), 200)
        expect((yield* ask("POST", `${path}/pause`)).json.state).toBe("paused")
      }),
    60_000
  )

  it.effect(
    "a broker that is frozen gives no 202, and what it took all the same is there once",
    () =>
      Effect.gen(function*() {
        const broker = yield* TestBroker
        const before = yield* stored
        yield* broker.freeze
        const answers = yield* Effect.all(
          [
            publish({ id: "evt_frozen" }),
            ask("POST", "/v1/events/batch", {
              body: Array.from({ length: 300 }, (_, index) => event({ id: `evt_f${index}` }))
            })
          ],
          { concurrency: "unbounded" }
        ).pipe(Effect.ensuring(broker.thaw))
        for (const answer of answers) expectUnavailable("frozen", answer)
        const again = yield* eventually(publish({ id: "evt_frozen" }), 202)
        expect(again.json.id).toBe("evt_frozen")
        yield* eventually(
          ask("POST", "/v1/events/batch", {
            body: Array.from({ length: 300 }, (_, index) => event({ id: `evt_f${index}` }))
          }),
          202
        )
        const after = yield* stored
        expect(after.lastSequence - before.lastSequence).toBe(301)
      }),
    60_000
  )
})

layer(apiLayer({ config: { eventsMaxBytes: 3 * 1024 ** 2 } }), { excludeTestServices: true })(
  "while EVENTS is full",
  (it) => {
    it.effect("publishers are refused, and readyz says why", () =>
      Effect.gen(function*() {
        expect((yield* ask("GET", "/readyz")).status).toBe(200)
        const large = publish({ data: { a: "x".repeat(400_000) } })
        const refused = yield* Effect.repeat(large, Schedule.recurWhile((answer: Answer) => answer.status === 202))
          .pipe(
            Effect.zipRight(large)
          )
        expectUnavailable("full", refused, ["stream_full"])
        const batch = yield* ask("POST", "/v1/events/batch", {
          body: Array.from({ length: 3 }, () => event({ data: { a: "x".repeat(400_000) } }))
        })
        expectUnavailable("full", batch, ["stream_full"])
        const ready = yield* eventually(ask("GET", "/readyz"), 503)
        expect(ready.text).toContain("full: ")
      }))
  }
)

describe("the server", () => {
  it.live("a busy port stops the start with the setting, the port and what to do", () =>
    Effect.gen(function*() {
      const busy = yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const { port } = busy.address() as AddressInfo
      const exit = yield* Effect.exit(Layer.build(apiLayer({ config: { port } })))
      expect(Exit.isFailure(exit)).toBe(true)
      const error = Exit.isFailure(exit) ? String(exit.cause) : ""
      expect(error).toContain("HOOKLINE_PORT")
      expect(error).toContain(String(port))
      expect(error).toContain("set another port")
      const wrongHost = yield* Effect.exit(Layer.build(apiLayer({ config: { host: "192.0.2.1" } })))
      expect(String(wrongHost)).toContain("HOOKLINE_HOST")
    }).pipe(Effect.scoped), 60_000)

  it.live(
    "closing lets a request in flight end, cuts one that hangs, and takes no more than about 2 s",
    () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const services = yield* Layer.buildWithScope(apiLayer(), scope)
        const { host, port, url } = yield* Effect.provide(ApiServer, services)
        const headers = { authorization: `Bearer ${operatorKey}`, "x-workspace-id": "ws_1" }
        const body = JSON.stringify(event())
        const length = { "content-length": String(body.length), expect: "100-continue" }
        const begun = yield* Deferred.make<ClientRequest>()
        const slow = yield* Effect.async<number>((resume) => {
          const outgoing = request(`${url}/v1/events`, { method: "POST", headers: { ...headers, ...length } })
          outgoing.on("continue", () => Deferred.unsafeDone(begun, Exit.succeed(outgoing)))
          outgoing.on("error", () => resume(Effect.succeed(0)))
          outgoing.on("response", (response) => {
            response.resume()
            resume(Effect.succeed(response.statusCode ?? 0))
          })
          outgoing.flushHeaders()
        }).pipe(Effect.fork)
        const hangs = yield* Deferred.make<void>()
        const hanging = yield* Effect.async<"closed">((resume) => {
          const head = Object.entries({ host: "x", ...headers, ...length }).map(([name, value]) =>
            `${name}: ${value}\r\n`
          )
          const socket = connect(port, host, () => socket.write(`POST /v1/events HTTP/1.1\r\n${head.join("")}\r\n`))
          socket.on("data", () => Deferred.unsafeDone(hangs, Exit.void))
          socket.on("error", () => undefined).on("close", () => resume(Effect.succeed("closed")))
        }).pipe(Effect.fork)
        const outgoing = yield* Deferred.await(begun)
        yield* Deferred.await(hangs)
        const [took] = yield* Effect.timed(Effect.all([
          Scope.close(scope, Exit.void),
          Effect.zipRight(
            Effect.retry(
              Effect.flip(Effect.tryPromise(() => fetch(`${url}/healthz`))),
              Schedule.spaced("10 millis").pipe(Schedule.intersect(Schedule.recurs(100)))
            ),
            // No new connection is taken any more: the rest of the body comes now.
            Effect.sync(() => outgoing.end(body))
          )
        ], { concurrency: "unbounded" }))
        expect(yield* Fiber.join(slow)).toBe(202)
        expect(yield* Fiber.join(hanging)).toBe("closed")
        expect(Duration.toMillis(took)).toBeLessThan(3500)
      }),
    60_000
  )
})
