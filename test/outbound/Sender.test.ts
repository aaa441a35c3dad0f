import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, Schedule, Scope, TestClock, TestServices } from "effect"
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import type { OutcomeClass } from "../../src/model/Attempt.ts"
import { answering, fixture, http, https, outcome, recording, request, sender, tcp, until } from "./support.ts"

const head = (status: number, ...headers: ReadonlyArray<string>) =>
  `HTTP/1.1 ${status} Some\r\n${headers.map((header) => `${header}\r\n`).join("")}\r\n`

const sendTo = (endpoint: { readonly url: string }, timeout = 5_000) =>
  Effect.flatMap(sender({ timeout }), ({ send }) => Effect.map(send(request(endpoint.url)), outcome))

/** Writes on and on, a byte every 20 ms, until the other side has enough. */
const drip = (socket: Socket, start: string) => {
  socket.once("data", () => {
    socket.write(start)
    Effect.runFork(
      Effect.sync(() => socket.write("x")).pipe(
        Effect.repeat({ while: () => !socket.destroyed, schedule: Schedule.spaced("20 millis") })
      )
    )
  })
}

/** What an answer's Retry-After is taken for. */
const wait = (status: number, value: string, retryAfter = true) =>
  Effect.scoped(Effect.gen(function*() {
    const endpoint = yield* answering(head(status, `Retry-After: ${value}`, "content-length: 0"))
    const { send } = yield* sender({ retryAfter })
    return outcome(yield* send(request(endpoint.url))).retryAfter
  }))

/** Answers the first request, and closes at the second one as if its idle limit had been reached. */
const closesAtSecond = (onRequest: () => void) => {
  const used = new WeakSet<Socket>()
  let connections = 0
  return tcp((socket) => {
    connections += 1
    const first = connections === 1
    socket.on("data", () => {
      onRequest()
      if (first && used.has(socket)) socket.resetAndDestroy()
      else socket.write(`${head(200, "content-length: 2")}ok`)
      used.add(socket)
    })
  })
}

