import { Client, type Dispatcher } from "undici"
import {
  type ConnectorSettings,
  type Destination,
  type Done,
  openConnection,
  type Opening,
  type Phase
} from "./Connector.ts"
import { openTunnel } from "./Tunnel.ts"

/**
 * The connections to all endpoints: at most 256 an origin, kept open while they are used, taken again last in, first
 * out, so that those too many run into undici's keep-alive limit and close.
 *
 * A connection is one undici `Client`. Not its `Pool` or `Agent`: a request that still looks up or connects cannot be
 * aborted there (the deadline and an interruption must end the socket as well), waiting requests cannot be taken back,
 * and beyond `maxOrigins` an agent fails instead of letting an unused origin go.
 *
 * Invariants: a connection has at most one exchange. `open` counts a destination's connections, busy and idle ones; an
 * entry without any has nobody waiting and is dropped. An idle connection that closes leaves at once.
 */
const maxPerOrigin = 256
/** Of all origins together; the one unused longest is closed first. With it the number of origins kept is bounded. */
const maxIdle = 1_024
const maxHeaders = 16_384
/** Below the 5 s after which Node's servers close, a common default. A `keep-alive` hint of the server goes first. */
const keepAlive = 4_000
const keepAliveLimit = 60_000

/** Somebody who needs a connection; `begin` is called once, unless `forget` is before. */
export interface Waiter {
  readonly begin: (connection: Connection) => void
}

interface Origin {
  readonly url: string
  readonly destination: Destination
  open: number
  readonly idle: Array<Connection>
  readonly waiting: Set<Waiter>
}

export class Connection {
  readonly origin: Origin
  /** Whole exchanges on the present socket: what makes it a reused one. */
  served = 0
  phase: Phase = "connection"
  /** The endpoint's address, as far as it is known: a proxy that looks up names does not tell. */
  address: string | undefined
  busy = true
  readonly #client: Client
  readonly #settings: ConnectorSettings
  #connecting: Opening | undefined
  /** How often the proxy had answered anybody when it was asked for this connection. */
  #answersBefore = 0

  constructor(origin: Origin, settings: ConnectorSettings, onIdleClose: (connection: Connection) => void) {
    this.origin = origin
    this.#settings = settings
    const onPhase = (phase: Phase) => {
      this.phase = phase
      if (phase === "tunnel") this.#answersBefore = settings.proxy?.answers ?? 0
    }
    this.#client = new Client(origin.url, {
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: maxHeaders,
      keepAliveTimeout: keepAlive,
      keepAliveMaxTimeout: keepAliveLimit,
      // Time is the deadline's business, which covers look-up and connecting as well.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (_, callback) => {
        this.served = 0
        this.address = undefined
        const { destination } = origin
        const { proxy } = settings
        const done: Done = (failure, connected) => {
          this.#connecting = undefined
          this.address = connected?.address
          if (connected === null) callback(failure ?? new Error("not connected"), null)
          else callback(null, connected.socket)
        }
        this.#connecting = proxy === undefined
          ? openConnection(destination, settings, onPhase, done)
          : openTunnel(proxy, destination, settings, onPhase, done)
      }
    })
    this.#client.on("disconnect", () => {
      if (!this.busy) onIdleClose(this)
    })
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#client.dispatch(options, handler)
  }

  /**
   * The proxy is what is waited for, not the endpoint: it could not be connected to, or was asked and has answered nobody since. One that answers
   * others meanwhile is well, and what it waits for is the endpoint.
   */
  get proxyIsSilent(): boolean {
    return this.phase === "proxy" ||
      (this.phase === "tunnel" && this.#settings.proxy?.answers === this.#answersBefore)
  }

  /** Closes at once, whatever is under way. */
  destroy(): void {
    this.#connecting?.destroy()
    this.#client.destroy(null, () => {})
  }
}

export class Connections {
  readonly #settings: ConnectorSettings
  readonly #origins = new Map<string, Origin>()
  /** In the order in which they became idle. */
  readonly #idle = new Set<Connection>()
  #closed = false

  constructor(settings: ConnectorSettings) {
    this.#settings = settings
  }

  /** An idle or a new connection; undefined when the origin has as many as it may: the waiter is then called later. */
  acquire(url: string, destination: Destination, waiter: Waiter): Connection | undefined {
    let origin = this.#origins.get(url)
    if (origin === undefined) {
      origin = { url, destination: { ...destination }, open: 0, idle: [], waiting: new Set() }
      this.#origins.set(url, origin)
    }
    const idle = origin.idle.pop()
    if (idle !== undefined) {
      this.#idle.delete(idle)
      idle.busy = true
      return idle
    }
    if (origin.open < maxPerOrigin) return this.#open(origin)
    origin.waiting.add(waiter)
    return undefined
  }

  forget(url: string, waiter: Waiter): void {
    this.#origins.get(url)?.waiting.delete(waiter)
  }

  /** After a whole exchange: for the next who waits, or idle. */
  release(connection: Connection): void {
    const { origin } = connection
    connection.served += 1
    if (this.#closed) return this.discard(connection)
    const next = this.#next(origin)
    if (next !== undefined) {
      next.begin(connection)
      return
    }
    connection.busy = false
    origin.idle.push(connection)
    this.#idle.add(connection)
    if (this.#idle.size > maxIdle) {
      const [oldest] = this.#idle
      if (oldest !== undefined) this.#leave(oldest)
    }
  }

  /** After anything but a whole exchange: its state is unknown, so it is never used again. */
  discard(connection: Connection): void {
    const { origin } = connection
    connection.destroy()
    origin.open -= 1
    const next = this.#next(origin)
    if (next !== undefined) next.begin(this.#open(origin))
    else this.#dropIfUnused(origin)
  }

  /** A new connection instead of one that is broken, in its place. */
  replace(connection: Connection): Connection {
    connection.destroy()
    connection.origin.open -= 1
    return this.#open(connection.origin)
  }

  /** Closes what is idle and hands nothing out any more; exchanges that still run discard their connections. */
  close(): void {
    this.#closed = true
    for (const connection of this.#idle) connection.destroy()
    this.#idle.clear()
  }

  #open(origin: Origin): Connection {
    origin.open += 1
    return new Connection(origin, this.#settings, (connection) => this.#leave(connection))
  }

  #next(origin: Origin): Waiter | undefined {
    if (this.#closed) return undefined
    const [next] = origin.waiting
    if (next !== undefined) origin.waiting.delete(next)
    return next
  }

  /** An idle connection that closed, or is to. */
  #leave(connection: Connection): void {
    if (!this.#idle.delete(connection)) return
    const { origin } = connection
    origin.idle.splice(origin.idle.indexOf(connection), 1)
    origin.open -= 1
    connection.destroy()
    this.#dropIfUnused(origin)
  }

  #dropIfUnused(origin: Origin): void {
    if (origin.open === 0) this.#origins.delete(origin.url)
  }
}
