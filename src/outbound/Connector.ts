import type { LookupAddress } from "node:dns"
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from "node:net"
import { connect as connectTls, type ConnectionOptions, type SecureContext, type TLSSocket } from "node:tls"
import { addressRefused, type Resolve } from "./AddressPolicy.ts"
import { connectFailure, Failure, lookupFailure } from "./Failure.ts"
import type { Proxy } from "./Proxy.ts"

/** Where an attempt's time went, for the sentence of a timeout. */
export type Phase = "look-up" | "proxy" | "tunnel" | "connection" | "handshake" | "answer" | "body"

export type OnPhase = (phase: Phase) => void

export interface ConnectorSettings {
  readonly judge: (ip: string) => string | undefined
  readonly resolve: Resolve
  /** Who may certify endpoints, and our own certificate. */
  readonly secureContext: SecureContext
  readonly proxy?: Proxy
}

/** What is connected to. `session` is TLS's, kept from the last connection to the same place. */
export interface Destination {
  readonly host: string
  readonly port: number
  readonly secure: boolean
  session?: Buffer
}

/** A connection that stands. `address`: the endpoint's, as far as it is known here. */
interface Connected {
  readonly socket: Socket
  readonly address: string | undefined
}

export type Done = (failure: Failure | null, connected: Connected | null) => void

/** A connection that is being made; destroying it gives up. */
export interface Opening {
  readonly destroy: () => unknown
}

/**
 * Node tries a name's addresses one after the other. Its 250 ms for each would give up on a far endpoint while its
 * second address (IPv6 without a route, say) has no chance; this allows for one lost SYN.
 */
const perAddress = 2_000

/** Callers that ask for the same name at once share one look-up: getaddrinfo occupies one of few threads. */
export const shareLookups = (resolve: Resolve): Resolve => {
  const running = new Map<string, Array<Parameters<Resolve>[1]>>()
  return (host, callback) => {
    const waiting = running.get(host)
    if (waiting !== undefined) {
      waiting.push(callback)
      return
    }
    const callbacks = [callback]
    running.set(host, callbacks)
    resolve(host, (error, addresses) => {
      running.delete(host)
      for (const each of callbacks) each(error, addresses)
    })
  }
}

/** A look-up under the policy: one forbidden answer refuses the name, so that nothing is connected. */
export const lookUp = (
  host: string,
  { judge, resolve }: ConnectorSettings,
  callback: (failure: Failure | null, addresses: ReadonlyArray<LookupAddress>) => void
): void =>
  resolve(host, (error, addresses) => {
    if (error !== null || addresses.length === 0) return callback(lookupFailure(host, error ?? undefined), [])
    const reason = addresses.map(({ address }) => judge(address)).find((found) => found !== undefined)
    return reason === undefined
      ? callback(null, addresses)
      : callback(new Failure("address", addressRefused(host, reason)), [])
  })

/** The same in the form that Node asks for in front of a connection. */
const guardedLookup = (settings: ConnectorSettings, onPhase: OnPhase): LookupFunction => (host, options, callback) => {
  onPhase("look-up")
  lookUp(host, settings, (failure, addresses) => {
    const [first] = addresses
    if (failure !== null || first === undefined) return callback(failure, [])
    onPhase("connection")
    return options.all === true ? callback(null, [...addresses]) : callback(null, first.address, first.family)
  })
}

/** Of every connection, direct or to a proxy. */
export const overTcp = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 } as const

/**
 * TLS with a destination, over what `over` says: always verified, HTTP/1.1 only; versions and authorities are the context's. The session is kept for
 * its next connection.
 */
export const openTls = (
  destination: Destination,
  { secureContext }: ConnectorSettings,
  over: ConnectionOptions
): TLSSocket =>
  connectTls({
    ...over,
    host: destination.host,
    ...(isIP(destination.host) === 0 ? { servername: destination.host } : {}),
    ...(destination.session === undefined ? {} : { session: destination.session }),
    secureContext,
    ALPNProtocols: ["http/1.1"],
    // Explicit: NODE_TLS_REJECT_UNAUTHORIZED=0 must not switch verification off.
    rejectUnauthorized: true
  }).on("session", (session) => {
    destination.session = session
  })

/**
 * Opens a direct connection under the address policy: the look-up is guarded, and the address of the connected socket is
 * judged before TLS or a request is written. TLS from 1.2 on, always verified, HTTP/1.1 only. Node calls no `lookup`
 * for a literal: those are refused by `checkUrl`, and again here once connected. Destroying what is returned gives up;
 * `done` is then never called. With a forward proxy: Tunnel.ts.
 */
export const openConnection = (
  destination: Destination,
  settings: ConnectorSettings,
  onPhase: OnPhase,
  done: Done
): Opening => {
  const { host, port, secure } = destination
  const options = {
    host,
    port,
    lookup: guardedLookup(settings, onPhase),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: perAddress,
    ...overTcp
  }
  onPhase("connection")
  const socket = secure ? openTls(destination, settings, options) : connectTcp(options)

  let handshaking = false
  let settled = false
  const settle: Done = (failure, connected) => {
    if (settled) return
    settled = true
    done(failure, connected)
  }
  // Before TLS's own listener, which writes the first bytes of the handshake.
  socket.prependOnceListener("connect", () => {
    const peer = socket.remoteAddress
    const reason = peer === undefined ? undefined : settings.judge(peer)
    if (peer === undefined || reason !== undefined) {
      socket.destroy()
      const failure = reason === undefined
        ? new Failure("connect", `no connection to ${host}:${port}: it was closed at once`)
        : new Failure("address", addressRefused(host, reason))
      settle(failure, null)
      return
    }
    if (secure) onPhase("handshake")
    handshaking = secure
  })
  socket.once(secure ? "secureConnect" : "connect", () => settle(null, { socket, address: socket.remoteAddress }))
  socket.on("error", (error) => settle(connectFailure(`${host}:${port}`, error, handshaking), null))
  return socket
}
