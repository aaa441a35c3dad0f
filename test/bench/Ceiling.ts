/**
 * The bare loop that the product is measured against, as fast as it is plainly possible: pull consumer with a callback → two HMACs → undici POST →
 * record appended → event acknowledged. No matching, no state, no deadline, no address policy, no retry, no message ids, nothing to recover from.
 * It takes the very events that the product takes, and sends the same bytes to the same ports. `concurrency` POSTs are in flight.
 *
 * Plain callbacks, `Pool.dispatch` (undici's `request` makes a body stream of every answer), one reply inbox for all appends, and what is sent in one
 * turn of the event loop is written in one go.
 */
import { AckPolicy, connect, createInbox, DeliverPolicy, nanos, type NatsConnection } from "nats"
import { createHmac, createSecretKey } from "node:crypto"
import { type Dispatcher, Pool } from "undici"
import { monotonic } from "./Monotonic.ts"
import { serve } from "./Rpc.ts"
import { bodyOf, concurrency, deliveriesOf, firstPort, idOf, type Round, secret } from "./Work.ts"

interface Posts {
  readonly round: Round
  /** Of the sink, one a webhook. */
  readonly ports: ReadonlyArray<number>
}

interface Loop extends Posts {
  readonly natsUrl: string
  /** Sequence of the round's first event in EVENTS. */
  readonly from: number
}

/** As many as the product has DELIVERIES streams. */
const recordStreams = 4
/** Events that are asked for at once: half as many more may be under way, and with 64 MB unread a nats-server closes the connection. */
const batchOf = ({ bytes }: Round): number => Math.min(4_096, Math.ceil(24 * 2 ** 20 / bytes))
const key = createSecretKey(Buffer.from(secret))
const ack = Buffer.from("+ACK")
const encoder = new TextEncoder()

/** How the last request of one handler ended. */
class Post implements Dispatcher.DispatchHandler {
  readonly #done: (status: number, startedAt: number) => void
  readonly #failed: (cause: Error) => void
  readonly #startedAt = monotonic()
  #status = 0

  constructor(done: (status: number, startedAt: number) => void, failed: (cause: Error) => void) {
    this.#done = done
    this.#failed = failed
  }
  onRequestStart(): void {}
  onResponseStart(_: unknown, status: number): void {
    this.#status = status
  }
  onResponseData(): void {}
  onResponseEnd(): void {
    this.#done(this.#status, this.#startedAt)
  }
  onResponseError(_: unknown, cause: Error): void {
    this.#failed(cause)
  }
}

const poolsOf = (ports: ReadonlyArray<number>) =>
  ports.map((port) => new Pool(`http://127.0.0.1:${port}`, { connections: concurrency, pipelining: 1 }))

const closeAll = (pools: ReadonlyArray<Pool>) => Promise.all(pools.map((pool) => pool.close()))

const headersOf = (id: string, timestamp: string, hex: string, standard: string): Array<string> => [
  "content-type",
  "application/json",
  "user-agent",
  "CraftDesk-Webhooks/0.1.0",
  "x-webhook-signature",
  hex,
  "webhook-id",
  id,
  "webhook-timestamp",
  timestamp,
  "webhook-signature",
  standard,
  "accept-encoding",
  "identity"
]

const now = (): number => Math.floor(performance.timeOrigin + performance.now())

/** About 500 bytes, the size of a record of the product. */
const recordOf = (id: string, sequence: number, startedAt: number): string =>
  JSON.stringify({
    v: 1,
    kind: "succeeded",
    at: new Date(now()).toISOString(),
    workspace_id: "ws_bench_100_000",
    webhook_id: "wh_000000000000000000000000",
    delivery_id: "dlv_0000000000000000000000000000000000000000",
    event_id: id,
    event: "project.created",
    event_seq: sequence,
    state: "succeeded",
    attempt: 1,
    round: 1,
    round_attempt: 1,
    webhook_revision: 1,
    webhooks_seq: 101,
    epoch: 1,
    step: 1,
    outcome: {
      class: "success",
      latency_ms: monotonic() - startedAt,
      status: 200,
      address: "127.0.0.1",
      response: "ok"
    }
  })

/** Appends with one inbox for all acknowledgements; what is sent in one turn of the event loop, acknowledgements included, goes out together. */
class Outbox {
  readonly #connection: NatsConnection
  readonly #inbox = createInbox()
  readonly #waiting = new Map<string, () => void>()
  #batch: Array<readonly [subject: string, data: Uint8Array, reply: string | undefined]> = []
  #next = 0

  constructor(connection: NatsConnection, failed: (cause: Error) => void) {
    this.#connection = connection
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error !== null) return failed(error)
        // {"stream":…: anything else is no acknowledgement.
        if (message.data[2] !== 0x73) return failed(new Error(`a record was refused: ${message.string()}`))
        const answered = this.#waiting.get(message.subject)
        this.#waiting.delete(message.subject)
        answered?.()
      }
    })
  }

  append(subject: string, record: string, stored: () => void): void {
    const reply = `${this.#inbox}.${(this.#next++).toString(36)}`
    this.#waiting.set(reply, stored)
    this.#push(subject, encoder.encode(record), reply)
  }

  acknowledge(reply: string): void {
    this.#push(reply, ack, undefined)
  }

  #push(subject: string, data: Uint8Array, reply: string | undefined): void {
    if (this.#batch.push([subject, data, reply]) === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const batch = this.#batch
    this.#batch = []
    for (const [subject, data, reply] of batch) {
      this.#connection.publish(subject, data, reply === undefined ? undefined : { reply })
    }
  }
}

