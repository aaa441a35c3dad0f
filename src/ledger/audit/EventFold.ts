import { Option } from "effect"
import type { StoredMessage } from "../../broker/Streams.ts"
import { parseStoredEventSubject, partitionOf, publishedSubject } from "../../broker/Subjects.ts"
import type { Catalogue } from "../../model/Catalogue.ts"
import { isReserved } from "../../model/EventType.ts"
import { deliveryId, type WebhookId } from "../../model/Id.ts"
import { misfits } from "../Positions.ts"
import { readStoredEvent } from "../StoredEvent.ts"
import { fingerprint } from "./DeliveryTable.ts"
import { unfounded } from "./Ended.ts"
import { idOf } from "./EventId.ts"
import type { Finding, FindingKind, Findings } from "./Findings.ts"
import { type EventRange, type RecordFold, states } from "./RecordFold.ts"
import { Repeats, type RepeatsState } from "./Repeats.ts"
import type { Standing } from "./Standing.ts"
import type { Owed, Subscribed, Subscriber } from "./Subscribed.ts"
import { Tally, type TallyState } from "./Tally.ts"
import { Waiting } from "./Waiting.ts"

/** What is known of QUARANTINE. */
export interface Quarantined {
  /** Sequences in EVENTS. */
  readonly sequences: ReadonlySet<number>
  /** Everything younger than this is still there; broker milliseconds, 0 when nothing ever left. */
  readonly completeSince: number
}

export interface EventFoldState {
  readonly tally: TallyState
  readonly repeats: RepeatsState
  readonly unplaced: ReadonlyArray<number>
}

/** A row whose event was met. The states take the lower bits. */
const met = 0x80

/** How far the clocks of a record and of a stream may be apart, and how long a first record takes. */
const recordedWithin = 60_000

/** Reasons that a change of the catalogue mends: by today's it cannot be told what was said then. */
const byCatalogue: ReadonlySet<string> = new Set(["unknown_type", "schema"])

export interface EventFoldParts {
  readonly range: EventRange
  readonly records: RecordFold
  readonly subscribed: Subscribed
  readonly quarantined: Quarantined
  readonly standing: Standing
  readonly catalogue: Catalogue
  readonly findings: Findings
}

/** The fold of EVENTS behind that of DELIVERIES: who was owed each event, and whether each has an outcome. */
export class EventFold {
  readonly tally: Tally
  readonly #parts: EventFoldParts
  readonly #repeats: Repeats
  /** Partitions that have events, and no position. */
  readonly #unplaced: Set<number>
  readonly #waiting: Waiting

  constructor(parts: EventFoldParts, duplicates: ReadonlyMap<number, number>, state?: EventFoldState) {
    this.#parts = parts
    this.#waiting = new Waiting(parts.records, parts.standing)
    this.tally = new Tally(state?.tally)
    this.#unplaced = new Set(state?.unplaced)
    this.#repeats = new Repeats(parts.range, parts.findings, duplicates, state?.repeats)
  }

