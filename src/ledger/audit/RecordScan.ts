/**
 * Reads of a record on DELIVERIES what the audit needs, a few times faster than `decode` of ../Record.ts: the keys stand in the order in which
 * `encode` writes them, and everything before the outcome is a token, a number or a time. Whatever looks otherwise is read by `decode`; a test
 * shows that the two agree.
 */
import { Either } from "effect"
import {
  type DeliveryRecord,
  type DeliveryState,
  deliveryStates,
  type RecordKind,
  recordKinds
} from "../../model/Delivery.ts"
import { decode } from "../Record.ts"

/** What the audit knows of a record. One object is filled again and again: whoever keeps something copies it. */
export interface AuditedRecord {
  kind: RecordKind
  /** Broker milliseconds, as all times here. */
  at: number
  workspaceId: string
  webhookId: string
  eventId: string
  eventType: string
  eventSequence: number
  state: DeliveryState
  attempt: number
  round: number
  dueAt: number
  /** Both of a delivery that is held: why, and since when. */
  heldReason: string | undefined
  heldSince: number
  /** Of a delivery that has failed: why. */
  failReason: string | undefined
  expiresAt: number
  webhookRevision: number
  webhooksSequence: number
  epoch: number
  step: number
  /** When the attempt started that ended with this record; undefined: none did. */
  startedAt: number | undefined
}

const blank = (): AuditedRecord => ({
  kind: "deferred",
  at: 0,
  workspaceId: "",
  webhookId: "",
  eventId: "",
  eventType: "",
  eventSequence: 0,
  state: "held",
  attempt: 0,
  round: 0,
  dueAt: 0,
  heldReason: undefined,
  heldSince: 0,
  failReason: undefined,
  expiresAt: 0,
  webhookRevision: 0,
  webhooksSequence: 0,
  epoch: 0,
  step: 0,
  startedAt: undefined
})

const kinds: ReadonlySet<string> = new Set(recordKinds)
const states: ReadonlySet<string> = new Set(deliveryStates)
const isKind = (text: string): text is RecordKind => kinds.has(text)
const isState = (text: string): text is DeliveryState => states.has(text)

/** Whether records of this kind carry a delivery's state. */
export const isStateful = isKind

/** All that is read of one record stands in its first bytes: six tokens of 64, and numbers. Responses come behind it. */
const longestHead = 2048

/** Something is not as `encode` writes it. */
class Unusual extends Error {}

const literal = (text: string): Uint8Array => Buffer.from(text, "latin1")

/** What stands before each value. */
const before = {
  kind: literal(`{"v":1,"kind":"`),
  at: literal(`,"at":"`),
  workspaceId: literal(`,"workspace_id":"`),
  webhookId: literal(`,"webhook_id":"`),
  many: literal(`,"deliveries":[{`),
  next: literal(`,{`),
  end: literal(`]}`),
  comma: literal(","),
  brace: literal("}"),
  deliveryId: literal(`"delivery_id":"`),
  eventId: literal(`,"event_id":"`),
  event: literal(`,"event":"`),
  eventSequence: literal(`,"event_seq":`),
  state: literal(`,"state":"`),
  attempt: literal(`,"attempt":`),
  round: literal(`,"round":`),
  roundAttempt: literal(`,"round_attempt":`),
  roundStart: literal(`,"round_start":"`),
  dueAt: literal(`,"due_at":"`),
  heldReason: literal(`,"held_reason":"`),
  heldSince: literal(`,"held_since":"`),
  failReason: literal(`,"fail_reason":"`),
  publishedAt: literal(`,"published_at":"`),
  expiresAt: literal(`,"expires_at":"`),
  webhookRevision: literal(`,"webhook_revision":`),
  webhooksSequence: literal(`,"webhooks_seq":`),
  epoch: literal(`,"epoch":`),
  step: literal(`,"step":`),
  outcome: literal(`,"outcome":{"class":"`),
  startedAt: literal(`,"started_at":"`)
}