const loop = async ({ from, natsUrl, ports, round }: Loop): Promise<void> => {
  const connection = await connect({ servers: natsUrl.replace("nats://", ""), noAsyncTraces: true, reconnect: false })
  const pools = poolsOf(ports)
  const batch = batchOf(round)
  try {
    const manager = await connection.jetstreamManager()
    for (let index = 0; index < recordStreams; index++) {
      await manager.streams.add({ name: `CEILING-${index}`, subjects: [`ceiling.${index}`] })
    }
    const name = `ceiling-${round.name}`
    await manager.consumers.add("EVENTS", {
      durable_name: name,
      filter_subject: "ev.>",
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(60_000),
      max_ack_pending: batch
    })
    await new Promise<void>((resolve, reject) => {
      void connection.closed().then((cause) => reject(cause ?? new Error("the connection was closed")))
      const outbox = new Outbox(connection, reject)
      const arrived: Array<readonly [body: Uint8Array, reply: string] | undefined> = []
      /** Records stored, by event: it is let go when all of its deliveries have one. */
      const stored = new Uint16Array(round.count)
      /** Deliveries. */
      let taken = 0
      let inFlight = 0
      let settled = 0
      let asked = 0

      const post = (body: Uint8Array, reply: string, nth: number) => {
        inFlight++
        // {"id":"evt_<round>_0000000",…
        const id = Buffer.from(body.buffer, body.byteOffset + 7, idLength).toString("latin1")
        const number = Number(id.slice(-7))
        const timestamp = String(Math.floor(now() / 1000))
        const hex = createHmac("sha256", key).update(body).digest("hex")
        const standard = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64")
        const done = (status: number, startedAt: number) => {
          if (status !== 200) return reject(new Error(`the sink answered ${status}`))
          inFlight--
          outbox.append(`ceiling.${(number + nth) % recordStreams}`, recordOf(id, number, startedAt), () => {
            stored[number] = (stored[number] ?? 0) + 1
            if (stored[number] < round.fanOut) return
            outbox.acknowledge(reply)
            // The last acknowledgements are written in the turn after.
            if (++settled === round.count) setImmediate(resolve)
          })
          pump()
        }
        pools[firstPort(round, number) + nth]?.dispatch(
          { path: "/", method: "POST", headers: headersOf(id, timestamp, hex, `v1,${standard}`), body },
          new Post(done, reject)
        )
      }
      const pump = () => {
        for (let free = concurrency - inFlight; free > 0 && taken < arrived.length * round.fanOut; free--) {
          const nth = taken % round.fanOut
          const index = Math.floor(taken++ / round.fanOut)
          const [body, reply] = arrived[index] ?? []
          if (nth === round.fanOut - 1) arrived[index] = undefined
          if (body !== undefined && reply !== undefined) post(body, reply, nth)
        }
      }
      const inbox = createInbox()
      const ask = () => {
        asked += batch
        connection.publish(`$JS.API.CONSUMER.MSG.NEXT.EVENTS.${name}`, `{"batch":${batch}}`, { reply: inbox })
      }
      connection.subscribe(inbox, {
        callback: (error, { data, headers, reply }) => {
          if (error !== null) return reject(error)
          // The consumer is so new that the server does not listen for it yet.
          if (headers?.code === 503) {
            asked -= batch
            setImmediate(ask)
            return
          }
          if (reply === undefined || data.length === 0) {
            return reject(new Error(`the pull ended: ${headers?.code} ${headers?.description}`))
          }
          arrived.push([data, reply])
          if (asked - arrived.length < batch / 2) ask()
          pump()
        }
      })
      const idLength = idOf(round.name, 0).length
      ask()
    })
    await connection.flush()
    await manager.consumers.delete("EVENTS", name)
  } finally {
    await closeAll(pools)
    await connection.close()
  }
}

/** The same POSTs, without NATS and without signing. */
const control = async ({ ports, round }: Posts): Promise<void> => {
  const pools = poolsOf(ports)
  const body = Buffer.from(bodyOf(round, 0))
  const hex = createHmac("sha256", key).update(body).digest("hex")
  const standard = `v1,${createHmac("sha256", key).update(body).digest("base64")}`
  try {
    await new Promise<void>((resolve, reject) => {
      let next = 0
      let done = 0
      const post = () => {
        const delivery = next++
        if (delivery >= deliveriesOf(round)) return
        const number = Math.floor(delivery / round.fanOut)
        const id = idOf(round.name, number)
        const headers = headersOf(id, String(Math.floor(now() / 1000)), hex, standard)
        const answered = (status: number) => {
          if (status !== 200) return reject(new Error(`the sink answered ${status}`))
          if (++done === deliveriesOf(round)) resolve()
          post()
        }
        const port = firstPort(round, number) + delivery % round.fanOut
        pools[port]?.dispatch({ path: "/", method: "POST", headers, body }, new Post(answered, reject))
      }
      for (let lane = 0; lane < concurrency; lane++) post()
    })
  } finally {
    await closeAll(pools)
  }
}

const calls = { loop, control }
export type CeilingCalls = typeof calls

serve(calls)