describe("a request", () => {
  it.scopedLive("arrives as it was given, byte for byte, and nothing else is added but what HTTP needs", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const { send } = yield* sender()
      const body = "{\"a\": 1.0, \"b\":\"\u{1f600}\"}"
      const result = outcome(
        yield* send(request(endpoint.url, ["x-one", "1", "content-type", "application/json"], body))
      )
      const { body: got, message } = yield* Queue.take(endpoint.received)
      expect(result).toEqual({
        class: "success",
        status: 200,
        headers: { "content-length": "2", date: expect.any(String) },
        startedAt: 1_742_740_521_000,
        latency: expect.any(Number),
        response: "ok",
        address: "127.0.0.1"
      })
      expect(result.latency).toBeGreaterThan(0)
      expect(`${message.method} ${message.url} ${message.httpVersion}`).toBe("POST /hook?key=1 1.1")
      expect(got.toString()).toBe(body)
      expect(message.headers).toEqual({
        host: `127.0.0.1:${endpoint.port}`,
        connection: "keep-alive",
        "x-one": "1",
        "content-type": "application/json",
        "accept-encoding": "identity",
        "content-length": String(Buffer.byteLength(body))
      })
    }))

  it.scopedLive("is not made with a header that would change it, and the fault is not the endpoint's", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const { send } = yield* sender()
      for (
        const headers of [
          ["x-a", "1\r\nx-b: 2"],
          ["x-a\r\nx-b", "1"],
          ["x-a", "1\u0000"],
          ["x a", "1"],
          ["Host", "internal"],
          ["content-length", "1"],
          ["Transfer-Encoding", "chunked"],
          ["connection", "upgrade"],
          ["x-odd"]
        ]
      ) {
        const result = yield* send(request(endpoint.url, headers))
        expect([headers, result.class]).toEqual([headers, "local"])
        expect(result.error).not.toContain("x-b: 2")
      }
      expect(yield* Queue.size(endpoint.received)).toBe(0)
      expect(endpoint.connections()).toBe(0)
    }))

  it.scopedLive("is asked for in the last moment, behind look-up and connection: where it may not start, no byte is sent", () =>
    Effect.gen(function*() {
      let bytes = 0
      let owned = true
      const endpoint = yield* tcp((socket) => socket.on("data", (data) => bytes += data.length))
      const { send } = yield* sender({}, {
        resolve: (_, callback) => {
          owned = false
          callback(null, [{ address: "127.0.0.1", family: 4 }])
        }
      })
      const url = `http://owned.test:${endpoint.port}/`
      expect(yield* send({ ...request(url), mayStart: () => owned })).toEqual({
        class: "shutdown",
        error: "its worker no longer holds the lease"
      })
      yield* until(() => endpoint.connections() === 1 && endpoint.open() === 0)
      expect(bytes).toBe(0)
    }))

  it.scopedLive("is asked for again before it is repeated on a new connection", () =>
    Effect.gen(function*() {
      let requests = 0
      let asked = 0
      const endpoint = yield* closesAtSecond(() => requests += 1)
      const { send } = yield* sender()
      const owned = { ...request(endpoint.url), mayStart: () => ++asked < 3 }
      expect((yield* send(owned)).class).toBe("success")
      expect((yield* send(owned)).class).toBe("shutdown")
      yield* until(() => endpoint.connections() === 2 && endpoint.open() === 0)
      expect([requests, asked]).toEqual([2, 3])
    }))

  it.scopedLive("uses the connection of the one before", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const { send } = yield* sender()
      for (let i = 0; i < 5; i++) expect((yield* send(request(endpoint.url))).class).toBe("success")
      expect(endpoint.connections()).toBe(1)
    }))

  it.scopedLive("a hundred at once, each to its own answer", () =>
    Effect.gen(function*() {
      const endpoint = yield* http((message, response) => {
        message.resume().on("end", () => response.end(message.url))
      })
      const { send } = yield* sender()
      const once = Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (i) => send(request(`http://127.0.0.1:${endpoint.port}/${i}`)),
        { concurrency: "unbounded" }
      )
      for (let round = 0; round < 3; round++) {
        expect((yield* once).map((result) => outcome(result).response)).toEqual(
          Array.from({ length: 100 }, (_, i) => `/${i}`)
        )
      }
      expect(endpoint.connections()).toBeLessThanOrEqual(100)
    }))

  it.scopedLive("beyond 256 to one origin waits for a connection, in turn", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      let waiting = 0
      const open: Array<() => void> = []
      const endpoint = yield* http((message, response) => {
        waiting += 1
        message.resume()
        open.push(() => response.end("x"))
        if (waiting === 256) Deferred.unsafeDone(gate, Effect.void)
        if (waiting > 256) response.end("x")
      })
      const { send } = yield* sender()
      const all = yield* Effect.fork(
        Effect.forEach(Array.from({ length: 300 }), () => send(request(endpoint.url)), { concurrency: "unbounded" })
      )
      yield* Deferred.await(gate)
      expect(endpoint.connections()).toBe(256)
      for (const answer of open) answer()
      const results = yield* Fiber.join(all)
      expect(results.filter((result) => result.class === "success")).toHaveLength(300)
      expect(endpoint.connections()).toBe(256)
    }))

  it.scopedLive("that finds no free connection for the whole timeout: a fault on our side; one taken back is not waited for", () =>
    Effect.gen(function*() {
      let requests = 0
      const endpoint = yield* tcp((socket) => socket.once("data", () => requests += 1))
      const { send } = yield* sender({ timeout: 1_500 })
      const many = (count: number) =>
        Effect.fork(
          Effect.forEach(Array.from({ length: count }), () => send(request(endpoint.url)), { concurrency: "unbounded" })
        )
      const running = yield* many(256)
      yield* until(() => requests === 256)
      const taken = yield* many(10)
      const waiting = yield* many(257)
      yield* Effect.repeatN(Effect.yieldNow(), 100)
      yield* Fiber.interrupt(taken)
      expect((yield* Fiber.join(running)).every((result) => result.class === "timeout")).toBe(true)
      const classes = (yield* Fiber.join(waiting)).map((result) => result.class)
      expect(classes.slice(0, 256).every((each) => each === "timeout")).toBe(true)
      expect(classes[256]).toBe("local")
      yield* until(() => endpoint.open() === 0)
      expect(endpoint.connections()).toBeLessThanOrEqual(512)
    }))
})

