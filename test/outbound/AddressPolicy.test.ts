import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, TestClock } from "effect"
import * as fc from "fast-check"
import { Config, type HooklineConfig } from "../../src/Config.ts"
import { type AllowedRange, judgeAddress, parseRange } from "../../src/outbound/Address.ts"
import { AddressPolicy, checkUrl, layer, make, type Resolve } from "../../src/outbound/AddressPolicy.ts"
import { hostileHosts } from "./corpus.ts"
import { config } from "./support.ts"

const ranges = (...cidrs: ReadonlyArray<string>): ReadonlyArray<AllowedRange> =>
  cidrs.map((cidr) => {
    const range = parseRange(cidr)
    if (range === undefined) throw new Error(cidr)
    return range
  })

const publicOnly = { allowHttp: true, allowed: [] }

const number = (ip: string): number => ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0)

const build = (allowCidrs: ReadonlyArray<string>) =>
  AddressPolicy.pipe(Effect.provide(Layer.provide(layer, Layer.succeed(Config, config({ allowCidrs })))))

const policy = (resolve: Resolve, changes: Partial<HooklineConfig> = { allowCidrs: [] }) =>
  Effect.provideService(make(resolve), Config, config(changes))
const answers = (...addresses: ReadonlyArray<string>): Resolve => (_, callback) =>
  callback(null, addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })))
const fails: Resolve = (_, callback) => callback(Object.assign(new Error("x"), { code: "ENOTFOUND" }), [])

const publicHosts: ReadonlyArray<string> = [
  "93.184.216.34",
  "8.8.8.8",
  "172.32.0.1",
  "100.128.0.1",
  "168.63.129.17",
  "[2606:2800:220:1:248:1893:25c8:1946]",
  "[2a00:1450:4001:81b::200e]",
  "[::ffff:8.8.8.8]",
  "example.com",
  "sub_domain.example.com",
  "bücher.example",
  "localhost.example.com"
]

describe("a URL", () => {
  for (const host of hostileHosts) {
    it(`with the host ${host} is refused, for http and https, with any port`, () => {
      for (const url of [`https://${host}/`, `http://${host}:8080/x`, `HTTPS://${host}?q`]) {
        const problems = checkUrl(url, publicOnly)
        expect([url, problems.length]).toEqual([url, 1])
        expect(problems[0]?.field).toBe("url")
      }
    })
  }

  for (const host of publicHosts) {
    it(`with the host ${host} is accepted`, () => expect(checkUrl(`https://${host}/hook?a=b`, publicOnly)).toEqual([]))
  }

  const malformed: ReadonlyArray<readonly [url: string, says: RegExp]> = [
    ["", /must be a URL/],
    ["example.com/hook", /must be a URL/],
    ["//example.com/hook", /must be a URL/],
    ["https://", /must be a URL/],
    ["https://?q", /must be a URL/],
    ["https://exa mple.com/", /spaces/],
    [" https://example.com/", /spaces/],
    ["https://example.com/\r\nHost: internal", /spaces/],
    ["https://exam\tple.com/", /spaces/],
    ["https://example.com/\u0000", /spaces/],
    ["https://example.com/\u00a0", /spaces/],
    ["ftp://example.com/", /begin with https/],
    ["file:///etc/passwd", /begin with https/],
    ["javascript:alert(1)", /begin with https/],
    ["gopher://example.com/", /begin with https/],
    ["data:text/plain,x", /begin with https/],
    ["wss://example.com/", /begin with https/],
    ["https://user@example.com/", /user name/],
    ["https://user:password@example.com/", /user name/],
    ["https://:password@example.com/", /user name/],
    ["https://@example.com/", /user name/],
    ["https://example.com@127.0.0.1/", /user name/],
    ["https://example.com:0/", /port 0/],
    ["https://example.com:00000/", /port 0/],
    ["https://example.com:65536/", /must be a URL/],
    ["https://example.com/#part", /fragment/],
    ["https://example.com/#", /fragment/],
    ["https://example.com./", /ends with a dot/],
    ["https://localhost./", /ends with a dot/],
    ["https://./", /ends with a dot/],
    ["https://a..b.example/", /valid host/],
    ["https://.example.com/", /valid host/],
    [`https://${"a".repeat(64)}.example.com/`, /valid host/],
    [`https://${"abcdefg.".repeat(40)}com/`, /valid host/],
    ["https://[fe80::1%25eth0]/", /must be a URL/],
    ["https://[::1/", /must be a URL/],
    ["https://1.2.3.4.5/", /must be a URL/],
    ["https://256.256.256.256/", /must be a URL/],
    [`https://example.com/${"x".repeat(2048)}`, /2048 characters/]
  ]
  for (const [url, says] of malformed) {
    it(`${JSON.stringify(url.slice(0, 60))} is refused: ${says.source}`, () => {
      expect(checkUrl(url, publicOnly).map(({ message }) => message).join("; ")).toMatch(says)
    })
  }

  it("of 2,048 characters is accepted", () => {
    const start = "https://example.com/"
    expect(checkUrl(start + "x".repeat(2048 - start.length), publicOnly)).toEqual([])
    expect(checkUrl(start + "x".repeat(2049 - start.length), publicOnly)).toHaveLength(1)
  })

  it("with http is refused unless an operator allows it", () => {
    expect(checkUrl("http://example.com/", { allowHttp: false, allowed: [] })).toEqual([
      { field: "url", message: "must begin with https://" }
    ])
    expect(checkUrl("http://example.com/", publicOnly)).toEqual([])
  })

  it("everything that is wrong is said at once", () => {
    expect(checkUrl("http://user@127.0.0.1:0/#x", { allowHttp: false, allowed: [] })).toHaveLength(5)
  })
})

