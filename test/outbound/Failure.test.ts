import { describe, expect, it } from "@effect/vitest"
import { connectFailure, exchangeFailure, Failure, lookupFailure } from "../../src/outbound/Failure.ts"

const coded = (code: string, message = "secret text of the error"): Error => Object.assign(new Error(message), { code })

const localCodes = ["EMFILE", "ENFILE", "ENETUNREACH", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"]

describe("Failure", () => {
  for (const code of localCodes) {
    it(`${code} is our fault while looking up and connecting, never the endpoint's`, () => {
      expect(connectFailure("example.com:443", coded(code), false).class).toBe("local")
      expect(lookupFailure("example.com", coded(code)).class).toBe("local")
    })
  }

  it("of several addresses, one that the endpoint is to blame for decides", () => {
    const both = new AggregateError([coded("ENETUNREACH"), coded("ECONNREFUSED")])
    expect(connectFailure("example.com:443", both, false)).toMatchObject({
      class: "connect",
      message: "no connection to example.com:443: the connection was refused (ECONNREFUSED)"
    })
    const ours = new AggregateError([coded("ENETUNREACH"), coded("EMFILE")])
    expect(connectFailure("example.com:443", ours, false).class).toBe("local")
    expect(connectFailure("example.com:443", new AggregateError([]), false).class).toBe("connect")
  })

  const cases: ReadonlyArray<readonly [failure: Failure, expected: string]> = [
    [lookupFailure("example.com", coded("ENOTFOUND")), "dns"],
    [lookupFailure("example.com", coded("EAI_AGAIN")), "dns"],
    [lookupFailure("example.com", undefined), "dns"],
    [connectFailure("example.com:443", coded("EHOSTUNREACH"), false), "connect"],
    [connectFailure("example.com:443", coded("ETIMEDOUT"), false), "connect"],
    [connectFailure("example.com:443", coded("ECONNRESET"), false), "connect"],
    [connectFailure("example.com:443", coded("ECONNRESET"), true), "tls"],
    [connectFailure("example.com:443", coded("CERT_HAS_EXPIRED"), true), "tls"],
    [connectFailure("example.com:443", new Failure("address", "x"), true), "address"],
    [exchangeFailure(coded("ECONNRESET"), false), "reset"],
    [exchangeFailure(coded("EPIPE"), true), "reset"],
    [exchangeFailure(coded("UND_ERR_SOCKET", "other side closed"), true), "reset"],
    [exchangeFailure(coded("UND_ERR_SOCKET", "bad response"), false), "protocol"],
    [exchangeFailure(coded("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"), true), "reset"],
    [exchangeFailure(coded("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"), false), "protocol"],
    [exchangeFailure(coded("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"), false), "tls"],
    [exchangeFailure(coded("UND_ERR_INVALID_ARG"), false), "local"],
    [exchangeFailure(new TypeError("a bug"), false), "local"],
    [exchangeFailure("no error at all", true), "local"]
  ]
  for (const [failure, expected] of cases) {
    it(`${expected}: ${failure.message}`, () => {
      expect(failure.class).toBe(expected)
      expect(failure.message).not.toContain("secret text")
    })
  }

  it("a sentence has at most 500 characters", () => {
    expect(lookupFailure("x".repeat(2_000), coded("ENOTFOUND")).message).toHaveLength(500)
  })
})
