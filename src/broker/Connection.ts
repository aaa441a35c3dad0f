import { Context, Data, Duration, Effect, Layer, Schedule } from "effect"
import {
  connect,
  type ConnectionOptions,
  createInbox,
  ErrorCode,
  Events,
  type Msg,
  type NatsConnection,
  NatsError
} from "nats"
import * as Telemetry from "../Telemetry.ts"
import { ignoreLateErrors } from "./LateErrors.ts"
import { BrokerUnavailable } from "./Streams.ts"
import { makeTick } from "./Tick.ts"

/** How long a request may take, and how long the first connection. */
const requestLimit = 5000
const startLimit = Duration.seconds(10)

/**
 * The broker cannot be used at start: wrong address, wrong credentials, nobody there. `address` has no credentials in it.
 */
export class ConnectionFailed extends Data.TaggedError("ConnectionFailed")<{
  readonly address: string
  readonly detail: string
  /** The user is known, and may not subscribe to his answers. */
  readonly deaf?: true
}> {
  override get message(): string {
    return `no connection to the broker at ${this.address}: ${this.detail}`
  }
}

export interface ConnectionSettings {
  /** As in `HOOKLINE_NATS_URL`, with credentials. */
  readonly url: string
  readonly name: string
  /** Where answers come to: a subject below `_INBOX`; `_INBOX` itself unless given, which every user may read. */
  readonly inboxes?: string
  /** Names that its readers keep to, for a user who may make consumers under no other; fresh ones unless given. */
  readonly readers?: ReadonlyArray<string>
}

/**
 * The one connection to the broker. It reconnects for ever by itself; what was written while it was down is lost, so whoever writes
 * watches `onChange` (ARCHITECTURE: an un-swept request hangs for ever when the broker dies).
 */
export class Connection extends Context.Tag("hookline/broker/Connection")<Connection, {
  readonly nats: NatsConnection
  readonly isConnected: () => boolean
  /** Called at once whenever the connection breaks or is back; gives the function that ends it. */
  readonly onChange: (listener: (connected: boolean) => void) => () => void
  /** A request with an answer within 5 s. */
  readonly request: (
    operation: string,
    subject: string,
    payload?: Uint8Array | string
  ) => Effect.Effect<Msg, BrokerUnavailable>
  /** A fresh inbox under our own prefix. */
  readonly inbox: () => string
  /** Runs what writes to the connection at the end of a tick, with everything else that is written in it. */
  readonly soon: (flush: () => void) => void
  /** Where we are connected to, without credentials. */
  readonly address: string
  /** Names that readers keep to; undefined: any. */
  readonly readers: ReadonlyArray<string> | undefined
}>() {
  /** Fails within about 10 s when the broker is not there, at once when it refuses the credentials or keeps the user from his answers. */
  static readonly layer = (options: ConnectionSettings) => Layer.scoped(Connection, make(options))
}

interface Target {
  readonly servers: Array<string>
  readonly address: string
  readonly credentials: Pick<ConnectionOptions, "user" | "pass" | "token">
  readonly tls: boolean
}

/** `nats://user:password@host:4222,…`; one login for all servers, taken from the first that has one. */
const parseUrl = (url: string): Target | undefined => {
  const servers: Array<string> = []
  let credentials: Target["credentials"] = {}
  let tls = false
  for (const part of url.split(",").map((text) => text.trim()).filter((text) => text !== "")) {
    // "nats:" is not special to URL: a host keeps its spelling, which is all that is needed here.
    const text = part.includes("://") ? part : `nats://${part}`
    if (!URL.canParse(text)) return undefined
    const parsed = new URL(text)
    if (!["nats:", "tls:"].includes(parsed.protocol) || parsed.hostname === "") return undefined
    tls ||= parsed.protocol === "tls:"
    servers.push(`${parsed.hostname}:${parsed.port === "" ? "4222" : parsed.port}`)
    if (parsed.username !== "" && Object.keys(credentials).length === 0) {
      try {
        const name = decodeURIComponent(parsed.username)
        credentials = parsed.password === ""
          ? { token: name }
          : { user: name, pass: decodeURIComponent(parsed.password) }
      } catch {
        return undefined
      }
    }
  }
  return servers.length === 0 ? undefined : { servers, address: servers.join(","), credentials, tls }
}

const detailOf = (cause: unknown): string => {
  const code = cause instanceof NatsError ? cause.code : undefined
  if (code === ErrorCode.AuthorizationViolation) return "it refused the credentials"
  if (code === ErrorCode.ConnectionRefused) return "nobody answers there"
  if (code === ErrorCode.Timeout) return "no answer in time"
  if (code === ErrorCode.NoResponders) return "nobody answers on that subject (is JetStream on?)"
  return cause instanceof Error ? cause.message : String(cause)
}