describe("an address", () => {
  it("is allowed inside an operator's range only, whatever its spelling", () => {
    const allowed = ranges("10.1.0.0/16", "fd00::/8", "127.0.0.1/32", "168.63.129.16/32")
    for (const ip of ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "127.0.0.1", "168.63.129.16", "8.8.8.8"]) {
      expect([ip, judgeAddress(ip, allowed)]).toEqual([ip, undefined])
    }
    for (const ip of ["10.2.0.1", "fc00::1", "127.0.0.2", "::1", "169.254.169.254"]) {
      expect([ip, typeof judgeAddress(ip, allowed)]).toEqual([ip, "string"])
    }
  })

  it("behind a translator that is allowed is judged by itself", () => {
    const allowed = ranges("64:ff9b::/96", "2002::/16", "2001::/32", "192.168.0.0/16")
    expect(judgeAddress("64:ff9b::808:808", allowed)).toBeUndefined()
    expect(judgeAddress("64:ff9b::c0a8:1", allowed)).toBeUndefined()
    expect(judgeAddress("64:ff9b::7f00:1", allowed)).toBe("a loopback address")
    expect(judgeAddress("64:ff9b::a9fe:a9fe", allowed)).toBe("a link-local address")
    expect(judgeAddress("2002:808:808::1", allowed)).toBeUndefined()
    expect(judgeAddress("2002:a00:1::1", allowed)).toBe("a private address")
    // Teredo: the server in clear, the client's address inverted.
    expect(judgeAddress("2001:0:808:808::f7f7:f7f7", allowed)).toBeUndefined()
    expect(judgeAddress("2001:0:808:808::f5ff:fffe", allowed)).toBe("a private address")
    expect(judgeAddress("2001:0:a00:1::f7f7:f7f7", allowed)).toBe("a private address")
  })

  it("that is none is refused, even where everything is allowed", () => {
    const everything = ranges("0.0.0.0/0", "::/0")
    for (const text of ["", "localhost", "127.1", "0x7f000001", "1.2.3.4.5", "[::1]", "1.2.3.4/8", "1.2.3.4 "]) {
      expect([text, judgeAddress(text, everything)]).toEqual([text, "no IP address"])
    }
  })

  it("with a zone is what it is without", () => {
    expect(judgeAddress("fe80::1%eth0", [])).toBe("a link-local address")
  })

  it("IPv4 is accepted exactly outside the registries' special ranges", () => {
    const special: ReadonlyArray<readonly [string, number]> = [
      ["0.0.0.0", 8],
      ["10.0.0.0", 8],
      ["100.64.0.0", 10],
      ["127.0.0.0", 8],
      ["169.254.0.0", 16],
      ["172.16.0.0", 12],
      ["192.0.0.0", 24],
      ["192.0.2.0", 24],
      ["192.31.196.0", 24],
      ["192.52.193.0", 24],
      ["192.88.99.0", 24],
      ["192.168.0.0", 16],
      ["192.175.48.0", 24],
      ["198.18.0.0", 15],
      ["198.51.100.0", 24],
      ["203.0.113.0", 24],
      ["224.0.0.0", 3],
      ["168.63.129.16", 32]
    ]
    const near = special.flatMap(([ip, bits]) => {
      const [first, size] = [number(ip), 2 ** (32 - bits)]
      return [first - 1, first, first + size - 1, first + size].filter((n) => n >= 0 && n < 2 ** 32)
    })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constantFrom(...near),
          fc.nat(0xffffffff),
          fc.maxSafeNat().map((n) => n % 2 ** 32)
        ),
        (n) => {
          const ip = [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join(".")
          const inside = special.some(([base, bits]) =>
            Math.floor(n / 2 ** (32 - bits)) === Math.floor(number(base) / 2 ** (32 - bits))
          )
          expect([ip, judgeAddress(ip, []) !== undefined]).toEqual([ip, inside])
        }
      ),
      { numRuns: 2_000 }
    )
  })

  it("IPv6 is never accepted outside 2000::/3", () => {
    fc.assert(fc.property(fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 }), (parts) => {
      const ip = parts.map((part) => part.toString(16)).join(":")
      if (judgeAddress(ip, []) === undefined) expect((parts[0] ?? 0) >> 13).toBe(1)
    }))
  })
})

