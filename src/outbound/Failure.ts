import type { OutcomeClass } from "../model/Attempt.ts"

/**
 * What an error of the network means, and how it is told to the customer whose endpoint it is. Sentences hold no path,
 * query, header or secret.
 */

type FailureClass =
  | Extract<OutcomeClass, "dns" | "connect" | "tls" | "reset" | "protocol" | "address">
  | "local"

export class Failure extends Error {
  readonly class: FailureClass

  constructor(failureClass: FailureClass, message: string) {
    super(message.length > 500 ? `${message.slice(0, 497)}...` : message)
    this.class = failureClass
  }
}

/** Faults on our side (CONTRACT 6): no endpoint can bring them about. */
const localCodes: Readonly<Record<string, string>> = {
  EMFILE: "this process has no file descriptor left",
  ENFILE: "this machine has no file descriptor left",
  ENOMEM: "this machine has no memory left",
  ENOBUFS: "this machine has no network buffer left",
  EAI_MEMORY: "this machine has no memory left",
  ENETUNREACH: "this machine has no route to the address",
  ENETDOWN: "this machine's network is down",
  EADDRNOTAVAIL: "this machine has no free port",
  EACCES: "this machine does not permit the connection",
  EPERM: "this machine does not permit the connection"
}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : ""

/** Of the errors of several addresses, the one to report: an endpoint's before one of ours. */
const representative = (error: unknown): unknown =>
  error instanceof AggregateError
    ? error.errors.find((each) => localCodes[codeOf(each)] === undefined) ?? error.errors[0] ?? error
    : error

const local = (code: string): Failure | undefined => {
  const reason = localCodes[code]
  return reason === undefined ? undefined : new Failure("local", `${reason} (${code})`)
}

const dnsReasons: Readonly<Record<string, string>> = {
  ENOTFOUND: "does not exist",
  EAI_AGAIN: "could not be looked up: the name server did not answer"
}

export const lookupFailure = (host: string, error: unknown): Failure => {
  const code = codeOf(error)
  return local(code) ?? new Failure("dns", `the name ${host} ${dnsReasons[code] ?? "could not be looked up"} (${code})`)
}

const connectReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset before it was made",
  EHOSTUNREACH: "the host cannot be reached",
  ETIMEDOUT: "the host did not answer"
}

const tlsReasons: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "a certificate of its chain is self-signed",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate's issuer is unknown (is the intermediate certificate missing?)",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate's issuer is unknown",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate's issuer is unknown",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  CERT_REVOKED: "its certificate is revoked",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS on this port",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it does not speak TLS on this port",
  ERR_SSL_HTTP_REQUEST: "it does not speak TLS on this port",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "it speaks no TLS version from 1.2 on",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it speaks no TLS version from 1.2 on",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "it asks for a client certificate",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "it does not accept the client certificate",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "it does not accept the client certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "it does not accept the client certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "it does not accept the client certificate: it has expired",
  ECONNRESET: "it closed the connection",
  EPIPE: "it closed the connection"
}

/** A connection that was not made; `handshaking`: TCP stood, TLS did not. */
export const connectFailure = (target: string, error: unknown, handshaking: boolean): Failure => {
  if (error instanceof Failure) return error
  const cause = representative(error)
  if (cause instanceof Failure) return cause
  const code = codeOf(cause)
  return handshaking
    ? new Failure("tls", `TLS with ${target} failed: ${tlsReasons[code] ?? "the handshake was refused"} (${code})`)
    : local(code) ??
      new Failure("connect", `no connection to ${target}: ${connectReasons[code] ?? "it could not be made"} (${code})`)
}

const reset = (): Failure => new Failure("reset", "the connection was closed before the answer had ended")
const malformed = (what: string): Failure => new Failure("protocol", `the answer is not HTTP/1.1: ${what}`)

/** undici's errors and the socket's, on a connection that stood. `answering`: the status line and headers had come. */
const exchangeFailures: Readonly<Record<string, (answering: boolean, message: string) => Failure>> = {
  ECONNRESET: reset,
  EPIPE: reset,
  ETIMEDOUT: reset,
  ECONNABORTED: reset,
  EHOSTUNREACH: reset,
  UND_ERR_SOCKET: (_, message) =>
    message === "bad response"
      ? malformed("an answer came that was not asked for")
      : message === "bad upgrade"
      ? malformed("it switches to another protocol")
      : reset(),
  UND_ERR_HEADERS_OVERFLOW: () => new Failure("protocol", "the answer's headers are larger than 16 KiB"),
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: (answering) => answering ? reset() : malformed("its content-length is invalid")
}

export const exchangeFailure = (error: unknown, answering: boolean): Failure => {
  if (error instanceof Failure) return error
  const code = codeOf(error)
  const known = exchangeFailures[code]
  if (known !== undefined) return known(answering, error instanceof Error ? error.message : "")
  // undici 7 loses the parser's code; the name and the parser's fixed words in parentheses stay.
  if (error instanceof Error && error.name === "HTTPParserError") {
    const reason = /\(([^()]*)\)$/.exec(error.message)?.[1] ?? "it cannot be parsed"
    // A body that ended before its last chunk.
    return reason === "Invalid EOF state" ? reset() : malformed(reason)
  }
  if (code.startsWith("ERR_SSL_")) {
    return new Failure("tls", `TLS failed: ${tlsReasons[code] ?? "the endpoint broke it off"} (${code})`)
  }
  // Neither the endpoint nor the network: ours, so that it is held and alarmed, never charged to the customer.
  return local(code) ?? new Failure("local", `the request could not be made (${code === "" ? "internal error" : code})`)
}
