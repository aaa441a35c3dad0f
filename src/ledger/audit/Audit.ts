import { Effect, Either, Option } from "effect"
import type { Connection } from "../../broker/Connection.ts"
import { type BrokerUnavailable, type StoredMessage, Streams } from "../../broker/Streams.ts"
import { deliveriesStream, headerNames, parseDeliverySubject, sealSubject, streamNames } from "../../broker/Subjects.ts"
import type { Catalogue } from "../../model/Catalogue.ts"
import { positionKey } from "../Positions.ts"
import { decode } from "../Record.ts"
import { EventFold, type EventFoldState } from "./EventFold.ts"
import { Findings, type FindingsState } from "./Findings.ts"
import { AuditImpossible, mostDeliveries, type Part, type Plan, plan, sameStreams, type Wanted } from "./Plan.ts"
import { type Gap, Reading, type ReadingState } from "./Reading.ts"
import { isWithin, RecordFold, type RecordFoldState } from "./RecordFold.ts"
import { isStateful, RecordScanner } from "./RecordScan.ts"
import { type Report, report } from "./Report.ts"
import { SealChain } from "./SealChain.ts"
import { SealCheck, type SealCheckState } from "./SealCheck.ts"
import { Subscribed } from "./Subscribed.ts"

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

export interface AuditOptions extends Wanted {
  readonly catalogue: Catalogue
  /** Of an audit that was interrupted: its range goes before the options'. */
  readonly state?: AuditState | undefined
}

const absent = ({ first, last, some }: Gap): string =>
  first === last
    ? `sequence ${first} is not there`
    : `${some ? "some of " : ""}sequences ${first} to ${last} are not there`

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
    const home = fixed.deliveries.find(({ stream }) => stream === deliveriesStream(0, 1))
    const chain = new SealChain(
      anew,
      created,
      home !== undefined && (yield* streams.state(home.stream)).firstSequence <= 1
    )
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
            seals.take(message)
            take(message)
            progress.read += reading.take(message.sequence)
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
        else if (fact.right.type === "duplicate" && isWithin(fixed.range, fact.right.eventSequence)) {
          duplicates.set(fact.right.eventSequence, fact.right.firstSequence)
        }
      }
    }
    if (home !== undefined) {
      const { stream, to } = home
      const onMessage = (message: StoredMessage) => chain.take(message, stream)
      yield* streams.scan({ stream, filter: sealSubject, from: 1, to, onMessage })
      for (const gone of chain.gone) unknown.add(gone)
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
      events: fold.tally.counts,
      lines: fold.tally.lines,
      findings: findings.with(anew),
      webhooks: subscribed.size,
      sealed: { ...sealed, seals: chain.seals, last: chain.last }
    })
  })
