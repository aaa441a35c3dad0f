import { Data, Effect, Either, Option } from "effect"
import type { Connection } from "../../broker/Connection.ts"
import { heldSince } from "../../broker/LeaseHolder.ts"
import { streamLayout } from "../../broker/StreamLayout.ts"
import { type BrokerUnavailable, type StoredMessage, Streams } from "../../broker/Streams.ts"
import {
  bucketStream,
  bucketSubject,
  deliveriesAllFilter,
  deliveriesStream,
  everySubject,
  headerNames,
  parseDeliverySubject,
  quarantineAllFilter,
  sealSubject,
  streamNames,
  webhooksFilter
} from "../../broker/Subjects.ts"
import type { Catalogue } from "../../model/Catalogue.ts"
import { readPosition } from "../Positions.ts"
import { decode } from "../Record.ts"
import { EventFold, type EventFoldState } from "./EventFold.ts"
import { Findings, type FindingsState } from "./Findings.ts"
import { type Gap, Reading, type ReadingState } from "./Reading.ts"
import { type EventRange, RecordFold, type RecordFoldState } from "./RecordFold.ts"
import { isStateful, RecordScanner } from "./RecordScan.ts"
import { type Report, report } from "./Report.ts"
import { SealChain } from "./SealChain.ts"
import { SealCheck, type SealCheckState } from "./SealCheck.ts"
import { misfits, type Position, positionKey, type Standing } from "./Standing.ts"
import { Subscribed } from "./Subscribed.ts"

/** It cannot be told: a range that is too large, streams that are not those the audit began with. */
export class AuditImpossible extends Data.TaggedError("AuditImpossible")<{ readonly message: string }> {}

/** So many events, and at most twice as many deliveries of them, are examined at once: about 2 GB. */
const mostEvents = 20_000_000
const mostDeliveries = 2 * mostEvents

/** How far apart the clocks of two streams may be, and how long a record may have been on its way: where reading begins. */
const margin = 60_000

/** How far apart those of a cluster are taken to be where it is told who surely was subscribed: more of it would prove less. */
const clocksApart = 10_000

interface Part {
  readonly stream: string
  readonly filter: string
  readonly created: string
  readonly first: number
  readonly to: number
}

