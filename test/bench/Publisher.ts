/** Publishes with awaited acknowledgements, as a service does: a backlog as fast as it is acknowledged, or an open loop at a pace. */
import { connect, headers, type JetStreamClient } from "nats"
import { setTimeout as sleep } from "node:timers/promises"
import { monotonic } from "./Monotonic.ts"
import { serve } from "./Rpc.ts"
import { bodyOf, eventType, idOf, type Round, workspaceOf } from "./Work.ts"

interface Backlog {
  readonly natsUrl: string
  readonly round: Round
}

interface Pace extends Backlog {
  readonly perSecond: number
}

/** Times are monotonic milliseconds. */
interface Paced {
  /** When event 0 was due; event n is due `n / perSecond` seconds later. */
  readonly start: number
  /** How much later than due each was handed to the client: the bench's own part of the latency. */
  readonly lateness: Float64Array
}

const inFlight = 2_000
const encoder = new TextEncoder()

const publish = async (jetStream: JetStreamClient, round: Round, number: number): Promise<void> => {
  const workspace = workspaceOf(round.webhooks, number % round.webhooks)
  const head = headers()
  head.set("Nats-Msg-Id", `${workspace}/${idOf(round.name, number)}`)
  const { duplicate } = await jetStream.publish(
    `events.${workspace}.${eventType}`,
    encoder.encode(bodyOf(round, number)),
    { headers: head, timeout: 20_000 }
  )
  if (duplicate) throw new Error(`event ${number} of ${round.name} was taken for a duplicate`)
}

const connected = async <A>(natsUrl: string, use: (jetStream: JetStreamClient) => Promise<A>): Promise<A> => {
  const { hostname, password, port, username } = new URL(natsUrl)
  const login = username === "" ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }
  const connection = await connect({ servers: `${hostname}:${port}`, ...login, noAsyncTraces: true })
  try {
    return await use(connection.jetstream())
  } finally {
    await connection.close()
  }
}

const calls = {
  /** Answers with the seconds it took. */
  backlog: ({ natsUrl, round }: Backlog): Promise<number> =>
    connected(natsUrl, async (jetStream) => {
      const start = monotonic()
      let next = 0
      const lane = async () => {
        while (next < round.count) await publish(jetStream, round, next++)
      }
      await Promise.all(Array.from({ length: Math.min(inFlight, round.count) }, lane))
      return (monotonic() - start) / 1000
    }),
  pace: ({ natsUrl, perSecond, round }: Pace): Promise<Paced> =>
    connected(natsUrl, async (jetStream) => {
      const lateness = new Float64Array(round.count)
      const acknowledged: Array<Promise<void>> = []
      const start = monotonic() + 50
      for (let number = 0; number < round.count; number++) {
        const due = start + number * 1000 / perSecond
        // A timer is up to a millisecond late, and that would be measured as latency: the last bit is waited for awake.
        const early = due - monotonic() - 1.2
        if (early > 0) await sleep(early)
        while (monotonic() < due) await new Promise((resolve) => setImmediate(resolve))
        lateness[number] = monotonic() - due
        acknowledged.push(publish(jetStream, round, number))
      }
      await Promise.all(acknowledged)
      return { start, lateness }
    })
}
export type PublisherCalls = typeof calls

serve(calls)
