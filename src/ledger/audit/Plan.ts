import { Data, Effect, Option } from "effect"
import { heldSince } from "../../broker/LeaseHolder.ts"
import { streamLayout } from "../../broker/StreamLayout.ts"
import { Streams, type StreamState } from "../../broker/Streams.ts"
import {
  bucketStream,
  bucketSubject,
  deliveriesAllFilter,
  everySubject,
  quarantineAllFilter,
  streamNames,
  webhooksFilter
} from "../../broker/Subjects.ts"
import { misfits, positionKey, readPosition } from "../Positions.ts"
import type { EventRange } from "./RecordFold.ts"
import type { Position, Standing } from "./Standing.ts"

/** It cannot be told: a range that is too large, streams that are not those the audit began with. */
export class AuditImpossible extends Data.TaggedError("AuditImpossible")<{ readonly message: string }> {}

/** So many events, and at most twice as many deliveries of them, are examined at once: about 2 GB. */
const mostEvents = 20_000_000
export const mostDeliveries = 2 * mostEvents

/** How far apart the clocks of two streams may be, and how long a record may have been on its way: where reading begins. */
const margin = 60_000

/** How far apart those of a cluster are taken to be where it is told who surely was subscribed: more of it would prove less. */
const clocksApart = 10_000

export interface Part {
  readonly stream: string
  readonly filter: string
  readonly created: string
  readonly first: number
  readonly to: number
  /** Of the stream, when the audit began. */
  readonly streamLast: number
}

/** What was fixed when the audit began, so that one that goes on later sees the same. */
export interface Plan {
  readonly from: number | undefined
  readonly to: number | undefined
  readonly range: EventRange
  readonly deliveries: ReadonlyArray<Part>
  readonly events: Part
  readonly quarantine: Part
  readonly webhooks: Part
  readonly standing: Standing
  readonly quarantineComplete: number
  readonly unknown: ReadonlyArray<string>
}

export interface Wanted {
  /** Events published from then on, and before then; broker milliseconds. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** Refuse a range of more events; `mostEvents` unless given. */
  readonly most?: number
}

/** Something that came since then has left a stream, by its age; gives from when on everything is there. */
const leftSince = Effect.fnUntraced(function*(stream: string, { firstSequence, lastTime }: StreamState, since: number) {
  if (firstSequence <= 1) return Option.none()
  const oldest = yield* Effect.flatMap(Streams, (streams) => streams.next(stream, everySubject, 1))
  const complete = Option.match(oldest, { onNone: () => lastTime + 1, onSome: ({ time }) => time })
  return complete > since ? Option.some(new Date(complete).toISOString()) : Option.none()
})

