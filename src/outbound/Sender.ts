import { Context, Effect, Layer, type Scope } from "effect"
import { createSecureContext } from "node:tls"
import { Config, type InvalidSetting } from "../Config.ts"
import type { AttemptResult } from "../model/Attempt.ts"
import { AddressPolicy, hostOf, type Resolve, systemResolve } from "./AddressPolicy.ts"
import { Connections } from "./Connections.ts"
import { type ConnectorSettings, shareLookups } from "./Connector.ts"
import { Deadlines } from "./Deadlines.ts"
import { Exchange, type ExchangeContext, type Target } from "./Exchange.ts"
import { Proxy } from "./Proxy.ts"
import { startingTls } from "./TlsFiles.ts"

/** One request to an endpoint. */
export interface SendRequest {
  readonly url: string
  /** Name, value, name, value …; neither Host nor anything of the connection or the body's length. */
  readonly headers: ReadonlyArray<string>
  readonly body: Uint8Array
  /** Broker milliseconds; the sender has no broker's clock and hands it on into the outcome. */
  readonly startedAt: number
  /**
   * Asked in the last moment before the request is written, after look-up and connection, and again before it is repeated: false, and it is not
   * made; the attempt ends as a `shutdown`. Must not throw, block or wait.
   */
  readonly mayStart?: () => boolean
}

export class Sender extends Context.Tag("hookline/Sender")<Sender, {
  /**
   * Sends one POST and answers what came of it. Never fails; an interruption closes the connection at once. Ends within
   * the timeout, or within twice of it when it first has to wait for a connection. How many run at once is the caller's
   * to bound.
   */
  readonly send: (request: SendRequest) => Effect.Effect<AttemptResult>
  /**
   * The same without an Effect, for the hot path. `settle` is called once, unless the function that comes back, which ends the attempt at once, is
   * called before.
   */
  readonly unsafeSend: (request: SendRequest, settle: (result: AttemptResult) => void) => () => void
}>() {}

/** Headers that are the connection's or undici's to write; a request with one is not sent. */
const reserved = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "upgrade",
  "te",
  "trailer",
  "expect",
  "proxy-authorization",
  "proxy-connection",
  "accept-encoding"
])

const reservedHeader = (headers: ReadonlyArray<string>): string | undefined => {
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ""
    if (reserved.has(name.toLowerCase())) return name
  }
  return undefined
}

const targetOf = (text: string): Target => {
  const url = new URL(text)
  const secure = url.protocol === "https:"
  return {
    origin: url.origin,
    destination: { host: hostOf(url), port: url.port === "" ? (secure ? 443 : 80) : Number(url.port), secure },
    path: url.pathname + url.search
  }
}

/** Parsed and checked URLs are kept: the policy never changes in a process. */
const maxTargets = 4_096

/** Fails for a file of `HOOKLINE_TLS_…` that cannot be used. `ca` and `resolve` stand in for the system's in tests. */
export const make = (options: { readonly ca?: string; readonly resolve?: Resolve } = {}): Effect.Effect<
  Sender["Type"],
  InvalidSetting,
  Config | AddressPolicy | Scope.Scope
> =>
  Effect.gen(function*() {
    const config = yield* Config
    const policy = yield* AddressPolicy
    const clock = yield* Effect.clock

    const settings: ConnectorSettings = {
      judge: policy.judge,
      resolve: shareLookups(options.resolve ?? systemResolve),
      secureContext: options.ca === undefined
        ? yield* startingTls(config)
        : createSecureContext({ ca: options.ca, minVersion: "TLSv1.2" }),
      ...(config.proxy === undefined ? {} : { proxy: new Proxy(config.proxy, config.proxyResolves) })
    }
    const connections = new Connections(settings)
    const deadlines = new Deadlines<Exchange>(clock)
    const context: ExchangeContext = {
      connections,
      deadlines,
      clock,
      timeout: config.timeout,
      accepts: config.successStatus === "200" ? (status) => status === 200 : (status) => status >= 200 && status < 300,
      retryAfter: config.retryAfter
    }

    const targets = new Map<string, Target | string>()
    const target = (url: string): Target | string => {
      const known = targets.get(url)
      if (known !== undefined) return known
      const [problem] = policy.checkUrl(url)
      const found = problem === undefined ? targetOf(url) : `the URL is refused: ${problem.message}`
      if (targets.size >= maxTargets) targets.clear()
      targets.set(url, found)
      return found
    }

    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        connections.close()
        for (const exchange of deadlines.all) exchange.shutdown()
      })
    )
    yield* Effect.forkScoped(deadlines.run)

    const begin = (request: SendRequest, settle: (result: AttemptResult) => void): AttemptResult | Exchange => {
      if (closed) return { class: "shutdown", error: "no attempt is made during a shutdown" }
      const found = target(request.url)
      if (typeof found === "string") return { class: "address", startedAt: request.startedAt, latency: 0, error: found }
      const misplaced = reservedHeader(request.headers)
      if (misplaced !== undefined) {
        return { class: "local", error: `the request must not carry a header ${misplaced}` }
      }
      const exchange = new Exchange(context, found, request, settle)
      exchange.start()
      return exchange
    }
    const unsafeSend: Sender["Type"]["unsafeSend"] = (request, settle) => {
      const begun = begin(request, settle)
      if (begun instanceof Exchange) return () => begun.cancel()
      let cancelled = false
      queueMicrotask(() => {
        if (!cancelled) settle(begun)
      })
      return () => {
        cancelled = true
      }
    }
    const send: Sender["Type"]["send"] = (request) =>
      Effect.async((resume) => {
        const cancel = unsafeSend(request, (result) => resume(Effect.succeed(result)))
        return Effect.sync(cancel)
      })

    return { send, unsafeSend }
  })

export const layer: Layer.Layer<Sender, InvalidSetting, Config | AddressPolicy> = Layer.scoped(Sender, make())
