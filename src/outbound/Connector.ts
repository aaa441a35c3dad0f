import type { LookupAddress } from "node:dns"
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { addressRefused, type Resolve } from "./AddressPolicy.ts"
import { connectFailure, Failure, lookupFailure } from "./Failure.ts"

/** Where an attempt's time went, for the sentence of a timeout. */
export type Phase = "look-up" | "connection" | "handshake" | "answer" | "body"

export interface ConnectorSettings {
  readonly judge: (ip: string) => string | undefined
  readonly resolve: Resolve
  /** Certificate authorities instead of the system's. */
  readonly ca?: string
}

/** What is connected to. `session` is TLS's, kept from the last connection to the same place. */
export interface Destination {
  readonly host: string
  readonly port: number
  readonly secure: boolean
  session?: Buffer
}

type Done = (failure: Failure | null, socket: Socket | null) => void

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

/** The look-up in front of a connection: one forbidden answer refuses the name, so that nothing is connected. */
const guardedLookup =
  (settings: ConnectorSettings, onPhase: (phase: Phase) => void): LookupFunction => (host, options, callback) => {
    const answer = (error: Error | null, addresses: Array<LookupAddress>) => {
      const [first] = addresses
      if (error !== null || first === undefined) return callback(error ?? lookupFailure(host, undefined), [])
      onPhase("connection")
      return options.all === true ? callback(null, addresses) : callback(null, first.address, first.family)
    }
    onPhase("look-up")
    settings.resolve(host, (error, addresses) => {
      if (error !== null) return answer(lookupFailure(host, error), [])
      const reason = addresses.map(({ address }) => settings.judge(address)).find((found) => found !== undefined)
      return answer(reason === undefined ? null : new Failure("address", addressRefused(host, reason)), [...addresses])
    })
  }

/**
 * Opens a connection under the address policy: the look-up is guarded, and the address of the connected socket is
 * judged before TLS or a request is written. TLS from 1.2 on, always verified, HTTP/1.1 only. Node calls no `lookup`
 * for a literal: those are refused by `checkUrl`, and again here once connected. Destroying the socket that is returned
 * gives up; `done` is then never called.
 */
export const openConnection = (
  destination: Destination,
  settings: ConnectorSettings,
  onPhase: (phase: Phase) => void,
  done: Done
): Socket => {
  const { host, port, secure } = destination
  const options = {
    host,
    port,
    lookup: guardedLookup(settings, onPhase),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: perAddress,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000
  }
  onPhase("connection")
  const socket = secure
    ? connectTls({
      ...options,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(settings.ca === undefined ? {} : { ca: settings.ca }),
      ...(destination.session === undefined ? {} : { session: destination.session }),
      ALPNProtocols: ["http/1.1"],
      minVersion: "TLSv1.2",
      // Explicit: NODE_TLS_REJECT_UNAUTHORIZED=0 must not switch verification off.
      rejectUnauthorized: true
    }).on("session", (session) => {
      destination.session = session
    })
    : connectTcp(options)

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
  socket.once(secure ? "secureConnect" : "connect", () => settle(null, socket))
  socket.on("error", (error) => settle(connectFailure(`${host}:${port}`, error, handshaking), null))
  return socket
}
