import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { settings } from "../../src/Config.ts"
import type { Resolve } from "../../src/outbound/AddressPolicy.ts"
import { refusal } from "../../src/outbound/Proxy.ts"
import { authority } from "../support/certificates.ts"
import { forwardProxy } from "../support/forwardProxy.ts"
import { answering, config, fixture, http, https, outcome, recording, request, sender, tcp, until } from "./support.ts"

const names = (...addresses: ReadonlyArray<string>): Resolve => (_, callback) =>
  callback(null, addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })))

describe("through a forward proxy", () => {
  it.scopedLive("an http endpoint gets the same request, and the next one goes through the same tunnel", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const proxy = yield* forwardProxy()
      const { send } = yield* sender({ proxy: proxy.url })
      for (const body of ["{\"a\":1}", "{\"a\":2}"]) {
        expect(outcome(yield* send(request(endpoint.url, ["x-one", "1"], body)))).toMatchObject({
          class: "success",
          response: "ok",
          address: "127.0.0.1"
        })
        const { body: arrived, message } = yield* endpoint.received.take
        expect(arrived.toString()).toBe(body)
        expect(message.url).toBe("/hook?key=1")
        expect(message.headers).toMatchObject({ host: `127.0.0.1:${endpoint.port}`, "x-one": "1" })
        expect(message.headers).not.toHaveProperty("proxy-authorization")
        expect(message.headers).not.toHaveProperty("via")
      }
      expect(proxy.asked).toEqual([`127.0.0.1:${endpoint.port}`])
      expect(endpoint.connections()).toBe(1)
    }))

  it.scopedLive("an https endpoint is spoken to end to end, by its name; its certificate is checked as ever", () =>
    Effect.gen(function*() {
      const endpoint = yield* https("good", (message, response) => {
        message.resume().on("end", () => response.end("ok"))
      })
      const proxy = yield* forwardProxy()
      const trusting = yield* sender({ proxy: proxy.url }, { ca: fixture("ca") })
      const url = `https://localhost:${endpoint.port}/`
      expect(yield* trusting.send(request(url))).toMatchObject({ class: "success" })
      expect(proxy.asked[0], "the address that was judged").toMatch(/^(127\.0\.0\.1|\[::1\]):\d+$/)
      const wary = yield* sender({ proxy: proxy.url })
      expect(yield* wary.send(request(url))).toMatchObject({ class: "tls", error: expect.stringContaining("issuer") })
    }))

  it.scopedLive("a proxy that speaks TLS and wants a login", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const own = yield* authority("Proxies")
      const { certificate, key } = yield* own.issue({ commonName: "proxy", hosts: ["127.0.0.1"] })
      const proxy = yield* forwardProxy({ tls: { key, cert: certificate }, login: "us er:p@ss:word" })
      const login = proxy.url.replace("//", "//us%20er:p%40ss%3Aword@")
      const { send } = yield* sender({ proxy: login }, { ca: own.certificate })
      expect(yield* send(request(endpoint.url))).toMatchObject({ class: "success" })

      const strangers = yield* sender({ proxy: login })
      const untrusted = yield* strangers.send(request(endpoint.url))
      expect(untrusted).toMatchObject({ class: "local", error: expect.stringContaining("TLS with") })
      const wrong = yield* sender({ proxy: proxy.url.replace("//", "//eve:canary7@") }, { ca: own.certificate })
      const refused = yield* wrong.send(request(endpoint.url))
      expect(refused).toMatchObject({ class: "local", error: expect.stringContaining("407") })
      expect(JSON.stringify([refused, untrusted])).not.toMatch(/canary7|p@ss|p%40ss/)
      expect(endpoint.connections()).toBe(1)
    }))

  it.scopedLive("nothing forbidden is handed to it: a literal, a name, a name of whose addresses one is", () =>
    Effect.gen(function*() {
      const proxy = yield* forwardProxy()
      const strict = { proxy: proxy.url, allowCidrs: [] }
      const literal = yield* sender(strict)
      for (const host of ["127.0.0.1", "[::1]", "169.254.169.254", "2130706433", "[64:ff9b::7f00:1]"]) {
        expect([host, (yield* literal.send(request(`http://${host}/`))).class]).toEqual([host, "address"])
      }
      for (const answers of [["10.0.0.1"], ["93.184.216.34", "::1"], ["::ffff:192.168.0.1"]]) {
        const { send } = yield* sender(strict, { resolve: names(...answers) })
        expect(yield* send(request("http://inside.test/"))).toMatchObject({ class: "address" })
      }
      expect(proxy.asked).toEqual([])
    }))

  it.scopedLive("a name is looked up once and its address handed over: what it becomes afterwards changes nothing", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      let asked = 0
      const proxy = yield* forwardProxy({ leads: () => ({ host: "127.0.0.1", port: endpoint.port }) })
      const { send } = yield* sender({ proxy: proxy.url, allowCidrs: [] }, {
        resolve: (host, callback) => names(asked++ === 0 ? "93.184.216.34" : "127.0.0.1")(host, callback)
      })
      expect(outcome(yield* send(request("http://rebinds.test/")))).toMatchObject({
        class: "success",
        address: "93.184.216.34"
      })
      expect([asked, proxy.asked]).toEqual([1, ["93.184.216.34:80"]])
    }))

  it.scopedLive("where the proxy looks up names it gets the name; a literal is still judged here", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const proxy = yield* forwardProxy({ leads: () => ({ host: "127.0.0.1", port: endpoint.port }) })
      const { send } = yield* sender({ proxy: proxy.url, proxyResolves: true, allowCidrs: [] }, {
        resolve: (_, callback) => callback(Object.assign(new Error("x"), { code: "ENOTFOUND" }), [])
      })
      const result = outcome(yield* send(request("http://known-outside.test:8443/")))
      expect(result).toMatchObject({ class: "success" })
      expect(result).not.toHaveProperty("address")
      expect((yield* send(request("http://10.0.0.1/"))).class).toBe("address")
      expect(proxy.asked).toEqual(["known-outside.test:8443"])
    }))

  it.scopedLive("of several addresses the next one is tried; an answer about the endpoint goes before one about the proxy", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const unreachable = "502 Bad Gateway\r\nProxy-Status: p; error=connection_refused"
      const [a, b, c] = ["93.184.216.34", "93.184.216.35", "93.184.216.36"]
      const resolve = names(a!, b!, c!)
      const third = yield* forwardProxy({
        refuse: (target) => target.startsWith(c!) ? undefined : unreachable,
        leads: () => ({ host: "127.0.0.1", port: endpoint.port })
      })
      const patient = yield* sender({ proxy: third.url, allowCidrs: [] }, { resolve })
      expect(yield* patient.send(request("http://three.test/"))).toMatchObject({ class: "success", address: c })
      expect(third.asked).toEqual([`${a}:80`, `${b}:80`, `${c}:80`])
      const none = yield* forwardProxy({ refuse: (target) => target.startsWith(b!) ? unreachable : "503 Busy" })
      const failing = yield* sender({ proxy: none.url, allowCidrs: [] }, { resolve })
      expect(yield* failing.send(request("http://three.test/"))).toMatchObject({ class: "connect" })
      expect(none.asked).toHaveLength(3)
    }))
})