  dump(): EventFoldState {
    return {
      tally: this.tally.dump(),
      repeats: this.#repeats.dump(),
      unplaced: [...this.#unplaced]
    }
  }

  /** An event of the range, in order. */
  take(message: StoredMessage): void {
    const { quarantined, range, records, standing } = this.#parts
    const { sequence } = message
    this.tally.counts.events++
    const row = records.table.first(sequence - range.first)
    const place = Option.getOrUndefined(parseStoredEventSubject(message.subject))
    const isQuarantined = quarantined.sequences.has(sequence)
    const partition = place?.partition ?? misfits
    const position = standing.positions.get(partition)
    if (position === undefined) this.#unplaced.add(partition)
    if (place === undefined) return this.#misfit(message, isQuarantined)
    const settled = sequence <= (position?.floor ?? 0)
    const isRepeat = this.#repeats.take(message, place.workspaceId)
    if (isRepeat || isQuarantined) {
      for (let each = row; each !== -1; each = records.table.columns.next[each] ?? -1) {
        this.#row("unowed", each, isRepeat ? "its event is a repeat" : "its event was quarantined")
        this.#meet(each, message.time)
      }
      this.tally.counts[isRepeat ? "duplicates" : "quarantined"]++
      if (isRepeat) this.#repeats.judge(message, place.workspaceId)
      return
    }
    const event = isReserved(place.type) ? readStoredEvent(message, range.created, undefined) : undefined
    if (row === -1 && this.#refused(message, partition, settled)) return
    const owed: Owed = {
      workspaceId: place.workspaceId,
      type: place.type,
      about: event?._tag === "Event" ? event.about : undefined
    }
    const after = row === -1 ? undefined : this.#delivered(message, row, owed)
    this.#owed(message, owed, after, partition, settled, position?.epoch ?? 0)
  }

  /** Partitions that have events, and no position that says how far they are settled. In order. */
  get unplaced(): ReadonlyArray<number> {
    return [...this.#unplaced].sort((a, b) => a - b)
  }

  /** What is left when all events are read. `first`: the first sequence that EVENTS has now. */
  finish(first: number): void {
    const { records } = this.#parts
    for (let row = 0; row < records.table.size; row++) {
      if (((records.table.columns.state[row] ?? 0) & met) !== 0) continue
      const sequence = records.sequenceOf(row)
      if (sequence < first) this.tally.counts.aged++
      else this.#row("no_event", row, `EVENTS has no message ${sequence}`)
    }
  }

  /** The deliveries of an event: each is of this event and was owed. Gives the highest position of their matches. */
  #delivered(message: StoredMessage, first: number, owed: Owed): number {
    const { records, subscribed } = this.#parts
    const { columns } = records.table
    const id = idOf(message, this.#parts.range.created)
    const expected = id === undefined ? undefined : fingerprint(owed.workspaceId, owed.type, id)
    let position = 0
    for (let row = first; row !== -1; row = columns.next[row] ?? -1) {
      position = Math.max(position, columns.position[row] ?? 0)
      if (columns.fingerprint[row] !== expected) {
        this.#row("other_event", row, `its record names another event than ${owed.workspaceId}'s ${owed.type} ${id}`)
      } else if (!subscribed.matchesAt(records.webhookOf(row), columns.revision[row] ?? 0, owed)) {
        this.#row("unowed", row, `its webhook was not subscribed at its revision ${columns.revision[row]}`)
      }
      this.#meet(row, message.time)
    }
    return position
  }

  /** Everybody who was subscribed has a record, or something stands for it. `known`: WEBHOOKS was known up to there at least. */
  #owed(
    message: StoredMessage,
    event: Owed,
    known: number | undefined,
    partition: number,
    settled: boolean,
    epoch: number
  ): void {
    const { range, records, standing, subscribed } = this.#parts
    const { sequence, time } = message
    const from = known ?? subscribed.before(time - standing.clocksApart)
    let to = from
    // A second bound on when it was over is of use only where something has changed since.
    let over = Number.POSITIVE_INFINITY
    if (subscribed.changedAfter(event.workspaceId, from)) {
      const { at, fence } = records.partition(partition).lastMatch(sequence, time, epoch)
      over = at + recordedWithin
      to = Math.max(from, Math.min(fence, subscribed.before(over)))
    }
    const has = ({ id }: Subscriber): boolean => {
      const number = records.numberOf(id)
      return number !== undefined && records.table.find(sequence - range.first, number) !== -1
    }
    const { perhaps, surely } = subscribed.owed(event, from, to)
    for (const webhook of surely) {
      if (has(webhook)) continue
      if (!settled) this.#open(message, partition, webhook)
      // Matched, and deleted before it had a record: `webhook.deleted` is the record.
      else if (webhook.deletedAt !== undefined && webhook.deletedAt <= over) this.#line("cancelled", message, webhook)
      else this.#missing(message, event, webhook)
    }
    for (const webhook of perhaps) {
      if (!has(webhook)) this.#line("either_way", message, webhook)
    }
  }

  /** It has no record yet, and is owed one; or it is input that should go to quarantine. */
  #open(message: StoredMessage, partition: number, webhook: Subscriber | undefined): void {
    const { sequence, subject, time } = message
    this.#line("open", message, webhook)
    if (!this.#waiting.isUnsettled(partition, sequence, time)) return
    const publishedAt = new Date(time).toISOString()
    this.#parts.findings.add("unsettled", () => ({
      message: `${publishedSubject(subject)} of ${publishedAt} has no record yet, and a worker runs`,
      event_seq: sequence,
      workspace_id: webhook?.workspaceId,
      webhook_id: webhook?.id,
      delivery_id: webhook && deliveryId(this.#parts.range.created, sequence, webhook.id),
      stream: "EVENTS",
      sequence
    }))
  }

