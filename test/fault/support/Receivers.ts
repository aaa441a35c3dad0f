/** The endpoints, in a process of their own. They keep every delivery: the ids in body and header, when it came, and what it was answered. */
import { Clock } from "effect"
import { randomInt } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { serve } from "../../bench/Rpc.ts"

/**
 * How an endpoint behaves towards the first request of an event; a second one is answered with 200. `flaky` answers every third of them 500, `resets`
 * breaks every third connection off in the middle of the answer, `half_open` does not answer every tenth and leaves its connection open; `later`
 * answers 503 with a Retry-After that spreads the second ones as was asked; `hangs` never answers anything.
 */
export type Behaviour = "well" | "flaky" | "resets" | "half_open" | "hangs" | "later"

/** Everything that came to an endpoint, in order. */
export interface Kept {
  readonly ids: ReadonlyArray<string>
  /** Milliseconds of the machine's clock. */
  readonly times: Float64Array
  /** 1 for what was answered with 200. */
  readonly well: Uint8Array
  /** When a second request was asked for, 0 where none was. Milliseconds of the machine's clock. */
  readonly due: Float64Array
  /** Requests whose header named another event than their body. */
  readonly mismatched: number
}

export interface Counts {
  readonly requests: number
  /** Different events. */
  readonly distinct: number
  /** Different events that were answered with 200. */
  readonly delivered: number
  /** Requests that are not answered. */
  readonly open: number
}

const clock = Clock.make()
const bodyLimit = 64
/** When the second requests are wanted: milliseconds. */
let spread = { from: 0, over: 0 }

class Endpoint {
  readonly behaviour: Behaviour
  readonly ids: Array<string> = []
  readonly times: Array<number> = []
  readonly well: Array<number> = []
  readonly due: Array<number> = []
  readonly seen = new Set<string>()
  readonly delivered = new Set<string>()
  mismatched = 0
  open = 0

  constructor(behaviour: Behaviour) {
    this.behaviour = behaviour
  }

  take(request: IncomingMessage, body: string, response: ServerResponse): void {
    const id = String(request.headers["webhook-id"])
    if (!body.startsWith(`{"id":"${id}"`)) this.mismatched++
    this.ids.push(id)
    this.times.push(clock.unsafeCurrentTimeMillis())
    const first = !this.seen.has(id)
    this.seen.add(id)
    const well = this.behaves(first ? this.seen.size : 0, request.socket, response)
    this.well.push(well ? 1 : 0)
    if (this.due.length < this.ids.length) this.due.push(0)
    if (well) this.delivered.add(id)
  }

  /** Answers as it does; whether that was a 200. `nth`: the event's number here when this is its first request, otherwise 0. */
  behaves(nth: number, socket: Socket, response: ServerResponse): boolean {
    this.open++
    response.on("close", () => this.open--)
    if (this.behaviour === "hangs") return false
    if (this.behaviour === "later" && nth > 0) {
      const now = clock.unsafeCurrentTimeMillis()
      const seconds = Math.max(1, Math.ceil((spread.from + randomInt(spread.over) - now) / 1000))
      this.due.push(now + seconds * 1000)
      response.writeHead(503, { "retry-after": String(seconds) }).end()
      return false
    }
    if (this.behaviour === "half_open" && nth % 10 === 1) return false
    if (this.behaviour === "resets" && nth % 3 === 1) {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it", () => socket.resetAndDestroy())
      return false
    }
    const fails = this.behaviour === "flaky" && nth % 3 === 1
    response.statusCode = fails ? 500 : 200
    response.end("ok")
    return !fails
  }

  counts(): Counts {
    return { requests: this.ids.length, distinct: this.seen.size, delivered: this.delivered.size, open: this.open }
  }
}

const endpoints: Array<Endpoint> = []

const listen = async (behaviour: Behaviour): Promise<number> => {
  const endpoint = new Endpoint(behaviour)
  endpoints.push(endpoint)
  const server = createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8").on("data", (part: string) => {
      if (body.length < bodyLimit) body += part
    })
    request.on("end", () => endpoint.take(request, body, response)).on("error", () => undefined)
    response.on("error", () => undefined)
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}

const at = (endpoint: number): Endpoint => {
  const found = endpoints[endpoint]
  if (found === undefined) throw new Error(`no endpoint ${endpoint}`)
  return found
}

const calls = {
  /** Adds endpoints, numbered in this order from 0 on; their ports. */
  listen: async (behaviours: ReadonlyArray<Behaviour>): Promise<ReadonlyArray<number>> => {
    const ports: Array<number> = []
    for (const behaviour of behaviours) ports.push(await listen(behaviour))
    return ports
  },
  /** From when on, and over how long, `later` wants the second requests: seconds. */
  spread: async (seconds: { readonly from: number; readonly over: number }): Promise<void> => {
    spread = { from: clock.unsafeCurrentTimeMillis() + seconds.from * 1000, over: seconds.over * 1000 }
  },
  counts: async (): Promise<ReadonlyArray<Counts>> => endpoints.map((endpoint) => endpoint.counts()),
  kept: async (endpoint: number): Promise<Kept> => {
    const { due, ids, mismatched, times, well } = at(endpoint)
    return {
      ids,
      mismatched,
      times: Float64Array.from(times),
      well: Uint8Array.from(well),
      due: Float64Array.from(due)
    }
  }
}
export type ReceiversCalls = typeof calls

serve(calls)