describe("an endpoint", () => {
  const cases: ReadonlyArray<
    readonly [
      name: string,
      serve: Parameters<typeof tcp>[0],
      expected: {
        readonly class: OutcomeClass
        readonly status?: number
        readonly error?: RegExp
        readonly response?: string
      }
    ]
  > = [
    ["that hangs", (socket) => socket.resume(), { class: "timeout", error: /within 0\.3 s: no answer came/ }],
    [
      "that drips a byte now and then",
      (socket) => drip(socket, head(200, "content-length: 1000000")),
      { class: "timeout", status: 200, error: /its answer did not end/ }
    ],
    ["that drips its headers", (socket) => drip(socket, "HTTP/1.1 200 OK\r\nx: "), { class: "timeout" }],
    ["that resets", (socket) => socket.once("data", () => socket.resetAndDestroy()), { class: "reset" }],
    ["that closes without an answer", (socket) => socket.once("data", () => socket.end()), { class: "reset" }],
    [
      "that closes in the middle of its body",
      (socket) => socket.once("data", () => socket.end(`${head(200, "content-length: 10")}half`)),
      { class: "reset", status: 200, response: "half" }
    ],
    [
      "that closes in the middle of a chunked body",
      (socket) =>
        socket.once("data", () => socket.end(`${head(200, "transfer-encoding: chunked", "connection: close")}5\r\nab`)),
      { class: "reset", status: 200 }
    ],
    [
      "that closes short of its length after connection: close",
      (socket) => socket.once("data", () => socket.end(`${head(200, "content-length: 9", "connection: close")}ab`)),
      { class: "reset", status: 200 }
    ],
    [
      "that ends its body by closing",
      (socket) => socket.once("data", () => socket.end(`${head(200)}all of it`)),
      { class: "success", status: 200, response: "all of it" }
    ],
    ["that speaks no HTTP", (socket) => socket.once("data", () => socket.write("220 mail ESMTP\r\n")), {
      class: "protocol",
      error: /not HTTP/
    }],
    [
      "with a content-length that is no number",
      (socket) => socket.once("data", () => socket.write(head(200, "content-length: ten"))),
      {
        class: "protocol"
      }
    ],
    [
      "with two content-lengths",
      (socket) => socket.once("data", () => socket.write(head(200, "content-length: 1", "content-length: 2"))),
      {
        class: "protocol"
      }
    ],
    [
      "that switches protocols",
      (socket) => socket.once("data", () => socket.write(head(101, "connection: upgrade", "upgrade: x"))),
      {
        class: "protocol",
        error: /another protocol/
      }
    ],
    [
      "with 1 MB of headers",
      (socket) =>
        socket.once(
          "data",
          () => socket.write(head(200, ...Array.from({ length: 1000 }, (_, i) => `x-${i}: ${"y".repeat(1000)}`)))
        ),
      { class: "protocol", error: /larger than 16 KiB/ }
    ],
    [
      "that announces before it answers",
      (socket) =>
        socket.once("data", () => socket.write(`${head(103, "link: </a>")}${head(200, "content-length: 2")}ok`)),
      { class: "success", status: 200, response: "ok" }
    ],
    [
      "that announces and then hangs",
      (socket) => socket.on("data", () => socket.write(head(103, "link: </a>"))),
      { class: "timeout", error: /no answer came/ }
    ],
    [
      "that answers 201",
      (socket) => socket.once("data", () => socket.write(head(201, "content-length: 0"))),
      { class: "status", status: 201, error: /does not count as delivered/ }
    ],
    [
      "that answers 204",
      (socket) => socket.once("data", () => socket.write(head(204))),
      { class: "status", status: 204 }
    ],
    [
      "that answers 500",
      (socket) => socket.once("data", () => socket.write(`${head(500, "content-length: 4")}oops`)),
      { class: "status", status: 500, error: /answered 500/, response: "oops" }
    ],
    [
      "with bytes that are no UTF-8, and NUL",
      (socket) =>
        socket.once(
          "data",
          () =>
            socket.write(
              Buffer.concat([Buffer.from(head(200, "content-length: 4")), Buffer.from([0x61, 0xff, 0x00, 0x62])])
            )
        ),
      { class: "success", response: "a\ufffd\u0000b" }
    ]
  ]

  for (const [name, serve, expected] of cases) {
    it.scopedLive(`${name}: ${expected.class}`, () =>
      Effect.gen(function*() {
        const endpoint = yield* tcp(serve)
        const result = yield* sendTo(endpoint, expected.class === "timeout" ? 300 : 5_000)
        expect({ class: result.class, status: result.status }).toEqual({
          class: expected.class,
          status: expected.status ?? result.status
        })
        if (expected.status === undefined && expected.class !== "success") expect(result.status).toBeUndefined()
        if (expected.error !== undefined) expect(result.error).toMatch(expected.error)
        if (expected.response !== undefined) expect(result.response).toBe(expected.response)
        if (expected.class === "success") expect(result.error).toBeUndefined()
        else expect(result.error?.length).toBeGreaterThan(10)
        expect(result.latency).toBeLessThan(5_000)
        if (expected.class !== "success" && expected.class !== "status") yield* until(() => endpoint.open() === 0)
      }))
  }

  it.scopedLive("that is not there: connect", () =>
    Effect.gen(function*() {
      const gone = yield* Effect.scoped(tcp(() => {}))
      const result = yield* sendTo(gone)
      expect(result).toMatchObject({ class: "connect", error: expect.stringContaining("refused") })
      expect(result.error).not.toContain("key=1")
    }))

  it.scopedLive("whose name does not exist: dns", () =>
    Effect.gen(function*() {
      const { send } = yield* sender({}, {
        resolve: (_, callback) => callback(Object.assign(new Error("x"), { code: "ENOTFOUND" }), [])
      })
      expect(yield* send(request("http://nowhere.invalid/hook"))).toMatchObject({
        class: "dns",
        error: "the name nowhere.invalid does not exist (ENOTFOUND)"
      })
    }))

  it.scopedLive("whose name many ask for at once is looked up once", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      let asked = 0
      const { send } = yield* sender({}, {
        resolve: (_, callback) => {
          asked += 1
          setImmediate(() => callback(null, [{ address: "127.0.0.1", family: 4 }]))
        }
      })
      const results = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => send(request(`http://many.test:${endpoint.port}/`)),
        { concurrency: "unbounded" }
      )
      expect(results.every((result) => result.class === "success")).toBe(true)
      expect(asked).toBeLessThan(5)
    }))

  it.scopedLive("whose look-up fails for want of a file descriptor: a fault on our side", () =>
    Effect.gen(function*() {
      const { send } = yield* sender({}, {
        resolve: (_, callback) => callback(Object.assign(new Error("x"), { code: "EMFILE" }), [])
      })
      expect(yield* send(request("http://any.test/"))).toEqual({
        class: "local",
        error: "this process has no file descriptor left (EMFILE)"
      })
    }))

  it.scopedLive("whose name is not answered within the timeout: timeout, and the late answer connects nothing", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const late = yield* Deferred.make<() => void>()
      const { send } = yield* sender({ timeout: 200 }, {
        resolve: (_, callback) =>
          Deferred.unsafeDone(late, Effect.succeed(() => callback(null, [{ address: "127.0.0.1", family: 4 }])))
      })
      expect(yield* send(request(`http://slow.test:${endpoint.port}/`))).toMatchObject({
        class: "timeout",
        error: "not finished within 0.2 s: the look-up of its name did not end"
      })
      const answer = yield* Deferred.await(late)
      answer()
      yield* Effect.yieldNow()
      expect((yield* sendTo(endpoint)).class).toBe("success")
      expect(endpoint.connections()).toBe(1)
    }))

  it.scopedLive("that answers before the body is sent: its answer counts", () =>
    Effect.gen(function*() {
      const endpoint = yield* tcp((socket) => {
        socket.pause()
        socket.write(`${head(200, "content-length: 2")}ok`)
      })
      const { send } = yield* sender()
      const result = outcome(yield* send({ ...request(endpoint.url), body: Buffer.alloc(8 * 1024 * 1024, "a") }))
      expect(result).toMatchObject({ class: "success", status: 200, response: "ok" })
    }))

  it.scopedLive("that redirects to another server: not followed", () =>
    Effect.gen(function*() {
      const other = yield* recording
      const endpoint = yield* answering(head(307, `location: ${other.url}`, "content-length: 0"))
      expect(yield* sendTo(endpoint)).toMatchObject({ class: "redirect", status: 307 })
      expect(other.connections()).toBe(0)
    }))

  it.scopedLive("with an endless body: its status decides after 64 KiB, 16 KiB are kept, the connection is cut", () =>
    Effect.gen(function*() {
      let written = 0
      const endpoint = yield* tcp((socket) =>
        socket.once("data", () => {
          const chunk = Buffer.alloc(65_536, "é")
          const more = () => {
            while (!socket.destroyed && socket.write(chunk)) written += chunk.length
          }
          socket.on("drain", more).write(head(200))
          more()
        })
      )
      const before = process.memoryUsage().rss
      const { send } = yield* sender()
      for (let i = 0; i < 20; i++) {
        const result = outcome(yield* send(request(endpoint.url)))
        expect(result).toMatchObject({ class: "success", status: 200 })
        expect(Buffer.byteLength(result.response ?? "")).toBe(16_384)
        yield* until(() => endpoint.open() === 0)
      }
      expect(written).toBeLessThan(20 * 16 * 1024 * 1024)
      expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024)
    }))

  it.scopedLive("with exactly 64 KiB: the connection stays; with one byte more: it is cut", () =>
    Effect.gen(function*() {
      const endpoint = yield* http((message, response) => {
        message.resume().on("end", () => response.end(Buffer.alloc(message.url === "/more" ? 65_537 : 65_536, "x")))
      })
      const base = `http://127.0.0.1:${endpoint.port}`
      const { send } = yield* sender()
      for (const path of ["/", "/", "/more", "/"]) expect((yield* send(request(base + path))).class).toBe("success")
      expect(endpoint.connections()).toBe(2)
    }))

  it.scopedLive("with a gzip bomb: not inflated", () =>
    Effect.gen(function*() {
      const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024))
      const endpoint = yield* http((message, response) => {
        message.resume().on("end", () => response.writeHead(200, { "content-encoding": "gzip" }).end(bomb))
      })
      const result = yield* sendTo(endpoint)
      expect(result).toMatchObject({ class: "success", status: 200 })
      expect(Buffer.byteLength(result.response ?? "")).toBeLessThanOrEqual(16_384)
    }))

  it.scopedLive("2xx counts where an operator says so", () =>
    Effect.gen(function*() {
      const endpoint = yield* answering(head(201, "content-length: 0"))
      const { send } = yield* sender({ successStatus: "2xx" })
      expect(yield* send(request(endpoint.url))).toMatchObject({ class: "success", status: 201 })
    }))

  it.scopedLive("Retry-After counts on 429 and 503, not elsewhere, and not when it is switched off", () =>
    Effect.gen(function*() {
      expect(yield* wait(429, "120")).toBe(120_000)
      expect(yield* wait(503, "999999999")).toBe(24 * 3_600_000)
      expect(yield* wait(503, "Sun, 06 Nov 1994 08:49:37 GMT")).toBe(0)
      expect(yield* wait(503, "soon")).toBeUndefined()
      expect(yield* wait(500, "120")).toBeUndefined()
      expect(yield* wait(503, "120", false)).toBeUndefined()
    }))
})