const local = (error: string) => ({ class: "local", error: expect.stringContaining(error) })

describe("a forward proxy in trouble is our fault", () => {
  const url = "http://93.184.216.34/"

  it.scopedLive("nobody listens there, its name does not exist, it closes, it speaks no HTTP, it answers a bare 502, 503, 504, 500 or 407", () =>
    Effect.gen(function*() {
      const gone = yield* Effect.scoped(forwardProxy())
      const closing = yield* tcp((socket) => socket.once("data", () => socket.end()))
      const strange = yield* answering("220 mail.example ESMTP\r\n")
      const cases: Array<readonly [string, string]> = [
        [gone.url, "ECONNREFUSED"],
        ["http://proxy.invalid:3128", "forward proxy"],
        [`http://127.0.0.1:${closing.port}`, "ECONNRESET"],
        [`http://127.0.0.1:${strange.port}`, "HPE_"],
        [`https://127.0.0.1:${strange.port}`, "TLS with"]
      ]
      for (
        const status of ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout", "500 Oops", "407 Login"]
      ) {
        cases.push([(yield* forwardProxy({ refuse: () => status })).url, status.slice(0, 3)])
      }
      for (const [proxy, says] of cases) {
        const { send } = yield* sender({ proxy, allowCidrs: [] })
        expect([proxy, yield* send(request(url))]).toEqual([proxy, local(says)])
      }
    }))

  it.scopedLive("it takes the connection and answers nobody; once it answers others, the silence is the endpoint's", () =>
    Effect.gen(function*() {
      const endpoint = yield* recording
      const proxy = yield* forwardProxy({
        silent: (target) => target.startsWith("93."),
        leads: () => ({ host: "127.0.0.1", port: endpoint.port })
      })
      const { send } = yield* sender({ proxy: proxy.url, timeout: 600 })
      expect(yield* send(request(url))).toEqual(local("did not answer within 0.6 s"))
      const waiting = yield* Effect.fork(send(request(url)))
      yield* until(() => proxy.asked.length === 2)
      expect(yield* send(request(endpoint.url))).toMatchObject({ class: "success" })
      expect(yield* waiting.await.pipe(Effect.flatten)).toMatchObject({
        class: "timeout",
        error: expect.stringContaining("the forward proxy made no connection")
      })
    }))

  it.scopedLive("an attempt that is taken back leaves no connection to it", () =>
    Effect.gen(function*() {
      const hanging = yield* tcp((socket) => socket.resume())
      const { send } = yield* sender({ proxy: `http://127.0.0.1:${hanging.port}`, allowCidrs: [] })
      const fiber = yield* Effect.fork(send(request(url)))
      yield* until(() => hanging.connections() === 1)
      yield* fiber.interruptAsFork(fiber.id())
      yield* until(() => hanging.open() === 0)
    }))

  it.scopedLive("bytes before the endpoint was asked anything are no answer of it", () =>
    Effect.gen(function*() {
      const eager = yield* answering("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
      const { send } = yield* sender({ proxy: `http://127.0.0.1:${eager.port}`, allowCidrs: [] })
      expect((yield* send(request(url))).class).toBe("protocol")
    }))
})

describe("a refusal of CONNECT", () => {
  const cases: ReadonlyArray<readonly [status: number, headers: Readonly<Record<string, string>>, charged: string]> = [
    [403, {}, "address"],
    [407, {}, "local"],
    [502, {}, "local"],
    [503, {}, "local"],
    [504, {}, "local"],
    [500, {}, "local"],
    [302, { location: "http://login.example/" }, "local"],
    [100, {}, "local"],
    // RFC 9209.
    [502, { "proxy-status": "edge; error=dns_error; rcode=\"NXDOMAIN\"" }, "dns"],
    [502, { "proxy-status": "edge;error=connection_refused" }, "connect"],
    [504, { "proxy-status": "edge; error=connection_timeout" }, "connect"],
    [503, { "proxy-status": "edge; error=destination_unavailable" }, "connect"],
    [502, { "proxy-status": "edge; error=destination_ip_prohibited" }, "address"],
    [403, { "proxy-status": "edge; error=http_request_denied" }, "address"],
    [500, { "proxy-status": "edge; error=proxy_internal_error" }, "local"],
    [502, { "proxy-status": "edge; details=\"x; error=connection_refused\"" }, "local"],
    // Squid.
    [503, { "x-squid-error": "ERR_CONNECT_FAIL 111" }, "connect"],
    [503, { "x-squid-error": "ERR_CONNECT_FAIL 113" }, "connect"],
    [503, { "x-squid-error": "ERR_CONNECT_FAIL 101" }, "local"],
    [503, { "x-squid-error": "ERR_DNS_FAIL 0" }, "dns"],
    [403, { "x-squid-error": "ERR_ACCESS_DENIED 0" }, "address"],
    [407, { "x-squid-error": "ERR_CACHE_ACCESS_DENIED 0" }, "local"],
    [503, { "x-squid-error": "ERR_CANNOT_FORWARD 0" }, "local"],
    // Smokescreen.
    [407, { "x-smokescreen-error": "Egress proxying is denied to host 'x:443': 10.0.0.1 denied by rule." }, "address"],
    [502, { "x-smokescreen-error": "Failed to resolve remote hostname: lookup x: no such host" }, "dns"],
    [502, { "x-smokescreen-error": "Failed to connect to remote host: connect: connection refused" }, "connect"],
    [504, { "x-smokescreen-error": "Timed out connecting to remote host: i/o timeout" }, "connect"],
    [500, { "x-smokescreen-error": "An unexpected error occurred" }, "local"]
  ]
  it.each(cases)("%i %o is charged as %s", (status, headers, charged) => {
    const failure = refusal(status, headers, "hooks.example", 443)
    expect(failure.class).toBe(charged)
    expect(failure.message, "what the proxy says may name what is inside").not.toContain("10.0.0.1")
  })
})

describe("HOOKLINE_PROXY", () => {
  it.each([
    "http://proxy:3128",
    "https://user:pass@proxy.internal",
    "http://[::1]:3128/",
    "http://user%40corp:p%3Aw@10.0.0.1:8080"
  ])("%s is accepted", (value) => expect(settings.proxy.parse(value)).toBe(value))

  it.each([
    "proxy:3128",
    "socks5://proxy",
    "http://",
    "http://proxy/path",
    "http://proxy?x",
    "http://a%3Ab:c@proxy",
    "http://%zz@proxy",
    "http://proxy:0",
    "http://proxy:99999"
  ])(
    "%s is refused",
    (value) => expect(settings.proxy.parse(value)).toBeUndefined()
  )

  it.scopedLive("without it nothing goes through one, whatever HTTP_PROXY says", () =>
    Effect.gen(function*() {
      expect(config().proxy).toBeUndefined()
      const endpoint = yield* http((message, response) => void message.resume().on("end", () => response.end()))
      const proxy = yield* forwardProxy()
      process.env["http_proxy"] = proxy.url
      yield* Effect.addFinalizer(() => Effect.sync(() => delete process.env["http_proxy"]))
      const { send } = yield* sender()
      expect((yield* send(request(endpoint.url))).class).toBe("success")
      expect(proxy.asked).toEqual([])
    }))
})
