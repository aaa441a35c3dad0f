import { Effect, Option } from "effect"
import type { Connection } from "../../broker/Connection.ts"
import { streamLayout } from "../../broker/StreamLayout.ts"
import { type BrokerUnavailable, type StoredMessage, Streams } from "../../broker/Streams.ts"
import {
  deliveriesAllFilter,
  deliveriesStream,
  everySubject,
  partitionOf,
  quarantineAllFilter,
  quarantineFilter,
  streamNames,
  webhooksFilter,
  workspaceDeliveriesFilter,
  workspaceEventsFilter,
  workspaceWebhooksFilter
} from "../../broker/Subjects.ts"
import { readFacts, type ReplayedFact } from "./ReplayedFact.ts"

/** What to show. Times are broker milliseconds. */
export interface ReplayQuery {
  readonly from: number | undefined
  readonly to: number | undefined
  readonly workspace: string | undefined
  readonly webhook: string | undefined
  readonly type: string | undefined
  /** Any of these; empty: all. */
  readonly kinds: ReadonlyArray<string>
}

/** How far it is, in time. */
export class ReplayProgress {
  from = 0
  to = 0
  at = 0
  shown = 0
}

/** Messages and bytes of one window of time, which is sorted in memory: above, it is read again, shorter; below half, the next one is longer. */
const most = 20_000
const mostBytes = 64 * 1024 ** 2
/** So many messages are shown at once. */
const atOnce = 500
/** The first window, and the longest. Milliseconds. */
const window = { first: 60_000, longest: 24 * 3_600_000 }

const isWanted = ({ kinds, type, webhook, workspace }: ReplayQuery, fact: ReplayedFact): boolean =>
  (workspace === undefined || fact.workspaceId === workspace) &&
  (webhook === undefined || fact.webhookId === webhook) &&
  (type === undefined || fact.eventType === type) &&
  (kinds.length === 0 || kinds.includes(fact.kind))

/** Of one millisecond: what was published before what became of it. */
const rank = (stream: string): number => {
  const known = [streamNames.webhooks, streamNames.events, streamNames.quarantine] as ReadonlyArray<string>
  const index = known.indexOf(stream)
  return index === -1 ? known.length : index
}

interface Read {
  readonly stream: string
  readonly message: StoredMessage
}

/**
 * Calls `show` with every fact of all streams, in the order of the broker's times, some hundred at once, up to where the streams end now. Reads
 * only: by consumers without acknowledgements that nothing of hookline's knows of, so that no delivery comes of it.
 */
export const replay = (
  query: ReplayQuery,
  progress: ReplayProgress,
  show: (facts: ReadonlyArray<ReplayedFact>) => Effect.Effect<void>
): Effect.Effect<void, BrokerUnavailable, Streams | Connection> =>
  Effect.gen(function*() {
    const streams = yield* Streams
    const layout = yield* streamLayout
    const { workspace } = query
    const partition = workspace === undefined ? 0 : partitionOf(workspace, layout.partitions)
    const sources: ReadonlyArray<readonly [stream: string, filter: string]> = workspace === undefined
      ? [
        [streamNames.events, everySubject],
        [streamNames.webhooks, webhooksFilter],
        [streamNames.quarantine, quarantineAllFilter],
        ...layout.deliveries.map((stream) => [stream, deliveriesAllFilter] as const)
      ]
      : [
        [streamNames.events, workspaceEventsFilter(partition, workspace)],
        [streamNames.webhooks, workspaceWebhooksFilter(workspace)],
        [streamNames.quarantine, quarantineFilter(workspace)],
        [deliveriesStream(partition, layout.deliveries.length), workspaceDeliveriesFilter(partition, workspace)]
      ]
    const states = yield* Effect.forEach(sources, ([stream]) => streams.state(stream))
    const ends = states.map(({ lastSequence }) => lastSequence)
    const { brokerTime, created } = yield* streams.state(streamNames.events)
    const end = Math.min(query.to ?? brokerTime + 1, brokerTime + 1)

    /** When the first message at or after a time comes; undefined: none does. */
    const nextAt = (time: number) =>
      Effect.map(
        Effect.forEach(sources, ([stream, filter]) =>
          Effect.flatMap(streams.sequenceAt(stream, time), (from) => streams.next(stream, filter, from)), {
          concurrency: "unbounded"
        }),
        (found) => {
          const times = found.flatMap((one) =>
            Option.isSome(one) ? [one.value.time] : []
          )
          return times.length === 0 ? undefined : Math.min(...times)
        }
      )

    /** All of a window; undefined: there is too much in it. */
    const readWindow = Effect.fnUntraced(function*(from: number, to: number) {
      const found: Array<Read> = []
      let bytes = 0
      // One millisecond is read whatever is in it.
      const isFull = () => (found.length > most || bytes > mostBytes) && to - from > 1
      yield* Effect.forEach(sources, ([stream, filter], index) =>
        Effect.gen(function*() {
          const first = yield* streams.sequenceAt(stream, from)
          const last = Math.min(ends[index] ?? 0, (yield* streams.sequenceAt(stream, to)) - 1)
          if (last < first) return
          const onMessage = (message: StoredMessage) => {
            bytes += message.data.byteLength
            found.push({ stream, message })
          }
          yield* streams.scan({ stream, filter, from: first, to: last, onMessage, enough: isFull })
        }), { concurrency: "unbounded", discard: true })
      return isFull() ?
        undefined :
        found.sort((a, b) =>
          a.message.time - b.message.time || rank(a.stream) - rank(b.stream) ||
          (a.stream < b.stream ? -1 : a.stream > b.stream ? 1 : a.message.sequence - b.message.sequence)
        )
    })

    let length = window.first
    const begin = yield* nextAt(query.from ?? 0)
    let at = begin ?? end
    progress.from = at
    progress.to = end
    while (at < end) {
      progress.at = at
      const to = Math.min(end, at + length)
      const found = yield* readWindow(at, to)
      if (found === undefined) {
        length = Math.max(1, Math.floor(length / 4))
        continue
      }
      for (let start = 0; start < found.length; start += atOnce) {
        const facts = found.slice(start, start + atOnce)
          .flatMap(({ message, stream }) => readFacts(stream, message, created))
          .filter((fact) => isWanted(query, fact))
        progress.shown += facts.length
        if (facts.length > 0) yield* show(facts)
      }
      if (found.length < most / 2) length = Math.min(window.longest, length * 2)
      // Over a time in which nothing happened it goes at once.
      at = found.length === 0 ? (yield* nextAt(to)) ?? end : to
    }
    progress.at = end
  })
