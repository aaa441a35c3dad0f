/**
 * The endpoints: the ports of one process, and a ledger of what came. HTTP is read by hand, as little of it as undici writes, because the sink
 * shares the machine with what is measured: a node:http server takes several times the CPU.
 */
import { Clock } from "effect"
import { createHmac } from "node:crypto"
import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { monotonic } from "./Monotonic.ts"
import { serve } from "./Rpc.ts"
import { deliveriesOf, firstPort, numberOf, type Round, secret } from "./Work.ts"

/** What the ledger says about a round; the five that `faultsOf` looks at should be 0. */
export interface Tally {
  readonly distinct: number
  readonly missing: number
  /** Requests for a delivery that had come before. */
  readonly repeats: number
  /** At another port than their webhook's. */
  readonly misdirected: number
  /** Not of this round. */
  readonly strangers: number
  readonly verified: number
  readonly forged: number
  /** Monotonic milliseconds of the first request, of the last new delivery, and when 10 % and 90 % had come. */
  readonly first: number
  readonly last: number
  readonly tenth: number
  readonly ninetieth: number
  /** Opened since the round was announced. */
  readonly connections: number
  /** Requests at the port that hangs. */
  readonly hanging: number
}

/** When second requests are wanted: milliseconds of the machine's clock, and over how many, evenly. */
interface Later {
  readonly from: number
  readonly over: number
}

interface Expected {
  readonly round: Round
  readonly status: 200 | 500
  /** One request in so many is verified; 0: none. */
  readonly verifyEvery: number
  /** The port that never answers: nothing that comes to it is waited for or noted. */
  readonly hangs?: number | undefined
  /** Each first request is answered with 503 and a Retry-After; the ledger is of the second ones. */
  readonly later?: Later
}

const clock = Clock.make()
const settling = 300
const answers = {
  200: Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
  500: Buffer.from("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\nbusy")
}
const comeAgain = (seconds: number) =>
  Buffer.from(`HTTP/1.1 503 Service Unavailable\r\nretry-after: ${seconds}\r\ncontent-length: 0\r\n\r\n`)
/** A prime above any round's deliveries: by it, neighbours are far from each other, and each place is taken once. */
const stride = 1_000_003
const headEnd = Buffer.from("\r\n\r\n")

/** A promise that is kept from outside. */
class Gate {
  open: () => void = () => undefined
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}

const deliveriesTo = (round: Round, port: number): number => {
  let count = 0
  for (let number = 0; number < round.count; number++) {
    const first = firstPort(round, number)
    if (port >= first && port < first + round.fanOut) count++
  }
  return count
}

class Ledger {
  readonly expected: Expected
  /** Deliveries that are waited for. */
  readonly wanted: number
  readonly seen: Uint8Array
  readonly arrivals: Float64Array
  /** Of `later`: when each second request is wanted, and how much later than that it came. Milliseconds. */
  readonly due: Float64Array
  readonly lateness: Float64Array
  readonly begun = new Gate()
  readonly deferred = new Gate()
  readonly complete = new Gate()
  asked = 0
  requests = 0
  distinct = 0
  repeats = 0
  misdirected = 0
  strangers = 0
  verified = 0
  forged = 0
  hanging = 0
  first = 0
  last = 0
  tenth = 0
  ninetieth = 0
  connections = 0

  constructor(expected: Expected) {
    const { hangs, later, round } = expected
    const deliveries = deliveriesOf(round)
    this.expected = expected
    this.seen = new Uint8Array(deliveries)
    this.arrivals = new Float64Array(deliveries)
    this.due = new Float64Array(later === undefined ? 0 : deliveries)
    this.lateness = new Float64Array(later === undefined ? 0 : deliveries)
    this.wanted = deliveries - (hangs === undefined ? 0 : deliveriesTo(round, hangs))
  }

  /** Notes a request; its answer, if it gets one. */
  take(port: number, head: string, body: Buffer): Buffer | undefined {
    const { hangs, later, round, status, verifyEvery } = this.expected
    if (port === hangs) {
      this.hanging++
      return undefined
    }
    const id = header(head, "webhook-id")
    const number = numberOf(round.name, id)
    if (number < 0 || number >= round.count) {
      this.strangers++
      return answers[status]
    }
    const nth = port - firstPort(round, number)
    if (nth < 0 || nth >= round.fanOut) {
      this.misdirected++
      return answers[status]
    }
    const delivery = number * round.fanOut + nth
    if (later !== undefined && this.due[delivery] === 0) return this.defer(delivery, later)
    const at = monotonic()
    if (this.requests++ === 0) {
      this.first = at
      this.begun.open()
    }
    if (verifyEvery > 0 && this.requests % verifyEvery === 0) this.verify(id, head, body)
    if (this.seen[delivery] === 1) {
      this.repeats++
      return answers[status]
    }
    this.seen[delivery] = 1
    this.arrivals[delivery] = at
    if (later !== undefined) this.lateness[delivery] = clock.unsafeCurrentTimeMillis() - (this.due[delivery] ?? 0)
    this.distinct++
    if (this.distinct === Math.ceil(this.wanted * 0.1)) this.tenth = at
    if (this.distinct === Math.ceil(this.wanted * 0.9)) this.ninetieth = at
    if (this.distinct === this.wanted) {
      this.last = at
      this.complete.open()
    }
    return answers[status]
  }

  /** Retry-After counts whole seconds from the answer on. */
  defer(delivery: number, { from, over }: Later): Buffer {
    const now = clock.unsafeCurrentTimeMillis()
    const wanted = from + over * ((delivery * stride) % this.wanted) / this.wanted
    const seconds = Math.max(1, Math.ceil((wanted - now) / 1000))
    this.due[delivery] = now + seconds * 1000
    if (++this.asked === this.wanted) this.deferred.open()
    return comeAgain(seconds)
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
    const { connections, distinct, first, forged, hanging, last, misdirected, ninetieth } = this
    const { repeats, strangers, tenth, verified, wanted } = this
    return {
      distinct,
      missing: wanted - distinct,
      repeats,
      misdirected,
      strangers,
      verified,
      forged,
      first,
      last,
      tenth,
      ninetieth,
      connections,
      hanging
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
      const answer = ledger === undefined ? answers[200] : ledger.take(port, head, data.subarray(bodyFrom, bodyTo))
      if (answer !== undefined) socket.write(answer)
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
  /** Answers when every first request has been told to come again. */
  deferred: async (): Promise<void> => current().deferred.opened,
  /** Answers when every delivery has come. */
  complete: async (): Promise<void> => current().complete.opened,
  /** A moment later, so that repeats and strangers are seen. */
  tally: async (): Promise<Tally> => {
    await sleep(settling)
    return current().tally()
  },
  /** By delivery: `fanOut` of each event, in the order of their ports. 0: it did not come. */
  arrivals: async (): Promise<Float64Array> => current().arrivals,
  /** Of `later`, by delivery: milliseconds from when the second request was wanted. */
  lateness: async (): Promise<Float64Array> => current().lateness
}
export type SinkCalls = typeof calls

serve(calls)
