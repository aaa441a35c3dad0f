/** Publishes with awaited acknowledgements, as a service does: a backlog as fast as it is acknowledged, or an open loop at a pace. */
import { connect, headers, type JetStreamClient, type NatsConnection } from "nats"
import { setTimeout as sleep } from "node:timers/promises"
import { monotonic } from "./Monotonic.ts"
import { serve } from "./Rpc.ts"
import { bodyOf, eventType, idOf, otherType, type Round, workspaceOf, workspaceOfEvent } from "./Work.ts"

interface Backlog {
  readonly natsUrl: string
  readonly round: Round
}

interface Settled extends Backlog {
  readonly kind: string
}

interface Idle {
  readonly natsUrl: string
  readonly count: number
  /** Workspaces that have a webhook of hookline's own making already; the first of all. */
  readonly active: number
  readonly workspaces: number
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
/** Beyond so many a second the bench would be awake all the time: they are up to 2 ms late then, which is told beside their latency. */
const mostAwake = 250
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Gives the event's sequence in EVENTS. */
const publish = async (jetStream: JetStreamClient, round: Round, number: number): Promise<number> => {
  const workspace = workspaceOfEvent(round, number)
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
        const workspace = workspaceOfEvent(round, number)
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
  /**
   * Webhooks that no event of the bench is for: the fact and the sealed secret of one that hookline has made, under other names. 100,000 requests of the
   * API take minutes.
   */
  idle: ({ active, count, natsUrl, workspaces }: Idle): Promise<number> =>
    connected(natsUrl, async (jetStream, connection) => {
      const { streams } = await connection.jetstreamManager()
      const made = await streams.getMessage("WEBHOOKS", { last_by_subj: `webhooks.${workspaceOf(active, 0)}.*` })
      const fact = JSON.parse(decoder.decode(made.data)) as Readonly<Record<string, unknown>>
      const place = `${String(fact["workspace_id"])}.${String(fact["webhook_id"])}`
      const sealed = await streams.getMessage("KV_SECRETS", { last_by_subj: `$KV.SECRETS.${place}` })
      return inLanes(count, async (number) => {
        const workspace = workspaceOf(active, number % workspaces)
        const webhook = `wh_${number.toString(16).padStart(32, "0")}`
        const idle = {
          ...fact,
          webhook_id: webhook,
          workspace_id: workspace,
          url: `http://127.0.0.1/idle/${number}`,
          events: [otherType]
        }
        await jetStream.publish(`$KV.SECRETS.${workspace}.${webhook}`, sealed.data, { timeout: 20_000 })
        await jetStream.publish(`webhooks.${workspace}.${webhook}`, encoder.encode(JSON.stringify(idle)), {
          timeout: 20_000
        })
      })
    }),
  pace: ({ natsUrl, perSecond, round }: Pace): Promise<Paced> =>
    connected(natsUrl, async (jetStream) => {
      const lateness = new Float64Array(round.count)
      const acknowledged: Array<Promise<number>> = []
      const awake = perSecond <= mostAwake ? 1.2 : 0
      const start = monotonic() + 50
      for (let number = 0; number < round.count; number++) {
        const due = start + number * 1000 / perSecond
        // A timer is up to a millisecond late, and that would be measured as latency: the last bit is waited for awake, where that leaves the
        // processor to others.
        const early = due - monotonic() - awake
        if (early > 0) await sleep(awake > 0 ? early : Math.ceil(early))
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