/** Looks how far everything is. */
export const plan = Effect.fnUntraced(function*({ from, most = mostEvents, to }: Wanted) {
  const streams = yield* Streams
  const layout = yield* streamLayout
  // In this order: whatever an earlier answer speaks of is in what a later one counts.
  const positions = new Map<number, Position>()
  const unknown: Array<string> = []
  const positionsOf = bucketStream("POSITIONS")
  const stored = yield* Effect.forEach(
    [misfits, ...Array.from({ length: layout.partitions }, (_, partition) => partition)],
    (partition) =>
      Effect.map(
        streams.last(positionsOf, bucketSubject("POSITIONS", positionKey(partition))),
        (message) => ({ partition, message })
      ),
    { concurrency: 16 }
  )
  const leasedSince = heldSince(yield* streams.last(bucketStream("LEASES"), bucketSubject("LEASES", "worker")))
  const deliveries = yield* Effect.forEach(
    layout.deliveries,
    (stream) => Effect.map(streams.state(stream), (state) => ({ stream, state }))
  )
  const quarantine = yield* streams.state(streamNames.quarantine)
  const events = yield* streams.state(streamNames.events)
  const webhooks = yield* streams.state(streamNames.webhooks)
  for (const { message, partition } of stored) {
    const position = yield* readPosition(message)
    if (position === undefined) continue
    const { created, epoch, floor, writtenAt } = position
    const another = created !== events.created
    if (another) unknown.push(`POSITIONS ${positionKey(partition)} was written for another EVENTS`)
    positions.set(partition, { floor: another ? 0 : floor, epoch, writtenAt })
  }
  if (webhooks.firstSequence > 1) {
    unknown.push(`WEBHOOKS begins at ${webhooks.firstSequence}: who was subscribed before?`)
  }
  const sequenceAt = (stream: string, time: number) => streams.sequenceAt(stream, time)
  const first = Math.max(
    events.firstSequence,
    1,
    from === undefined ? 0 : yield* sequenceAt(streamNames.events, from)
  )
  const last = to === undefined
    ? events.lastSequence
    : Math.min(events.lastSequence, (yield* sequenceAt(streamNames.events, to)) - 1)
  if (last - first >= most) {
    return yield* new AuditImpossible({
      message: `${last - first + 1} events are more than the ${most} of one audit: choose a shorter range`
    })
  }
  const leftEvents = from === undefined ? Option.none() : yield* leftSince(streamNames.events, events, from)
  if (Option.isSome(leftEvents)) unknown.push(`events before ${leftEvents.value} have left EVENTS`)
  const firstEvent = yield* streams.next(streamNames.events, everySubject, first)
  const since = Option.match(firstEvent, { onNone: () => events.brokerTime, onSome: ({ time }) => time }) - margin
  const parts: Array<Part> = []
  for (const { state, stream } of deliveries) {
    const begin = yield* sequenceAt(stream, since)
    const left = yield* leftSince(stream, state, since + margin)
    if (Option.isSome(left)) unknown.push(`records before ${left.value} have left ${stream}`)
    parts.push({
      stream,
      filter: deliveriesAllFilter,
      created: state.created,
      first: Math.max(1, begin),
      to: state.lastSequence,
      streamLast: state.lastSequence
    })
  }
  // Since when nothing has left QUARANTINE, by age or because it was full.
  const oldest = quarantine.firstSequence > 1
    ? yield* streams.next(streamNames.quarantine, quarantineAllFilter, 1)
    : Option.none()
  const quarantineComplete = quarantine.firstSequence > 1
    ? Option.match(oldest, { onNone: () => quarantine.brokerTime, onSome: ({ time }) => time })
    : 0
  return {
    from,
    to,
    range: { first, last, streamLast: events.lastSequence, created: events.created },
    deliveries: parts,
    events: {
      stream: streamNames.events,
      filter: everySubject,
      created: events.created,
      first,
      to: last,
      streamLast: events.lastSequence
    },
    quarantine: {
      stream: streamNames.quarantine,
      filter: quarantineAllFilter,
      created: quarantine.created,
      first: yield* sequenceAt(streamNames.quarantine, since),
      to: quarantine.lastSequence,
      streamLast: quarantine.lastSequence
    },
    webhooks: {
      stream: streamNames.webhooks,
      filter: webhooksFilter,
      created: webhooks.created,
      first: 1,
      to: webhooks.lastSequence,
      streamLast: webhooks.lastSequence
    },
    standing: {
      partitions: layout.partitions,
      positions,
      leasedSince,
      clocksApart: layout.clustered ? clocksApart : 0,
      at: events.brokerTime
    },
    quarantineComplete,
    unknown
  } satisfies Plan
})

/** An audit that was interrupted goes on only over the streams that it began with. */
export const sameStreams = Effect.fnUntraced(function*(known: Plan) {
  const streams = yield* Streams
  for (const { created, stream, to } of [...known.deliveries, known.events, known.webhooks]) {
    const now = yield* streams.state(stream)
    if (now.created !== created || now.lastSequence < to) {
      return yield* new AuditImpossible({
        message:
          `${stream} is not the stream that the interrupted audit has read: begin anew, with another --state file`
      })
    }
  }
})