/** What was fixed when the audit began, so that one that goes on later sees the same. */
interface Plan {
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

/** Where an interrupted audit goes on. */
export interface AuditState {
  readonly plan: Plan
  /** By stream. */
  readonly parts: ReadonlyMap<string, { readonly reading: ReadingState; readonly seals: SealCheckState }>
  readonly unknown: ReadonlyArray<string>
  readonly findings: FindingsState
  readonly records: RecordFoldState
  readonly events: EventFoldState | undefined
  readonly duplicates: ReadonlyMap<number, number>
}

/** How far an audit is; looked at from outside. */
export class AuditProgress {
  read = 0
  total = 0
  /** What is kept when it is interrupted; undefined before there is anything. */
  dump: (() => AuditState) | undefined
}

export interface AuditOptions {
  /** Events published from then on, and before then; broker milliseconds. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly catalogue: Catalogue
  /** Refuse a range of more events; `mostEvents` unless given. */
  readonly most?: number
  /** Of an audit that was interrupted: its range goes before the options'. */
  readonly state?: AuditState | undefined
}

const plan = Effect.fnUntraced(function*({ from, most = mostEvents, to }: AuditOptions) {
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
  if (from !== undefined && events.firstSequence > 1) {
    const oldest = yield* streams.next(streamNames.events, everySubject, 1)
    if (Option.isSome(oldest) && oldest.value.time > from) {
      unknown.push(`events before ${new Date(oldest.value.time).toISOString()} have left EVENTS`)
    }
  }
  const firstEvent = yield* streams.next(streamNames.events, everySubject, first)
  const since = Option.match(firstEvent, { onNone: () => events.brokerTime, onSome: ({ time }) => time }) - margin
  const parts: Array<Part> = []
  for (const { state, stream } of deliveries) {
    const begin = yield* sequenceAt(stream, since)
    if (begin === state.firstSequence && state.firstSequence > 1) {
      const oldest = yield* streams.next(stream, deliveriesAllFilter, 1)
      if (Option.isSome(oldest) && oldest.value.time > since + margin) {
        unknown.push(`records before ${new Date(oldest.value.time).toISOString()} have left ${stream}`)
      }
    }
    parts.push({
      stream,
      filter: deliveriesAllFilter,
      created: state.created,
      first: Math.max(1, begin),
      to: state.lastSequence
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
    events: { stream: streamNames.events, filter: everySubject, created: events.created, first, to: last },
    quarantine: {
      stream: streamNames.quarantine,
      filter: quarantineAllFilter,
      created: quarantine.created,
      first: yield* sequenceAt(streamNames.quarantine, since),
      to: quarantine.lastSequence
    },
    webhooks: {
      stream: streamNames.webhooks,
      filter: webhooksFilter,
      created: webhooks.created,
      first: 1,
      to: webhooks.lastSequence
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

const absent = ({ first, last, some }: Gap): string =>
  first === last
    ? `sequence ${first} is not there`
    : `${some ? "some of " : ""}sequences ${first} to ${last} are not there`

/** An audit that was interrupted goes on only over the streams that it began with. */
const sameStreams = Effect.fnUntraced(function*(known: Plan) {
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

/**
 * Proves, from the streams alone, that nothing owed was lost: folds WEBHOOKS, DELIVERIES and EVENTS over a range of events (docs/auditing.md has
 * every rule). Reads only. What is appended while it runs is not looked at.
 */
export const audit = (
  options: AuditOptions,
  progress: AuditProgress
): Effect.Effect<Report, BrokerUnavailable | AuditImpossible, Streams | Connection> =>
  Effect.gen(function*() {
    const streams = yield* Streams
    const { state } = options
    if (state !== undefined) yield* sameStreams(state.plan)
    const fixed: Plan = state?.plan ?? (yield* plan(options))
    const findings = new Findings(state?.findings)
    /** Of what an audit that goes on reads anew. */
    const anew = new Findings()
    const records = new RecordFold(fixed.range, findings, state?.records)
    const duplicates = new Map(state?.duplicates)
    const subscribed = new Subscribed()
    const quarantined = new Set<number>()
    const all = [...fixed.deliveries, fixed.events, fixed.quarantine, fixed.webhooks]
    const created = new Map(all.map(({ created, stream }) => [stream, created]))
    const chain = new SealChain(anew, created)
    const parts = new Map(state?.parts)
    const current = new Map<string, { readonly reading: Reading; readonly seals: SealCheck }>()
    const unknown = new Set([...fixed.unknown, ...state?.unknown ?? []])
    const scanner = new RecordScanner()
    let events: EventFold | undefined
    progress.total = all.reduce((sum, { first, to }) => sum + Math.max(0, to - first + 1), 0)
    progress.read = 0
    progress.dump = () => ({
      plan: fixed,
      parts: new Map([
        ...parts,
        ...Array.from(current, ([stream, { reading, seals }]) =>
          [stream, { reading: reading.dump(), seals: seals.dump() }] as const)
      ]),
      unknown: [...unknown],
      findings: findings.dump(),
      records: records.dump(),
      events: events?.dump(),
      duplicates: new Map(duplicates)
    })

    const sealed = { checked: 0, aged: 0, outside: 0 }
    /** Every message of a part from where it stands, or all `again`; and what is not there between, and not as it was sealed. */
    const read = Effect.fnUntraced(function*(part: Part, take: (message: StoredMessage) => void, again = false) {
      const { filter, first, stream, to } = part
      const known = again ? undefined : parts.get(stream)
      const found = again ? anew : findings
      const reading = new Reading((yield* streams.state(stream)).firstSequence, known?.reading)
      const seals = new SealCheck(part, chain.blocks(stream), found, known?.seals)
      if (!again) {
        current.set(stream, { reading, seals })
      }
      const from = reading.next ?? first
      progress.read += reading.ended ? Math.max(0, to - first + 1) : from - first
      if (!reading.ended) {
        yield* streams.scan({
          stream,
          filter,
          from,
          to,
          onMessage: (message) => {
            progress.read += reading.take(message.sequence)
            seals.take(message)
            take(message)
          },
          enough: () =>
            records.table.size >= mostDeliveries
        })
        if (records.table.size >= mostDeliveries) return
        const { firstSequence } = yield* streams.state(stream)
        const { left, removed } = reading.end(to, firstSequence)
        seals.end(firstSequence)
        // QUARANTINE makes room for what is new.
        if (stream !== streamNames.quarantine) {
          for (const gap of removed) found.add("removed", () => ({ message: absent(gap), stream, sequence: gap.first }))
          for (const gap of left) unknown.add(`${absent(gap)} in ${stream}: removed, or gone by age meanwhile`)
        }
      }
      for (const name of ["checked", "aged", "outside"] as const) sealed[name] += seals.counts[name]
    })
    const unreadable = ({ sequence, subject }: StoredMessage, stream: string, detail: string, to = findings) =>
      to.add("unreadable", () => ({ message: `${subject}: ${detail}`, stream, sequence }))

    const takeRecord = (stream: string) => (message: StoredMessage): void => {
      const place = Option.getOrUndefined(parseDeliverySubject(message.subject))
      if (place === undefined) return unreadable(message, stream, "no subject of a record")
      records.counts.messages++
      if (isStateful(place.kind)) {
        const problem = scanner.scan(
          message.data,
          (record) => records.take(record, place.partition, stream, message.sequence)
        )
        if (problem !== undefined) unreadable(message, stream, problem)
      } else if (place.kind === "duplicate") {
        const fact = decode(message.data)
        if (Either.isLeft(fact)) unreadable(message, stream, fact.left.detail)
        else if (fact.right.type === "duplicate") duplicates.set(fact.right.eventSequence, fact.right.firstSequence)
      }
    }
    for (const { stream, to } of fixed.deliveries.filter(({ stream }) => stream === deliveriesStream(0, 1))) {
      const onMessage = (message: StoredMessage) => chain.take(message, stream)
      yield* streams.scan({ stream, filter: sealSubject, from: 1, to, onMessage })
    }
    const quarantineId = `quarantine.${fixed.range.created}.`
    yield* Effect.all([
      // Small, and read anew by an audit that goes on.
      read(fixed.webhooks, (message) => {
        const problem = subscribed.take(message)
        if (problem !== undefined) unreadable(message, streamNames.webhooks, problem, anew)
      }, true),
      read(fixed.quarantine, (message) => {
        if (message.header(headerNames.messageId)?.startsWith(quarantineId) !== true) return
        quarantined.add(Number(message.header(headerNames.sequence)))
      }, true),
      ...fixed.deliveries.map((part) => read(part, takeRecord(part.stream)))
    ], { concurrency: "unbounded", discard: true })
    if (records.table.size >= mostDeliveries) {
      return yield* new AuditImpossible({
        message: `there are more than ${mostDeliveries} deliveries in the range: choose a shorter one`
      })
    }
    events = new EventFold(
      {
        range: fixed.range,
        records,
        subscribed,
        quarantined: { sequences: quarantined, completeSince: fixed.quarantineComplete },
        standing: fixed.standing,
        catalogue: options.catalogue,
        findings
      },
      duplicates,
      state?.events
    )
    const fold = events
    yield* read(fixed.events, (message) => fold.take(message))
    // From here on it is counted once more at each look.
    progress.dump = undefined
    fold.finish((yield* streams.state(streamNames.events)).firstSequence)
    for (const partition of fold.unplaced) {
      unknown.add(`POSITIONS has no ${positionKey(partition)}, which has events: how far is it settled?`)
    }
    return report({
      from: fixed.from,
      to: fixed.to,
      range: fixed.range,
      standing: fixed.standing,
      unknown: [...unknown],
      records: records.counts,
      events: fold.counts,
      lines: fold.lines,
      findings: findings.with(anew),
      webhooks: subscribed.size,
      sealed: { ...sealed, seals: chain.seals, last: chain.last }
    })
  })