describe("HOOKLINE_ALLOW_CIDRS", () => {
  for (
    const cidr of [
      "10.0.0.0",
      "10.0.0.0/33",
      "10.0.0.0/-1",
      "10.0.0.0/",
      "10.0.0.0/08",
      "10.0.0/8",
      "10/8",
      "::/129",
      "::ffff:10.0.0.0/104",
      "0x0a.0.0.0/8",
      "banana",
      "localhost/8",
      "10.0.0.0/8 10.0.0.0/8",
      "/8",
      "fe80::1%eth0/64"
    ]
  ) {
    it.effect(`${cidr} is refused by name`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(build(["10.0.0.0/8", cidr]))
        expect(error._tag).toBe("InvalidSetting")
        expect(error.message).toContain("HOOKLINE_ALLOW_CIDRS")
        expect(error.message).toContain(cidr)
      }))
  }

  it.effect("ranges of both families are accepted, and hold", () =>
    Effect.gen(function*() {
      const policy = yield* build(["10.0.0.0/8", "::1/128", "0.0.0.0/32", "fd00::/8"])
      expect(["10.9.9.9", "::1", "0.0.0.0", "fdff::1"].map(policy.judge)).toEqual(Array.from({ length: 4 }))
      expect(policy.judge("127.0.0.1")).toBe("a loopback address")
      expect(policy.checkUrl("https://10.0.0.1/")).toEqual([])
    }))
})

describe("at creation", () => {
  it.effect("a name with public addresses is accepted", () =>
    Effect.gen(function*() {
      const { resolveUrl } = yield* policy(answers("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"))
      expect(yield* resolveUrl("https://example.com/")).toEqual({ problems: [], warnings: [] })
    }))

  it.effect("a name with any forbidden address is refused, without telling which", () =>
    Effect.gen(function*() {
      for (const inside of ["10.0.0.1", "::1", "169.254.169.254", "::ffff:192.168.0.1", "168.63.129.16", "garbage"]) {
        const { resolveUrl } = yield* policy(answers("93.184.216.34", inside))
        const { problems, warnings } = yield* resolveUrl("https://example.com/")
        expect([inside, problems.length, warnings.length]).toEqual([inside, 1, 0])
        expect(problems[0]?.message).toContain("example.com resolves to ")
        expect(problems[0]?.message).not.toContain(inside)
      }
    }))

  it.effect("a name that does not resolve is accepted with a warning", () =>
    Effect.gen(function*() {
      const { resolveUrl } = yield* policy(fails)
      const { problems, warnings } = yield* resolveUrl("https://nowhere.example/")
      expect(problems).toEqual([])
      expect(warnings).toEqual([expect.stringContaining("nowhere.example does not resolve")])
    }))

  it.effect("a look-up is waited for 5 s, then it is a warning", () =>
    Effect.gen(function*() {
      const { resolveUrl } = yield* policy(() => {})
      const fiber = yield* Effect.fork(resolveUrl("https://slow.example/"))
      yield* TestClock.adjust("4999 millis")
      expect(yield* Fiber.poll(fiber)).toMatchObject({ _tag: "None" })
      yield* TestClock.adjust("1 millis")
      expect((yield* Fiber.join(fiber)).warnings).toHaveLength(1)
    }))

  it.effect("a URL that is refused as it stands, or a literal, is not looked up", () =>
    Effect.gen(function*() {
      let asked = 0
      const { resolveUrl } = yield* policy(() => asked += 1)
      expect((yield* resolveUrl("ftp://example.com/")).problems).toHaveLength(1)
      expect((yield* resolveUrl("https://[::1]/")).problems).toHaveLength(1)
      expect(yield* resolveUrl("https://8.8.8.8/")).toEqual({ problems: [], warnings: [] })
      expect(asked).toBe(0)
    }))

  it.live("localhost is refused by the system's own look-up, and accepted where loopback is allowed", () =>
    Effect.gen(function*() {
      const strict = yield* Effect.provideService(make(), Config, config({ allowCidrs: [] }))
      expect((yield* strict.resolveUrl("https://localhost/")).problems).toHaveLength(1)
      const dev = yield* Effect.provideService(make(), Config, config())
      expect((yield* dev.resolveUrl("http://localhost:4000/")).problems).toEqual([])
    }))
})
