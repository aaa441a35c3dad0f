import { createParser, type EventSourceMessage } from "eventsource-parser"
import { after, chance, now } from "../shared/Clock.ts"
import { headersOf, type Scope } from "./Api.ts"
import type { LiveEvent } from "./Contract.ts"
import { endpoints } from "./Endpoints.ts"

/**
 * The one stream of deliveries of a page. States:
 *
 *   off ──first listener──> connecting ──begin──> live
 *   connecting, live ──broken off, silent, refused──> broken ──wait──> connecting (in the same breath still shown as broken)
 *   any ──last listener gone──> off
 *
 * It connects again behind the last event it saw. What is left out (a gap, or more than a page can take) is said to the listeners, who then
 * ask the lists. Nothing is kept but what waits for the next batch.
 */

export interface LiveState {
  readonly status: "off" | "connecting" | "live" | "broken"
  /** Of `broken`: up to when the page is true, milliseconds. */
  readonly since: number | null
}

export interface Batch {
  readonly events: ReadonlyArray<LiveEvent>
  /** Something before or among these is missing: what was read from lists may be old. */
  readonly missed: boolean
}

/** Milliseconds between two batches, at least. */
const batchEvery = 250
/** Events of one batch; older ones are left out, and that is said. */
const batchLimit = 500
/** The server says something every 15 s. */
const silence = 40_000
const firstWait = 1000
const longestWait = 30_000

export class Live {
  private state: LiveState = { status: "off", since: null }
  private readonly watchers = new Set<() => void>()
  private readonly listeners = new Set<(batch: Batch) => void>()
  private pending: Array<LiveEvent> = []
  private missed = false
  private lastId: string | undefined
  private failures = 0
  private trueUntil = 0
  private connection: AbortController | undefined
  private stopWaiting: (() => void) | undefined
  private stopBatch: (() => void) | undefined
  private stopSilence: (() => void) | undefined
  private readonly scope: Scope
  private readonly ended: () => void

  /** `ended`: the session is over, and there will be no more. */
  constructor(scope: Scope, ended: () => void) {
    this.scope = scope
    this.ended = ended
  }

  readonly getState = (): LiveState => this.state

  readonly watch = (watcher: () => void): () => void => {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  /** The stream is open while somebody listens. */
  readonly listen = (listener: (batch: Batch) => void): () => void => {
    this.listeners.add(listener)
    if (this.state.status === "off") this.begin()
    return () => {
      this.listeners.delete(listener)
      // The next view listens a moment later: the same stream serves it.
      if (this.listeners.size === 0) after(1000, () => this.listeners.size === 0 && this.end())
    }
  }

  /** Without waiting any longer: the network is back, or somebody asked. */
  readonly reconnect = (): void => {
    if (this.state.status === "broken" && this.stopWaiting !== undefined) void this.connect()
  }

  private begin(): void {
    window.addEventListener("online", this.reconnect)
    this.move({ status: "connecting", since: null })
    void this.connect()
  }

  private end(): void {
    window.removeEventListener("online", this.reconnect)
    this.connection?.abort()
    this.stopWaiting?.()
    this.stopBatch?.()
    this.stopSilence?.()
    this.stopWaiting = this.stopBatch = this.stopSilence = undefined
    this.pending = []
    this.missed = false
    this.lastId = undefined
    this.failures = 0
    this.trueUntil = 0
    this.move({ status: "off", since: null })
  }

  private move(state: LiveState): void {
    this.state = state
    for (const watcher of this.watchers) watcher()
  }

  private async connect(): Promise<void> {
    this.stopWaiting?.()
    this.stopWaiting = undefined
    const connection = new AbortController()
    this.connection = connection
    this.heard()
    try {
      const response = await fetch(endpoints["deliveries.stream"][1], {
        headers: {
          accept: "text/event-stream",
          ...headersOf(this.scope, "GET"),
          ...(this.lastId === undefined ? {} : { "last-event-id": this.lastId })
        },
        credentials: "same-origin",
        cache: "no-store",
        signal: connection.signal
      })
      if (response.status === 401) return this.ended()
      if (response.ok && response.body !== null) await this.read(response.body)
    } catch {
      // Whatever it was, it is mended by connecting again.
    }
    if (this.connection === connection && this.state.status !== "off") this.broke()
  }

  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    const parser = createParser({ onEvent: (event) => this.take(event) })
    const decoder = new TextDecoder()
    const reader = body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      this.heard()
      parser.feed(decoder.decode(value, { stream: true }))
    }
  }

  /** The connection lives: what the page shows is true until now, and silence counts from here. */
  private heard(): void {
    if (this.state.status === "live") this.trueUntil = now()
    this.stopSilence?.()
    this.stopSilence = after(silence, () => this.connection?.abort())
  }

  private take({ data, event, id }: EventSourceMessage): void {
    if (id !== undefined) this.lastId = id
    if (event === "begin") {
      // The stream goes on behind the last event; what else was asked for meanwhile may have failed or be old.
      if (this.state.status === "broken") this.missed = true
      this.failures = 0
      this.trueUntil = now()
      this.move({ status: "live", since: null })
    } else if (event === "gap") {
      this.missed = true
    } else if (event === "attempt" || event === "delivery" || event === "test") {
      this.pending.push({ type: event, ...JSON.parse(data) } as LiveEvent)
      if (this.pending.length > batchLimit) {
        this.pending.splice(0, this.pending.length - batchLimit)
        this.missed = true
      }
    }
    this.stopBatch ??= after(batchEvery, () => this.flush())
  }

  private flush(): void {
    this.stopBatch = undefined
    const batch = { events: this.pending, missed: this.missed }
    this.pending = []
    this.missed = false
    if (batch.events.length === 0 && !batch.missed) return
    for (const listener of this.listeners) listener(batch)
  }

  private broke(): void {
    this.stopSilence?.()
    this.stopSilence = undefined
    this.failures += 1
    const wait = Math.min(longestWait, firstWait * 2 ** (this.failures - 1)) * (0.75 + chance() / 2)
    if (this.state.status !== "broken") {
      this.move({ status: "broken", since: this.trueUntil === 0 ? null : this.trueUntil })
    }
    this.stopWaiting = after(wait, () => void this.connect())
  }
}