  /** Without a record, and no event at all? Then it should be in quarantine. */
  #refused(message: StoredMessage, partition: number, settled: boolean): boolean {
    const { catalogue, quarantined, range } = this.#parts
    const complete = message.time > quarantined.completeSince
    const event = readStoredEvent(message, range.created, complete ? undefined : catalogue)
    if (event._tag === "Event" || (complete && byCatalogue.has(event.reason))) return false
    if (complete && settled) this.#unquarantined(message, event.reason)
    else if (settled) this.tally.counts.quarantined++
    else this.#open(message, partition, undefined)
    return true
  }

  #misfit(message: StoredMessage, isQuarantined: boolean): void {
    const { quarantined, standing } = this.#parts
    if (isQuarantined || message.time <= quarantined.completeSince) this.tally.counts.quarantined++
    else if (message.sequence <= (standing.positions.get(misfits)?.floor ?? 0)) {
      this.#unquarantined(message, "bad_subject")
    } else this.#open(message, misfits, undefined)
  }

  #unquarantined({ sequence, subject }: StoredMessage, reason: string): void {
    this.#parts.findings.add("unquarantined", () => ({
      message: `published on ${publishedSubject(subject)}, it is no event (${reason}), and it is not in quarantine`,
      event_seq: sequence,
      stream: "EVENTS",
      sequence
    }))
  }

  /** Counts a delivery by its newest record, once. */
  #meet(row: number, publishedAt: number): void {
    const { records, standing, subscribed } = this.#parts
    const { columns } = records.table
    const number = columns.state[row] ?? 0
    columns.state[row] = number | met
    const state = states[number]
    if (state === "succeeded" || state === "failed" || state === "suppressed") {
      this.tally.counts[state]++
      if (state !== "succeeded") this.#doubt(row, state, publishedAt)
      return
    }
    const webhook = subscribed.find(records.webhookOf(row))
    const due = columns.due[row] ?? 0
    // Deleted while it waited: nothing is recorded.
    const named = webhook?.deletedAt !== undefined ? "cancelled" : state === "due" || state === "ready" ? state : "held"
    this.tally.line({
      state: named,
      delivery_id: records.idOf(row),
      event_seq: records.sequenceOf(row),
      webhook_id: records.webhookOf(row),
      workspace_id: webhook?.workspaceId ?? "",
      due_at: new Date(due).toISOString()
    })
    if (named === "cancelled") return
    if (webhook === undefined) return
    const partition = partitionOf(webhook.workspaceId, standing.partitions)
    if (named === "held") {
      const why = this.#waiting.unheld(partition, records.reasonOf(row), webhook)
      if (why !== undefined) this.#row("unheld", row, why)
    } else if (this.#waiting.isOverdue(partition, due)) {
      this.#row("overdue", row, `due at ${new Date(due).toISOString()}, and a worker runs`)
    }
    const expiresAt = columns.expires[row] ?? 0
    if (this.#waiting.isUnexpired(partition, expiresAt)) {
      this.#row("unexpired", row, `it should have failed as expired at ${new Date(expiresAt).toISOString()}`)
    }
  }

  /** Of an end that needs a reason of its own. */
  #doubt(row: number, state: "failed" | "suppressed", publishedAt: number): void {
    const { records, subscribed } = this.#parts
    const expiresAt = records.table.columns.expires[row] ?? 0
    const webhook = subscribed.find(records.webhookOf(row))
    const why = webhook && unfounded({ ...records.reasonOf(row), state, publishedAt, expiresAt }, webhook)
    if (why !== undefined) this.#row("unfounded", row, why)
  }

  #missing({ sequence }: StoredMessage, event: Owed, webhook: Subscriber): void {
    this.#parts.findings.add("missing", () => ({
      message: `${event.type} is owed to it, and nothing says what became of that`,
      event_seq: sequence,
      workspace_id: event.workspaceId,
      webhook_id: webhook.id,
      delivery_id: deliveryId(this.#parts.range.created, sequence, webhook.id),
      stream: "EVENTS",
      sequence
    }))
  }

  #row(kind: FindingKind, row: number, message: string): void {
    const { findings, records, subscribed } = this.#parts
    findings.add(kind, (): Omit<Finding, "kind"> => ({
      message,
      event_seq: records.sequenceOf(row),
      workspace_id: subscribed.find(records.webhookOf(row))?.workspaceId,
      webhook_id: records.webhookOf(row),
      delivery_id: records.idOf(row)
    }))
  }

  #line(
    state: "open" | "cancelled" | "either_way",
    { sequence }: StoredMessage,
    webhook: Subscriber | undefined
  ): void {
    const id = webhook?.id ?? "_" as WebhookId
    this.tally.line({
      state,
      delivery_id: webhook === undefined ? "" : deliveryId(this.#parts.range.created, sequence, id),
      event_seq: sequence,
      webhook_id: id,
      workspace_id: webhook?.workspaceId ?? ""
    })
  }
}
