import { request as connectRequest } from "node:http"
import { connect as connectTcp, isIP, type Socket } from "node:net"
import { addressRefused } from "./AddressPolicy.ts"
import {
  type ConnectorSettings,
  type Destination,
  type Done,
  lookUp,
  type OnPhase,
  type Opening,
  openTls,
  overTcp
} from "./Connector.ts"
import { connectFailure, Failure } from "./Failure.ts"
import { type Proxy, proxyFailure, refusal } from "./Proxy.ts"

/** Addresses of one name that are tried through the proxy, in the resolver's order: IPv4 and IPv6 of it, and a second of each. */
const maxAddresses = 4

const maxHeaders = 16_384

const authorityOf = (host: string, port: number): string => `${isIP(host) === 6 ? `[${host}]` : host}:${port}`

/**
 * A connection through the forward proxy:
 *
 *   look-up and judgement → connection to the proxy → CONNECT (for each address until one answers) → TLS with the endpoint
 *
 * The proxy is given the address that was judged, so that a name cannot change between the two; unless names are the proxy's to look up: then it is
 * given the name, and what it resolves to is for its rules to judge. A literal is judged in both cases. `destroy` gives up; `done` is then never
 * called.
 */
export const openTunnel = (
  proxy: Proxy,
  destination: Destination,
  settings: ConnectorSettings,
  onPhase: OnPhase,
  done: Done
): Opening => {
  const { host, port, secure } = destination
  let current: Opening | undefined
  let settled = false
  const settle: Done = (failure, connected) => {
    if (settled) return
    settled = true
    done(failure, connected)
  }

  const throughTls = (tunnel: Socket, address: string | undefined): void => {
    onPhase("handshake")
    const socket = openTls(destination, settings, { socket: tunnel })
    current = socket
    socket
      .once("secureConnect", () => settle(null, { socket, address }))
      .on("error", (error) => settle(connectFailure(`${host}:${port}`, error, true), null))
  }

  const ask = (socket: Socket, target: string, onRefused: (failure: Failure) => void): void => {
    onPhase("tunnel")
    const authority = authorityOf(target, port)
    const request = connectRequest({
      createConnection: () => socket,
      method: "CONNECT",
      path: authority,
      headers: proxy.headers(authority),
      maxHeaderSize: maxHeaders
    })
    request.once("connect", (response, tunnel: Socket, head: Buffer) => {
      proxy.answers += 1
      if (settled) return
      const status = response.statusCode ?? 0
      if (status < 200 || status > 299) {
        tunnel.destroy()
        return onRefused(refusal(status, response.headers, host, port))
      }
      if (head.length > 0) {
        tunnel.destroy()
        return settle(
          new Failure("protocol", "the answer is not HTTP/1.1: an answer came that was not asked for"),
          null
        )
      }
      const address = isIP(target) === 0 ? undefined : target
      if (secure) return throughTls(tunnel, address)
      tunnel.on("error", () => {})
      settle(null, { socket: tunnel, address })
    })
    request.on("error", (error) => onRefused(proxyFailure("the connection to", error)))
    request.end()
  }

  const dial = ([target = host, ...others]: ReadonlyArray<string>, former: Failure | undefined): void => {
    onPhase("proxy")
    const options = { host: proxy.host, port: proxy.port, ...overTcp }
    const socket = proxy.secure
      ? openTls({ host: proxy.host, port: proxy.port, secure: true }, settings, options)
      : connectTcp(options)
    current = socket
    let asked = false
    let over = false
    const refused = (failure: Failure): void => {
      socket.destroy()
      if (settled || over) return
      over = true
      // An answer about the endpoint goes before one of ours, whichever address it came for (ADR 7).
      const known = former === undefined || former.class === "local" ? failure : former
      const everywhere = failure.class === "address" || !asked
      if (others.length === 0 || everywhere) settle(everywhere ? failure : known, null)
      else dial(others, known)
    }
    socket.once(proxy.secure ? "secureConnect" : "connect", () => {
      if (settled) return
      asked = true
      ask(socket, target, refused)
    })
    socket.on("error", (error) => {
      if (!asked) refused(proxyFailure(proxy.secure ? "TLS with, or the connection to," : "the connection to", error))
    })
  }

  const begin = (): void => {
    if (isIP(host) !== 0) {
      const reason = settings.judge(host)
      return reason === undefined
        ? dial([host], undefined)
        : queueMicrotask(() => settle(new Failure("address", addressRefused(host, reason)), null))
    }
    if (proxy.resolves) return dial([host], undefined)
    onPhase("look-up")
    lookUp(host, settings, (failure, addresses) => {
      if (settled) return
      if (failure === null) dial(addresses.slice(0, maxAddresses).map(({ address }) => address), undefined)
      else settle(failure, null)
    })
  }
  begin()

  return {
    destroy: () => {
      settled = true
      current?.destroy()
    }
  }
}
