/**
 * The endpoints: 100 ports of one process, and a ledger of what came. HTTP is read by hand, as little of it as undici writes, because the sink
 * shares the machine with what is measured: a node:http server takes several times the CPU.
 */
import { createHmac } from "node:crypto"
import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { monotonic } from "./Monotonic.ts"
import { serve } from "./Rpc.ts"
import { numberOf, type Round, secret } from "./Work.ts"

/** What the ledger says about a round; the five that `faultsOf` looks at should be 0. */
export interface Tally {
  readonly distinct: number
  readonly missing: number
  /** Requests for an event that had come before. */
  readonly repeats: number
  /** At another port than their webhook's. */
  readonly misdirected: number
  /** Not of this round. */
  readonly strangers: number
  readonly verified: number
  readonly forged: number
  /** Monotonic milliseconds of the first request, of the last new event, and when 10 % and 90 % had come. */
  readonly first: number
  readonly last: number
  readonly tenth: number
  readonly ninetieth: number
  /** Opened since the round was announced. */
  readonly connections: number
}

interface Expected {
  readonly round: Round
  readonly status: 200 | 500
  /** One request in so many is verified; 0: none. */
  readonly verifyEvery: number
}

const settling = 300
const answers = {
  200: Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
  500: Buffer.from("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\nbusy")
}
const headEnd = Buffer.from("\r\n\r\n")

/** A promise that is kept from outside. */
class Gate {
  open: () => void = () => undefined
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}

class Ledger {
  readonly expected: Expected
  readonly seen: Uint8Array
  readonly arrivals: Float64Array
  readonly begun = new Gate()
  readonly complete = new Gate()
  requests = 0
  distinct = 0
  repeats = 0
  misdirected = 0
  strangers = 0
  verified = 0
  forged = 0
  first = 0
  last = 0
  tenth = 0
  ninetieth = 0
  connections = 0

  constructor(expected: Expected) {
    this.expected = expected
    this.seen = new Uint8Array(expected.round.count)
    this.arrivals = new Float64Array(expected.round.count)
  }

  note(port: number, head: string, body: Buffer): void {
    const { round, verifyEvery } = this.expected
    const id = header(head, "webhook-id")
    const number = numberOf(round.name, id)
    const at = monotonic()
    if (number < 0 || number >= round.count) {
      this.strangers++
      return
    }
    if (this.requests++ === 0) {
      this.first = at
      this.begun.open()
    }
    if (number % round.webhooks !== port) this.misdirected++
    if (verifyEvery > 0 && this.requests % verifyEvery === 0) this.verify(id, head, body)
    if (this.seen[number] === 1) {
      this.repeats++
      return
    }
    this.seen[number] = 1
    this.arrivals[number] = at
    this.distinct++
    if (this.distinct === Math.ceil(round.count * 0.1)) this.tenth = at
    if (this.distinct === Math.ceil(round.count * 0.9)) this.ninetieth = at
    if (this.distinct === round.count) {
      this.last = at
      this.complete.open()
    }
  }

  verify(id: string, head: string, body: Buffer): void {
    const hex = createHmac("sha256", secret).update(body).digest("hex")
    const signed = `${id}.${header(head, "webhook-timestamp")}.`
    const standard = `v1,${createHmac("sha256", secret).update(signed).update(body).digest("base64")}`
    const right = header(head, "x-webhook-signature") === hex && header(head, "webhook-signature") === standard
    this.verified++
    if (!right || !body.includes(id)) this.forged++
  }

  tally(): Tally {
    const { connections, distinct, first, forged, last, misdirected, ninetieth, repeats, strangers, tenth, verified } =
      this
    return {
      distinct,
      missing: this.expected.round.count - distinct,
      repeats,
      misdirected,
      strangers,
      verified,
      forged,
      first,
      last,
      tenth,
      ninetieth,
      connections
    }
  }
}

let ledger: Ledger | undefined

/** undici writes names as they were given, which is in lower case everywhere here. */
const header = (head: string, name: string): string => {
  const start = head.indexOf(`\r\n${name}: `)
  if (start < 0) return ""
  const from = start + name.length + 4
  const end = head.indexOf("\r\n", from)
  return head.slice(from, end < 0 ? undefined : end)
}

const receive = (port: number) => (socket: Socket): void => {
  socket.setNoDelay(true)
  if (ledger !== undefined) ledger.connections++
  let rest: Buffer | undefined
  socket.on("error", () => undefined)
  socket.on("data", (chunk) => {
    let data = rest === undefined ? chunk : Buffer.concat([rest, chunk])
    rest = undefined
    while (data.length > 0) {
      const end = data.indexOf(headEnd)
      const head = end < 0 ? "" : data.toString("latin1", 0, end)
      const bodyFrom = end + headEnd.length
      const bodyTo = bodyFrom + Number(header(head, "content-length"))
      if (end < 0 || data.length < bodyTo) {
        rest = data
        return
      }
      ledger?.note(port, head, data.subarray(bodyFrom, bodyTo))
      socket.write(answers[ledger?.expected.status ?? 200])
      data = data.subarray(bodyTo)
    }
  })
}

const current = (): Ledger => {
  if (ledger === undefined) throw new Error("no round was announced")
  return ledger
}

const calls = {
  listen: async (count: number): Promise<ReadonlyArray<number>> => {
    const servers = Array.from({ length: count }, (_, port) => createServer(receive(port)).listen(0, "127.0.0.1"))
    await Promise.all(servers.map((server) => server.listening ? undefined : once(server, "listening")))
    return servers.map((server) => (server.address() as AddressInfo).port)
  },
  /** Begins the ledger of a round. */
  expect: async (expected: Expected): Promise<void> => {
    ledger = new Ledger(expected)
  },
  /** Answers at the first request. */
  begun: async (): Promise<void> => current().begun.opened,
  /** Answers when every event has come. */
  complete: async (): Promise<void> => current().complete.opened,
  /** A moment later, so that repeats and strangers are seen. */
  tally: async (): Promise<Tally> => {
    await sleep(settling)
    return current().tally()
  },
  arrivals: async (): Promise<Float64Array> => current().arrivals
}
export type SinkCalls = typeof calls

serve(calls)
