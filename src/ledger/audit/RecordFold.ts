import { type DeliveryState, deliveryStates, type FailReason, type HoldReason, isNewer } from "../../model/Delivery.ts"
import { deliveryId, type WebhookId } from "../../model/Id.ts"
import { DeliveryTable, type DeliveryTableState, fingerprint } from "./DeliveryTable.ts"
import type { Finding, FindingKind, Findings } from "./Findings.ts"
import { MatchPositions, type MatchPositionsState } from "./MatchPositions.ts"
import type { AuditedRecord } from "./RecordScan.ts"

/** A sequence range of EVENTS: its deliveries are what is examined. */
export interface EventRange {
  readonly first: number
  readonly last: number
  /** Of the stream, when the audit began. */
  readonly streamLast: number
  /** Creation time of EVENTS: delivery ids are made of it. */
  readonly created: string
}

export const isWithin = ({ first, last }: EventRange, sequence: number): boolean =>
  sequence >= first && sequence <= last

/** In the order of the numbers in the table. */
export const states: ReadonlyArray<DeliveryState> = deliveryStates
const numberOf = new Map(states.map((state, number) => [state, number]))
const ended = states.indexOf("succeeded")

const reasonNumbers: Readonly<Record<HoldReason | FailReason, number>> = {
  busy: 1,
  in_flight: 2,
  /** Of a hold, and of the end that it comes to. */
  circuit: 3,
  paused: 4,
  rate: 5,
  shutdown: 6,
  secret: 7,
  local: 8,
  attempts: 9,
  expired: 10
}
const numberOfReason = new Map(Object.entries(reasonNumbers))
const reasons = new Map(Array.from(numberOfReason, ([reason, number]) => [number, reason]))

/** A delivery that is held or has failed, by its newest record. */
export interface Reason {
  /** Undefined: none that there is. */
  readonly reason: string | undefined
  /** Since when it is held, or of the record; broker milliseconds, as all times here. */
  readonly since: number
  /** When anything that its webhook held was last tried, or held again; 0: never, as far as was read. */
  readonly triedAt: number
}

/** Kinds and ends that only an attempt leads to. */
const isOfAttempt = ({ failReason, kind }: AuditedRecord): boolean =>
  kind === "succeeded" || kind === "attempt_failed" || (kind === "failed" && failReason === "attempts")

/** Attempts start by a clock that is measured against the broker's again and again: so many milliseconds say nothing. */
const clockSlack = 20

export interface RecordCounts {
  /** Messages of DELIVERIES that were read. */
  messages: number
  /** Records of deliveries in the range. */
  records: number
  /** Of events before the range, which may have left EVENTS, and behind it. */
  outside: number
  /** The very same record again. */
  repeatedRecords: number
  /** Records of a former owner, which know less than what is there: nobody follows them. */
  overtaken: number
  /** Attempts that were made again because nobody knew of the first one's record. */
  repeatedAttempts: number
}

export interface RecordFoldState {
  readonly table: DeliveryTableState
  readonly webhooks: ReadonlyArray<string>
  readonly triedAt: ReadonlyArray<number>
  readonly partitions: ReadonlyArray<readonly [number, MatchPositionsState]>
  readonly counts: RecordCounts
}

/**
 * The fold of DELIVERIES: the newest record of each delivery, by the rule of `evolve` (the highest pair of epoch and step), and on the way what of
 * a delivery's records cannot be in order.
 */
export class RecordFold {
  readonly table: DeliveryTable
  readonly counts: RecordCounts
  readonly #range: EventRange
  readonly #findings: Findings
  /** Ids by number. */
  readonly #webhooks: Array<string>
  readonly #numbers: Map<string, number>
  /** By a webhook's number: when anything that it held was last tried. */
  readonly #triedAt: Array<number>
  readonly #partitions: Map<number, MatchPositions>