describe("a connection", () => {
  it.scopedLive("that was used and is closed without a byte of an answer: the request is repeated once on a new one", () =>
    Effect.gen(function*() {
      let requests = 0
      const endpoint = yield* closesAtSecond(() => requests += 1)
      const { send } = yield* sender()
      expect((yield* send(request(endpoint.url))).class).toBe("success")
      expect((yield* send(request(endpoint.url))).class).toBe("success")
      expect([requests, endpoint.connections()]).toEqual([3, 2])
    }))

  it.scopedLive("that was used, when its replacement breaks as well: reset, no third request", () =>
    Effect.gen(function*() {
      let requests = 0
      const endpoint = yield* tcp((socket) =>
        socket.on("data", () => {
          requests += 1
          if (requests === 1) socket.write(head(200, "content-length: 0"))
          else socket.resetAndDestroy()
        })
      )
      const { send } = yield* sender()
      expect((yield* send(request(endpoint.url))).class).toBe("success")
      expect((yield* send(request(endpoint.url))).class).toBe("reset")
      expect(requests).toBe(3)
    }))

  it.scopedLive("that was used and breaks in the middle of an answer: reset, no repeat", () =>
    Effect.gen(function*() {
      let requests = 0
      const endpoint = yield* tcp((socket) =>
        socket.on("data", () => {
          requests += 1
          if (requests === 1) socket.write(head(200, "content-length: 0"))
          else socket.end("HTTP/1.1 2")
        })
      )
      const { send } = yield* sender()
      expect((yield* send(request(endpoint.url))).class).toBe("success")
      expect((yield* send(request(endpoint.url))).class).toBe("reset")
      expect(requests).toBe(2)
    }))

  it.scopedLive("that the endpoint closes after its answer is not used again", () =>
    Effect.gen(function*() {
      const endpoint = yield* http((message, response) => {
        message.resume().on("end", () => response.writeHead(200, { connection: "close" }).end())
      })
      const { send } = yield* sender()
      for (let i = 0; i < 3; i++) expect((yield* send(request(endpoint.url))).class).toBe("success")
      expect(endpoint.connections()).toBe(3)
      yield* until(() => endpoint.open() === 0)
    }))

  it.scopedLive("made anew in place of one that the endpoint closed is not taken for a used one", () =>
    Effect.gen(function*() {
      let requests = 0
      const endpoint = yield* tcp((socket) =>
        socket.once("data", () => {
          requests += 1
          if (requests === 1) socket.end(head(200, "content-length: 0", "connection: close"))
          else socket.resetAndDestroy()
        })
      )
      const { send } = yield* sender()
      expect((yield* send(request(endpoint.url))).class).toBe("success")
      expect((yield* send(request(endpoint.url))).class).toBe("reset")
      expect(requests).toBe(2)
    }))

  it.scopedLive("that nobody uses is closed, before the endpoint's own limit where it tells one", () =>
    Effect.gen(function*() {
      const endpoint = yield* answering(head(200, "keep-alive: timeout=3", "content-length: 0"))
      const { send } = yield* sender()
      expect((yield* send(request(endpoint.url))).class).toBe("success")
      expect(endpoint.open()).toBe(1)
      yield* until(() => endpoint.open() === 0)
    }))

  it.scopedLive("that the endpoint closes while nobody uses it is replaced, with no request lost or repeated", () =>
    Effect.gen(function*() {
      let requests = 0
      const sockets: Array<Socket> = []
      const endpoint = yield* tcp((socket) => {
        sockets.push(socket)
        socket.on("data", () => {
          requests += 1
          socket.write(head(200, "content-length: 0"))
        })
      })
      const { send } = yield* sender()
      for (let i = 1; i <= 3; i++) {
        expect((yield* send(request(endpoint.url))).class).toBe("success")
        sockets.at(-1)?.end()
        yield* until(() => endpoint.open() === 0)
      }
      expect([requests, endpoint.connections()]).toEqual([3, 3])
    }))

  it.scopedLive("is closed by an interruption, at once", () =>
    Effect.gen(function*() {
      let requests = 0
      const endpoint = yield* tcp((socket) => socket.once("data", () => requests += 1))
      const { send } = yield* sender({ timeout: 60_000 })
      const fiber = yield* Effect.fork(send(request(endpoint.url)))
      yield* until(() => requests === 1)
      yield* Fiber.interrupt(fiber)
      yield* until(() => endpoint.open() === 0)
    }))

  it.scopedLive("is closed by the end of the sender, and what ran is told so", () =>
    Effect.gen(function*() {
      let requests = 0
      const endpoint = yield* tcp((socket) => socket.once("data", () => requests += 1))
      const idle = yield* recording
      const scope = yield* Scope.make()
      const { send } = yield* Scope.extend(sender({ timeout: 60_000 }), scope)
      expect((yield* send(request(idle.url))).class).toBe("success")
      const fiber = yield* Effect.fork(send(request(endpoint.url)))
      yield* until(() => requests === 1)
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      expect((yield* Fiber.join(fiber)).class).toBe("shutdown")
      expect((yield* send(request(endpoint.url))).class).toBe("shutdown")
      yield* until(() => endpoint.open() === 0 && idle.open() === 0)
    }))
})

