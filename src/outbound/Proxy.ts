import type { IncomingHttpHeaders } from "node:http"
import { Failure } from "./Failure.ts"

/**
 * The forward proxy, and whose fault its refusals are. Everything goes through CONNECT, plain `http` as well: an answer that comes through a tunnel
 * is the endpoint's, one before it is the proxy's, and nothing has to be guessed (docs/adr/0021).
 */
export class Proxy {
  readonly host: string
  readonly port: number
  readonly secure: boolean
  /** Names are handed over as they are; otherwise they are looked up and judged here. */
  readonly resolves: boolean
  /** How often it has answered anybody: what tells a proxy that is silent from a destination that is. */
  answers = 0
  readonly #authorization: string | undefined

  /** `url` as Config accepts it. */
  constructor(url: string, resolves: boolean) {
    const parsed = new URL(url)
    this.secure = parsed.protocol === "https:"
    this.host = parsed.hostname.replace(/^\[|\]$/g, "")
    this.port = parsed.port === "" ? (this.secure ? 443 : 80) : Number(parsed.port)
    this.resolves = resolves
    const login = `${decodeURIComponent(parsed.username)}:${decodeURIComponent(parsed.password)}`
    this.#authorization = login === ":" ? undefined : `Basic ${Buffer.from(login).toString("base64")}`
  }

  /** For a CONNECT to `authority`. */
  headers(authority: string): Record<string, string> {
    return {
      host: authority,
      ...(this.#authorization === undefined ? {} : { "proxy-authorization": this.#authorization })
    }
  }
}

type Blame = "address" | "connect" | "dns" | "local"

/** `error` of Proxy-Status (RFC 9209, 2.3); what is not here says nothing of the destination. */
const proxyStatus: Readonly<Record<string, Blame>> = {
  dns_timeout: "dns",
  dns_error: "dns",
  destination_not_found: "dns",
  destination_unavailable: "connect",
  destination_ip_prohibited: "address",
  destination_ip_unroutable: "connect",
  connection_refused: "connect",
  connection_terminated: "connect",
  connection_timeout: "connect",
  http_request_denied: "address"
}

/** Squid's names of its error pages, and behind ERR_CONNECT_FAIL the errno of its own `connect`. */
const squid = (text: string): Blame => {
  const [page = "", errno = ""] = text.split(" ")
  if (page === "ERR_DNS_FAIL") return "dns"
  if (page === "ERR_ACCESS_DENIED") return "address"
  // ENETUNREACH: the proxy's machine has no route, as ours would have none (ADR 7).
  return page === "ERR_CONNECT_FAIL" && errno !== "101" ? "connect" : "local"
}

/** Smokescreen answers 407 for what its rules forbid, 502 and 504 for what it cannot reach; 500 is its own. */
const smokescreen = (status: number, text: string): Blame => {
  if (status === 407) return "address"
  if (status !== 502 && status !== 504) return "local"
  return text.startsWith("Failed to resolve") ? "dns" : "connect"
}

const first = (value: string | ReadonlyArray<string> | undefined): string | undefined =>
  typeof value === "string" ? value : value?.[0]

/** Only what a proxy says in so many words is charged to the endpoint; a bare 502, 503 or 504 is what a proxy in trouble answers too. */
const blame = (status: number, headers: IncomingHttpHeaders): Blame => {
  const standard = first(headers["proxy-status"])?.replaceAll(/"(?:[^"\\]|\\.)*"/g, "")
  const error = standard === undefined ? undefined : /;\s*error=([a-z_]+)/.exec(standard)?.[1]
  if (error !== undefined) return proxyStatus[error] ?? "local"
  const ofSmokescreen = first(headers["x-smokescreen-error"])
  if (ofSmokescreen !== undefined) return smokescreen(status, ofSmokescreen)
  const ofSquid = first(headers["x-squid-error"])
  if (ofSquid !== undefined) return squid(ofSquid)
  return status === 403 ? "address" : "local"
}

/** Another answer than 2xx to CONNECT. What the proxy says in words is not handed on: it may name addresses inside. */
export const refusal = (status: number, headers: IncomingHttpHeaders, host: string, port: number): Failure => {
  switch (blame(status, headers)) {
    case "address":
      return new Failure("address", `${host} is forbidden by the rules of the forward proxy (it answered ${status})`)
    case "connect":
      return new Failure(
        "connect",
        `no connection to ${host}:${port}: the forward proxy cannot reach it (it answered ${status})`
      )
    case "dns":
      return new Failure("dns", `the name ${host} could not be looked up by the forward proxy (it answered ${status})`)
    case "local":
      return new Failure(
        "local",
        status === 407
          ? "the forward proxy did not accept the login of HOOKLINE_PROXY (it answered 407)"
          : `the forward proxy made no connection and did not say that it is the endpoint's fault (it answered ${status})`
      )
  }
}

/** The proxy cannot be used: nothing of it says anything about an endpoint. */
export const proxyFailure = (what: string, error: unknown): Failure => {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "it was closed"
  return new Failure("local", `${what} the forward proxy failed (${code})`)
}