  constructor(range: EventRange, findings: Findings, state?: RecordFoldState) {
    this.#range = range
    this.#findings = findings
    this.table = new DeliveryTable(Math.max(0, range.last - range.first + 1), state?.table)
    this.#webhooks = [...state?.webhooks ?? []]
    this.#triedAt = [...state?.triedAt ?? []]
    this.#numbers = new Map(this.#webhooks.map((id, number) => [id, number]))
    this.#partitions = new Map(
      (state?.partitions ?? []).map(([partition, state]) => [partition, new MatchPositions(state)])
    )
    this.counts = { ...state?.counts ?? none }
  }

  partition(number: number): MatchPositions {
    let known = this.#partitions.get(number)
    if (known === undefined) {
      known = new MatchPositions()
      this.#partitions.set(number, known)
    }
    return known
  }

  /** The number of a webhook that has a record; undefined when it has none. */
  numberOf(webhookId: string): number | undefined {
    return this.#numbers.get(webhookId)
  }

  webhookOf(row: number): WebhookId {
    return (this.#webhooks[this.table.columns.webhook[row] ?? 0] ?? "") as WebhookId
  }

  sequenceOf(row: number): number {
    return (this.table.columns.event[row] ?? 0) + this.#range.first
  }

  idOf(row: number): string {
    return deliveryId(this.#range.created, this.sequenceOf(row), this.webhookOf(row))
  }

  reasonOf(row: number): Reason {
    const { reason, since, webhook } = this.table.columns
    return {
      reason: reasons.get(reason[row] ?? 0),
      since: since[row] ?? 0,
      triedAt: this.#triedAt[webhook[row] ?? 0] ?? 0
    }
  }

  take(record: AuditedRecord, partition: number, stream: string, sequence: number): void {
    const { first, streamLast } = this.#range
    const { epoch, eventSequence, step } = record
    this.partition(partition).note(epoch, record.at, step === 1, eventSequence, record.webhooksSequence)
    if (eventSequence > streamLast) {
      return this.#found("no_event", record, stream, sequence, `EVENTS ends at ${streamLast}`)
    }
    if (!isWithin(this.#range, eventSequence)) {
      this.counts.outside++
      // Of what it was before nothing is known: it may have been held.
      if (step > 1) this.#tried(this.#number(record.webhookId), record)
      return
    }
    this.counts.records++
    if (record.startedAt === undefined && isOfAttempt(record)) {
      this.#found("impossible", record, stream, sequence, `${record.kind}, and no attempt that made it so`)
    }
    const { columns } = this.table
    const event = eventSequence - first
    const webhook = this.#number(record.webhookId)
    const row = this.table.find(event, webhook)
    if (row === -1) {
      const added = this.table.add(event, webhook)
      const { columns } = this.table
      columns.fingerprint[added] = fingerprint(record.workspaceId, record.eventType, record.eventId)
      columns.position[added] = record.webhooksSequence
      columns.revision[added] = record.webhookRevision
      if (!this.#counted(added, record, stream, sequence) && step !== 1) {
        this.#found("record_gap", record, stream, sequence, `its first record is its step ${step}`)
      }
      // Its own due time is the attempt's, unless a next one took its place.
      if (record.kind !== "attempt_failed") this.#early(record, record.dueAt, stream, sequence)
      return this.#keep(added, record)
    }
    const known = { epoch: columns.epoch[row] ?? 0, step: columns.step[row] ?? 0 }
    if (!isNewer(record, known)) {
      if (record.epoch === known.epoch && record.step === known.step) this.counts.repeatedRecords++
      else this.counts.overtaken++
      return
    }
    // A new owner goes on from what it has read: a step that is there already says that it did not know of that record.
    const unaware = step <= known.step
    if (!this.#counted(row, record, stream, sequence) && step > known.step + 1) {
      this.#found("record_gap", record, stream, sequence, `step ${step} follows on step ${known.step}`)
    }
    const state = columns.state[row] ?? 0
    if (states[state] === "held") this.#tried(webhook, record)
    if (!unaware && state >= ended && record.kind !== "retried") {
      this.#found("impossible", record, stream, sequence, `${record.kind} follows on ${states[state] ?? ""}`)
    }
    if (!unaware && record.round === columns.round[row]) {
      this.#early(record, columns.due[row] ?? 0, stream, sequence)
    }
    this.#keep(row, record)
  }

  /** Attempts are numbered without a gap. Says whether there was one. */
  #counted(row: number, record: AuditedRecord, stream: string, sequence: number): boolean {
    const { attempts } = this.table.columns
    const known = attempts[row] ?? 0
    const before = record.startedAt === undefined ? record.attempt : record.attempt - 1
    if (record.startedAt !== undefined && record.attempt <= known) this.counts.repeatedAttempts++
    attempts[row] = Math.max(known, record.attempt)
    if (before <= known) return false
    const missing = before === known + 1 ? `attempt ${before} has` : `attempts ${known + 1} to ${before} have`
    this.#found("attempt_gap", record, stream, sequence, `${missing} no record`)
    return true
  }

  #early(record: AuditedRecord, due: number, stream: string, sequence: number): void {
    const { startedAt } = record
    if (startedAt === undefined || startedAt >= due - clockSlack) return
    const [started, wanted] = [new Date(startedAt).toISOString(), new Date(due).toISOString()]
    this.#found("early", record, stream, sequence, `attempt ${record.attempt} began at ${started}, due at ${wanted}`)
  }

  #keep(row: number, record: AuditedRecord): void {
    const { columns } = this.table
    columns.epoch[row] = record.epoch
    columns.step[row] = record.step
    columns.round[row] = record.round
    columns.state[row] = numberOf.get(record.state) ?? 0
    columns.reason[row] = numberOfReason.get(record.heldReason ?? record.failReason ?? "") ?? 0
    columns.since[row] = record.heldReason === undefined ? record.at : Math.min(record.heldSince, record.at)
    columns.due[row] = record.dueAt
    columns.expires[row] = record.expiresAt
  }

  #tried(webhook: number, { at, kind, startedAt }: AuditedRecord): void {
    if (startedAt === undefined && kind !== "deferred") return
    this.#triedAt[webhook] = Math.max(this.#triedAt[webhook] ?? 0, at)
  }

  #number(webhookId: string): number {
    let number = this.#numbers.get(webhookId)
    if (number === undefined) {
      number = this.#webhooks.length
      this.#webhooks.push(webhookId)
      this.#triedAt.push(0)
      this.#numbers.set(webhookId, number)
    }
    return number
  }

  #found(
    kind: FindingKind,
    { eventId, eventSequence, webhookId, workspaceId }: AuditedRecord,
    stream: string,
    sequence: number,
    message: string
  ): void {
    this.#findings.add(kind, (): Omit<Finding, "kind"> => ({
      message,
      event_seq: eventSequence,
      event_id: eventId,
      workspace_id: workspaceId,
      webhook_id: webhookId,
      delivery_id: deliveryId(this.#range.created, eventSequence, webhookId as WebhookId),
      stream,
      sequence
    }))
  }

  dump(): RecordFoldState {
    return {
      table: this.table.dump(),
      webhooks: [...this.#webhooks],
      triedAt: [...this.#triedAt],
      partitions: Array.from(this.#partitions, ([partition, positions]) => [partition, positions.dump()] as const),
      counts: { ...this.counts }
    }
  }
}

const none: RecordCounts = {
  messages: 0,
  records: 0,
  outside: 0,
  repeatedRecords: 0,
  overtaken: 0,
  repeatedAttempts: 0
}
