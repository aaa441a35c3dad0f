/** Publishes with awaited acknowledgements, as a service does: a backlog as fast as it is acknowledged, or an open loop at a pace. */
import { connect, headers, type JetStreamClient, type NatsConnection } from "nats"
import { setTimeout as sleep } from "node:timers/promises"
import { monotonic } from "./Monotonic.ts"
import { serve } from "./Rpc.ts"
import { bodyOf, eventType, idOf, type Round, workspaceOf } from "./Work.ts"

interface Backlog {
  readonly natsUrl: string
  readonly round: Round
}

interface Settled extends Backlog {
  readonly kind: string
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
const decoder = new TextDecoder()

/** Gives the event's sequence in EVENTS. */
const publish = async (jetStream: JetStreamClient, round: Round, number: number): Promise<number> => {
  const workspace = workspaceOf(round.webhooks, number % round.webhooks)
  const head = headers()
  head.set("Nats-Msg-Id", `${workspace}/${idOf(round.name, number)}`)
  const { duplicate, seq } = await jetStream.publish(
    `events.${workspace}.${eventType}`,
    encoder.encode(bodyOf(round, number)),
    { headers: head, timeout: 20_000 }
  )
  if (duplicate) throw new Error(`event ${number} of ${round.name} was taken for a duplicate`)
  return seq
}

/** Every message of a round by as many lanes as may be in flight. Answers with the seconds it took. */
const inLanes = async (count: number, one: (number: number) => Promise<unknown>): Promise<number> => {
  const start = monotonic()
  let next = 0
  const lane = async () => {
    while (next < count) await one(next++)
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, lane))
  return (monotonic() - start) / 1000
}

interface Sample {
  readonly subject: string
  readonly record: Readonly<Record<string, unknown>>
}

/** The records of a kind that hookline has written, by workspace. */
const samplesOf = async (connection: NatsConnection, kind: string): Promise<ReadonlyMap<string, Sample>> => {
  const manager = await connection.jetstreamManager()
  const samples = new Map<string, Sample>()
  for (const index of [0, 1, 2, 3]) {
    const stream = `DELIVERIES-${index}`
    const { state } = await manager.streams.info(stream, { subjects_filter: `deliveries.*.*.*.${kind}` })
    for (const subject of Object.keys(state.subjects ?? {})) {
      const { data } = await manager.streams.getMessage(stream, { last_by_subj: subject })
      samples.set(subject.split(".")[2] ?? "", { subject, record: JSON.parse(decoder.decode(data)) })
    }
  }
  return samples
}

const connected = async <A>(
  natsUrl: string,
  use: (jetStream: JetStreamClient, connection: NatsConnection) => Promise<A>
): Promise<A> => {
  const { hostname, password, port, username } = new URL(natsUrl)
  const login = username === "" ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }
  const connection = await connect({ servers: `${hostname}:${port}`, ...login, noAsyncTraces: true })
  try {
    return await use(connection.jetstream(), connection)
  } finally {
    await connection.close()
  }
}

const calls = {
  /** Answers with the seconds it took. */
  backlog: ({ natsUrl, round }: Backlog): Promise<number> =>
    connected(natsUrl, (jetStream) => inLanes(round.count, (number) => publish(jetStream, round, number))),
  /**
   * Events, and for each the record that hookline would have written, made from one of this `kind` that it has written of the event's webhook before.
   * Answers with the seconds it took.
   */
  settled: ({ kind, natsUrl, round }: Settled): Promise<number> =>
    connected(natsUrl, async (jetStream, connection) => {
      const samples = await samplesOf(connection, kind)
      return inLanes(round.count, async (number) => {
        const workspace = workspaceOf(round.webhooks, number % round.webhooks)
        const sample = samples.get(workspace)
        if (sample === undefined) throw new Error(`hookline has written no record of kind ${kind} in ${workspace}`)
        const sequence = await publish(jetStream, round, number)
        const record = {
          ...sample.record,
          // Another than hookline's own: nobody reads it but people.
          delivery_id: `dlv_${sequence.toString(16).padStart(32, "0")}`,
          event_id: idOf(round.name, number),
          event_seq: sequence
        }
        await jetStream.publish(sample.subject, encoder.encode(JSON.stringify(record)), { timeout: 20_000 })
      })
    }),
  pace: ({ natsUrl, perSecond, round }: Pace): Promise<Paced> =>
    connected(natsUrl, async (jetStream) => {
      const lateness = new Float64Array(round.count)
      const acknowledged: Array<Promise<number>> = []
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