const make = Effect.fnUntraced(function*(options: ConnectionSettings) {
  const target = parseUrl(options.url)
  if (target === undefined) {
    return yield* new ConnectionFailed({
      address: "(hidden)",
      detail: "the address is not of the form nats://user:password@host:4222[,…]"
    })
  }
  const prefix = createInbox(options.inboxes)
  const clock = yield* Effect.clock
  const now = () => clock.unsafeCurrentTimeMillis()
  let downSince: number | undefined
  const dial = Effect.tryPromise({
    try: () =>
      connect({
        ...target.credentials,
        ...(target.tls ? { tls: {} } : {}),
        servers: target.servers,
        name: options.name,
        inboxPrefix: prefix,
        timeout: 3000,
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        pingInterval: 10_000,
        noAsyncTraces: true,
        // A broker that comes back at once is met at once, one that stays away is asked every 2 s.
        reconnectDelayHandler: () => {
          downSince ??= now()
          return Math.min(Math.max(100, (now() - downSince) / 4), 2000)
        }
      }),
    catch: (cause) => ({
      refused: cause instanceof NatsError && cause.isAuthError(),
      failed: new ConnectionFailed({ address: target.address, detail: detailOf(cause) })
    })
  })
  const giveUpAt = now() + Duration.toMillis(startLimit)
  // Only the dialling itself cannot be interrupted: a connection that came about must have somebody to close it.
  const nats = yield* Effect.acquireRelease(dial, (nats) => Effect.promise(() => nats.close().catch(() => undefined)))
    .pipe(
      Effect.retry({
        while: ({ refused }) => !refused && now() < giveUpAt,
        schedule: Schedule.spaced("200 millis")
      }),
      Effect.mapError(({ failed }) => failed),
      Effect.withClock(clock)
    )

  ignoreLateErrors(nats)

  // The broker refuses a subscription before it answers what came behind it; a refused one would leave every question without an answer.
  const deaf = yield* Effect.tryPromise(async () => {
    let refused = false
    const probe = nats.subscribe(`${prefix}.>`, { callback: (error) => void (refused ||= error !== null) })
    await nats.flush()
    probe.unsubscribe()
    return refused
  }).pipe(Effect.timeout(requestLimit), Effect.orElseSucceed(() => false), Effect.withClock(clock))
  if (deaf) {
    return yield* new ConnectionFailed({
      address: target.address,
      detail: `the user may not subscribe below ${options.inboxes ?? "_INBOX"}, where his answers come to`,
      deaf
    })
  }

  const soon = yield* makeTick
  const listeners = new Set<(connected: boolean) => void>()
  let connected = true
  const change = (state: boolean) => {
    if (connected === state) return
    connected = state
    if (state) downSince = undefined
    for (const listener of listeners) listener(state)
  }
  downSince = undefined

  const watch = Effect.gen(function*() {
    const statuses = nats.status()[Symbol.asyncIterator]()
    for (;;) {
      const next = yield* Effect.promise(() => statuses.next())
      if (next.done === true) break
      const { type, data } = next.value
      if (type === Events.Disconnect) {
        change(false)
        yield* Effect.logWarning(`the broker at ${String(data)} is gone; reconnecting`)
      } else if (type === Events.Reconnect) {
        ignoreLateErrors(nats)
        change(true)
        Telemetry.brokerReconnects.add()
        yield* Effect.logInfo(`connected to the broker at ${String(data)} again`)
      } else if (type === Events.Error) {
        yield* Effect.logWarning(`the broker at ${target.address} reports ${String(data)}`)
      }
    }
  })
  yield* Effect.forkScoped(watch)
  yield* Telemetry.register(() => ({ hookline_broker_connected: connected && !nats.isClosed() ? 1 : 0 }))
  // A connection that was closed for good comes back no more: everything in flight ends.
  yield* Effect.forkScoped(
    Effect.promise(() => nats.closed()).pipe(Effect.andThen(() => Effect.sync(() => change(false))))
  )

  return {
    nats,
    address: target.address,
    readers: options.readers,
    isConnected: () => connected && !nats.isClosed(),
    onChange: (listener: (connected: boolean) => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    inbox: () => createInbox(prefix),
    soon,
    request: (operation: string, subject: string, payload: Uint8Array | string = "") =>
      connected
        ? Effect.tryPromise({
          try: () => nats.request(subject, payload, { timeout: requestLimit }),
          catch: (cause) => new BrokerUnavailable({ operation, detail: detailOf(cause) })
        })
        : Effect.fail(new BrokerUnavailable({ operation, detail: "not connected to the broker" }))
  }
})