describe("TLS", () => {
  const ok = https("good", (message, response) => {
    message.resume().on("end", () => response.end("ok"))
  })
  const trust = { ca: fixture("ca") }

  it.scopedLive("with a certificate of a known authority: success, by name and by address", () =>
    Effect.gen(function*() {
      const endpoint = yield* ok
      const { send } = yield* sender({}, trust)
      expect(yield* send(request(endpoint.url))).toMatchObject({ class: "success", response: "ok" })
      expect(yield* send(request(`https://localhost:${endpoint.port}/`))).toMatchObject({ class: "success" })
      expect(yield* send(request(`https://localhost:${endpoint.port}/`))).toMatchObject({ class: "success" })
      expect(endpoint.connections()).toBe(2)
    }))

  const refused: ReadonlyArray<
    readonly [name: string, certificate: string, options: Readonly<Record<string, unknown>>, error: RegExp]
  > = [
    ["a self-signed certificate", "self", {}, /self-signed/],
    ["a certificate for another name", "wrong", {}, /another name/],
    ["an expired certificate", "expired", {}, /expired/],
    [
      "no version from 1.2 on",
      "good",
      { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
      /TLS with/
    ]
  ]
  for (const [name, certificate, options, error] of refused) {
    it.scopedLive(`with ${name}: tls, every time, and no request is made`, () =>
      Effect.gen(function*() {
        let requests = 0
        const endpoint = yield* https(certificate, (_, response) => {
          requests += 1
          response.end()
        }, options)
        const { send } = yield* sender({}, trust)
        for (let i = 0; i < 3; i++) {
          const result = yield* send(request(endpoint.url))
          expect(result).toMatchObject({ class: "tls", error: expect.stringMatching(error) })
        }
        expect(requests).toBe(0)
      }))
  }

  it.scopedLive("with an authority nobody trusts: tls", () =>
    Effect.gen(function*() {
      const endpoint = yield* ok
      const { send } = yield* sender()
      expect(yield* send(request(endpoint.url))).toMatchObject({
        class: "tls",
        error: expect.stringContaining("issuer")
      })
    }))

  it.scopedLive("to a port that speaks plain HTTP: tls", () =>
    Effect.gen(function*() {
      const endpoint = yield* answering(head(400))
      const { send } = yield* sender()
      expect(yield* send(request(endpoint.url.replace("http:", "https:")))).toMatchObject({
        class: "tls",
        error: expect.stringContaining("does not speak TLS")
      })
    }))

  it.scopedLive("to an endpoint that closes in the handshake, or hangs there", () =>
    Effect.gen(function*() {
      const patient = yield* sender()
      const closing = yield* tcp((socket) => socket.once("data", () => socket.end()))
      expect((yield* patient.send(request(closing.url.replace("http:", "https:")))).class).toBe("tls")
      const { send } = yield* sender({ timeout: 300 })
      const hanging = yield* tcp((socket) => socket.resume())
      expect(yield* send(request(hanging.url.replace("http:", "https:")))).toMatchObject({
        class: "timeout",
        error: expect.stringContaining("TLS was not established")
      })
      yield* until(() => hanging.open() === 0)
    }))
})

describe("the address policy", () => {
  it.scopedLive("refuses a literal before anything is connected", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const { send } = yield* sender({ allowCidrs: [] })
      expect(yield* send(request(endpoint.url))).toMatchObject({ class: "address", startedAt: 1_742_740_521_000 })
      expect(yield* send(request(endpoint.url.replace("127.0.0.1", "2130706433")))).toMatchObject({ class: "address" })
      expect(endpoint.connections()).toBe(0)
    }))

  it.scopedLive("refuses http where it is not allowed", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const { send } = yield* sender({ allowHttp: false })
      expect(yield* send(request(endpoint.url))).toMatchObject({
        class: "address",
        error: expect.stringContaining("https://")
      })
      expect(endpoint.connections()).toBe(0)
    }))

  it.scopedLive("refuses a name that resolves to a forbidden address, and tells no address", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const { send } = yield* sender({ allowCidrs: [] })
      const result = yield* send(request(`http://localhost:${endpoint.port}/`))
      expect(result).toMatchObject({ class: "address", error: expect.stringContaining("loopback") })
      expect(result.error).not.toContain("127.0.0.1")
      expect(endpoint.connections()).toBe(0)
    }))

  it.scopedLive("refuses a name of whose addresses one is forbidden, though the other is allowed", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      for (const forbidden of ["10.0.0.1", "::1", "::ffff:10.0.0.1", "169.254.169.254"]) {
        const { send } = yield* sender({ allowCidrs: ["127.0.0.0/8"] }, {
          resolve: (_, callback) =>
            callback(null, [{ address: "127.0.0.1", family: 4 }, {
              address: forbidden,
              family: forbidden.includes(":") ? 6 : 4
            }])
        })
        expect((yield* send(request(`http://both.test:${endpoint.port}/`))).class).toBe("address")
      }
      expect(endpoint.connections()).toBe(0)
    }))

  it.scopedLive("looks at every connection: a name that moves inside is refused from then on", () =>
    Effect.gen(function*() {
      const endpoint = yield* http((message, response) => {
        message.resume().on("end", () => response.writeHead(200, { connection: "close" }).end())
      })
      let address = "127.0.0.1"
      const { send } = yield* sender({}, { resolve: (_, callback) => callback(null, [{ address, family: 4 }]) })
      expect((yield* send(request(`http://moves.test:${endpoint.port}/`))).class).toBe("success")
      address = "10.0.0.1"
      expect((yield* send(request(`http://moves.test:${endpoint.port}/`))).class).toBe("address")
    }))

  it.scopedLive("refuses the address a socket turns out to be connected to, before a byte is written", () =>
    Effect.gen(function*() {
      let bytes = 0
      const endpoint = yield* tcp((socket) => socket.on("data", (chunk) => bytes += chunk.length))
      // The system connects 0.0.0.0 to loopback: allowed as it is written, forbidden where it leads.
      const { send } = yield* sender({ allowCidrs: ["0.0.0.0/32"] })
      for (const scheme of ["http", "https"]) {
        expect(yield* send(request(`${scheme}://0.0.0.0:${endpoint.port}/`))).toMatchObject({
          class: "address",
          error: expect.stringContaining("loopback")
        })
      }
      yield* until(() => endpoint.connections() === 2 && endpoint.open() === 0)
      expect(bytes).toBe(0)
    }))
})

describe("the deadline", () => {
  it.scoped("is the setting's, on Effect's clock, for each attempt from its own start", () =>
    Effect.gen(function*() {
      let requests = 0
      const endpoint = yield* tcp((socket) => socket.once("data", () => requests += 1))
      const { send } = yield* sender({ timeout: 30_000 })
      const first = yield* Effect.fork(send(request(endpoint.url)))
      yield* TestServices.provideLive(until(() => requests === 1))
      yield* TestClock.adjust("10 seconds")
      const second = yield* Effect.fork(send(request(endpoint.url)))
      yield* TestServices.provideLive(until(() => requests === 2))
      yield* TestClock.adjust("19999 millis")
      expect(yield* Fiber.poll(first)).toMatchObject({ _tag: "None" })
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(first)).toMatchObject({ class: "timeout", latency: 30_000 })
      expect(yield* Fiber.poll(second)).toMatchObject({ _tag: "None" })
      yield* TestClock.adjust("10 seconds")
      expect(yield* Fiber.join(second)).toMatchObject({ class: "timeout", latency: 30_000 })
    }))
})