const [quote, backslash, zero, beyondAscii] = [0x22, 0x5c, 0x30, 0x80]
const [dash, colon, dot, letterT, letterZ] = [0x2d, 0x3a, 0x2e, 0x54, 0x5a]

export class RecordScanner {
  readonly #record = blank()
  #bytes: Uint8Array = new Uint8Array(0)
  #text = ""
  #at = 0
  /** The last day that was met, as a number of eight digits, and its beginning: records are full of the same few. */
  #day = 0
  #dayStart = 0

  /** Calls `take` for each delivery that the message tells of, in order. Answers why it cannot be read, if so. */
  scan(data: Uint8Array, take: (record: AuditedRecord) => void): string | undefined {
    let taken = 0
    try {
      this.#fast(data, (record) => {
        taken++
        take(record)
      })
      return undefined
    } catch (error) {
      if (!(error instanceof Unusual)) throw error
    }
    const decoded = decode(data)
    if (Either.isLeft(decoded)) return decoded.left.detail
    if (decoded.right.type !== "deliveries") return `its subject says another kind than ${decoded.right.type}`
    for (const record of decoded.right.records.slice(taken)) take(this.#filled(record))
    return undefined
  }

  #filled({ at, delivery, kind, outcome }: DeliveryRecord): AuditedRecord {
    return Object.assign(this.#record, {
      kind,
      at,
      workspaceId: delivery.workspaceId,
      webhookId: delivery.webhookId,
      eventId: delivery.eventId,
      eventType: delivery.eventType,
      eventSequence: delivery.eventSequence,
      state: delivery.state,
      attempt: delivery.attempt,
      round: delivery.round,
      dueAt: delivery.dueAt,
      heldReason: delivery.heldReason,
      heldSince: delivery.heldSince,
      failReason: delivery.failReason,
      expiresAt: delivery.expiresAt,
      webhookRevision: delivery.webhookRevision,
      webhooksSequence: delivery.webhooksSequence,
      epoch: delivery.epoch,
      step: delivery.step,
      startedAt: outcome?.startedAt
    })
  }

  #fast(data: Uint8Array, take: (record: AuditedRecord) => void): void {
    if (data[data.length - 1] !== before.brace[0]) throw new Unusual()
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    const record = this.#record
    this.#bytes = data
    this.#text = bytes.toString("latin1", 0, Math.min(bytes.length, longestHead))
    this.#at = 0
    this.#expect(before.kind)
    const kind = this.#word()
    if (!isKind(kind)) throw new Unusual()
    record.kind = kind
    this.#expect(before.at)
    record.at = this.#time()
    this.#expect(before.workspaceId)
    record.workspaceId = this.#word()
    this.#expect(before.webhookId)
    record.webhookId = this.#word()
    record.startedAt = undefined
    if (this.#passes(before.many)) {
      if (bytes.length > longestHead) this.#text = bytes.toString("latin1")
      do {
        this.#state(record)
        this.#expect(before.brace)
        take(record)
      } while (this.#passes(before.next))
      if (data.length - this.#at !== before.end.length) throw new Unusual()
      return this.#expect(before.end)
    }
    this.#expect(before.comma)
    this.#state(record)
    if (this.#passes(before.outcome)) {
      this.#skip()
      this.#expect(before.startedAt)
      record.startedAt = this.#time()
    } else if (this.#at !== data.length - 1) throw new Unusual()
    if (this.#at > longestHead) throw new Unusual()
    take(record)
  }

  #state(record: AuditedRecord): void {
    this.#expect(before.deliveryId)
    this.#skip()
    this.#expect(before.eventId)
    record.eventId = this.#word()
    this.#expect(before.event)
    record.eventType = this.#word()
    this.#expect(before.eventSequence)
    record.eventSequence = this.#number()
    this.#expect(before.state)
    const state = this.#word()
    if (!isState(state)) throw new Unusual()
    record.state = state
    this.#expect(before.attempt)
    record.attempt = this.#number()
    this.#expect(before.round)
    record.round = this.#number()
    this.#expect(before.roundAttempt)
    this.#number()
    this.#expect(before.roundStart)
    this.#time()
    this.#expect(before.dueAt)
    record.dueAt = this.#time()
    record.heldReason = undefined
    record.heldSince = 0
    if (this.#passes(before.heldReason)) {
      record.heldReason = this.#word()
      this.#expect(before.heldSince)
      record.heldSince = this.#time()
    }
    record.failReason = this.#passes(before.failReason) ? this.#word() : undefined
    if (this.#passes(before.publishedAt)) this.#time()
    this.#expect(before.expiresAt)
    record.expiresAt = this.#time()
    this.#expect(before.webhookRevision)
    record.webhookRevision = this.#number()
    this.#expect(before.webhooksSequence)
    record.webhooksSequence = this.#number()
    this.#expect(before.epoch)
    record.epoch = this.#number()
    this.#expect(before.step)
    record.step = this.#number()
  }

  #passes(expected: Uint8Array): boolean {
    const bytes = this.#bytes
    const at = this.#at
    for (let index = 0; index < expected.length; index++) {
      if (bytes[at + index] !== expected[index]) return false
    }
    this.#at = at + expected.length
    return true
  }

  #expect(expected: Uint8Array): void {
    if (!this.#passes(expected)) throw new Unusual()
  }

  /** Passes what stands before the next quotation mark, and it; gives where that is. */
  #skip(): number {
    const bytes = this.#bytes
    for (let at = this.#at; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (byte === quote) {
        this.#at = at + 1
        return at
      }
      if (byte === backslash || byte >= beyondAscii || byte < 0x20) break
    }
    throw new Unusual()
  }

  #word(): string {
    const from = this.#at
    return this.#text.slice(from, this.#skip())
  }

  #number(): number {
    const bytes = this.#bytes
    const from = this.#at
    let value = 0
    let at = from
    for (;; at++) {
      const digit = (bytes[at] ?? 0) - zero
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    this.#at = at
    // What comes behind the digits, a fraction too, is for the next literal to tell.
    if (at === from || at - from > 15 || (at - from > 1 && bytes[from] === zero)) throw new Unusual()
    return value
  }

  /** `2026-11-24T01:29:52.084Z"`. */
  #time(): number {
    const bytes = this.#bytes
    const at = this.#at
    const marks = bytes[at + 4] === dash && bytes[at + 7] === dash && bytes[at + 10] === letterT &&
      bytes[at + 13] === colon && bytes[at + 16] === colon && bytes[at + 19] === dot && bytes[at + 23] === letterZ &&
      bytes[at + 24] === quote
    if (!marks) throw new Unusual()
    const day = (this.#digits(at, 4) * 100 + this.#digits(at + 5, 2)) * 100 + this.#digits(at + 8, 2)
    if (day !== this.#day) {
      const start = Date.parse(this.#text.slice(at, at + 10))
      if (Number.isNaN(start)) throw new Unusual()
      this.#day = day
      this.#dayStart = start
    }
    const hours = this.#digits(at + 11, 2)
    const minutes = this.#digits(at + 14, 2)
    const seconds = this.#digits(at + 17, 2)
    // 24:00 and what is none at all are for whoever knows more of times.
    if (hours > 23 || minutes > 59 || seconds > 59) throw new Unusual()
    this.#at = at + 25
    return this.#dayStart + ((hours * 60 + minutes) * 60 + seconds) * 1000 + this.#digits(at + 20, 3)
  }

  #digits(from: number, count: number): number {
    let value = 0
    for (let at = from; at < from + count; at++) {
      const digit = (this.#bytes[at] ?? 0) - zero
      if (digit < 0 || digit > 9) throw new Unusual()
      value = value * 10 + digit
    }
    return value
  }
}
