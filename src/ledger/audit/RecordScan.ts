/**
 * Reads of a record on DELIVERIES what the audit needs, a few times faster than `decode` of ../Record.ts: the keys stand in the order in which
 * `encode` writes them, and everything before the outcome is a token, a number or a time. Whatever looks otherwise is read by `decode`; a test
 * shows that the two agree.
 */
import { Either } from "effect"
import type { DeliveryRecord, DeliveryState, RecordKind } from "../../model/Delivery.ts"
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
  expiresAt: 0,
  webhookRevision: 0,
  webhooksSequence: 0,
  epoch: 0,
  step: 0,
  startedAt: undefined
})

const kinds: ReadonlySet<string> = new Set<RecordKind>([
  "succeeded",
  "attempt_failed",
  "failed",
  "deferred",
  "suppressed",
  "retried"
])
const states: ReadonlySet<string> = new Set<DeliveryState>([
  "ready",
  "in_flight",
  "due",
  "held",
  "succeeded",
  "failed",
  "suppressed"
])
const isKind = (text: string): text is RecordKind => kinds.has(text)
const isState = (text: string): text is DeliveryState => states.has(text)

/** Whether records of this kind carry a delivery's state. */
export const isStateful = isKind

/** All that is read of one record stands in its first bytes: six tokens of 64, and numbers. Responses come behind it. */
const longestHead = 2048

/** Something is not as `encode` writes it. */
class Unusual extends Error {}

const backslash = 92
const beyondAscii = 128

export class RecordScanner {
  readonly #record = blank()
  #text = ""
  #at = 0
  readonly #seconds = new Map<string, number>()

  /** Calls `take` for each delivery that the message tells of, in order. Answers why it cannot be read, if so. */
  scan(data: Uint8Array, take: (record: AuditedRecord) => void): string | undefined {
    let taken = 0
    const count = (record: AuditedRecord) => {
      taken++
      take(record)
    }
    try {
      this.#fast(data, count)
      return undefined
    } catch (error) {
      if (!(error instanceof Unusual)) throw error
    } finally {
      this.#text = ""
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
      expiresAt: delivery.expiresAt,
      webhookRevision: delivery.webhookRevision,
      webhooksSequence: delivery.webhooksSequence,
      epoch: delivery.epoch,
      step: delivery.step,
      startedAt: outcome?.startedAt
    })
  }

  #fast(data: Uint8Array, take: (record: AuditedRecord) => void): void {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    if (bytes[bytes.length - 1] !== 0x7d) throw new Unusual()
    const record = this.#record
    this.#text = bytes.toString("latin1", 0, Math.min(bytes.length, longestHead))
    this.#at = 0
    this.#expect(`{"v":1,"kind":"`)
    const kind = this.#word()
    if (!isKind(kind)) throw new Unusual()
    record.kind = kind
    this.#expect(`,"at":"`)
    record.at = this.#time()
    this.#expect(`,"workspace_id":"`)
    record.workspaceId = this.#word()
    this.#expect(`,"webhook_id":"`)
    record.webhookId = this.#word()
    if (this.#passes(`,"deliveries":[{`)) {
      if (bytes.length > longestHead) this.#text = bytes.toString("latin1", 0, bytes.length)
      record.startedAt = undefined
      do {
        this.#state(record)
        this.#expect("}")
        take(record)
      } while (this.#passes(",{"))
      if (this.#text.length - this.#at !== 2) throw new Unusual()
      return this.#expect("]}")
    }
    this.#expect(",")
    this.#state(record)
    if (this.#passes(`,"outcome":{"class":"`)) {
      this.#word()
      this.#expect(`,"started_at":"`)
      record.startedAt = this.#time()
    } else {
      record.startedAt = undefined
      if (this.#at !== bytes.length - 1) throw new Unusual()
    }
    take(record)
  }

  #state(record: AuditedRecord): void {
    this.#expect(`"delivery_id":"`)
    this.#word()
    this.#expect(`,"event_id":"`)
    record.eventId = this.#word()
    this.#expect(`,"event":"`)
    record.eventType = this.#word()
    this.#expect(`,"event_seq":`)
    record.eventSequence = this.#number()
    this.#expect(`,"state":"`)
    const state = this.#word()
    if (!isState(state)) throw new Unusual()
    record.state = state
    this.#expect(`,"attempt":`)
    record.attempt = this.#number()
    this.#expect(`,"round":`)
    record.round = this.#number()
    this.#expect(`,"round_attempt":`)
    this.#number()
    this.#expect(`,"round_start":"`)
    this.#time()
    this.#expect(`,"due_at":"`)
    record.dueAt = this.#time()
    if (this.#passes(`,"held_reason":"`)) {
      this.#word()
      this.#expect(`,"held_since":"`)
      this.#time()
    }
    if (this.#passes(`,"fail_reason":"`)) this.#word()
    if (this.#passes(`,"published_at":"`)) this.#time()
    this.#expect(`,"expires_at":"`)
    record.expiresAt = this.#time()
    this.#expect(`,"webhook_revision":`)
    record.webhookRevision = this.#number()
    this.#expect(`,"webhooks_seq":`)
    record.webhooksSequence = this.#number()
    this.#expect(`,"epoch":`)
    record.epoch = this.#number()
    this.#expect(`,"step":`)
    record.step = this.#number()
  }

  #passes(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #expect(text: string): void {
    if (!this.#passes(text)) throw new Unusual()
  }

  /** Up to the next quotation mark, which is passed. */
  #word(): string {
    const end = this.#text.indexOf(`"`, this.#at)
    if (end === -1) throw new Unusual()
    for (let index = this.#at; index < end; index++) {
      const code = this.#text.charCodeAt(index)
      if (code === backslash || code >= beyondAscii || code < 32) throw new Unusual()
    }
    const word = this.#text.slice(this.#at, end)
    this.#at = end + 1
    return word
  }

  #number(): number {
    const from = this.#at
    let value = 0
    for (;; this.#at++) {
      const digit = this.#text.charCodeAt(this.#at) - 48
      if (!(digit >= 0 && digit <= 9)) break
      value = value * 10 + digit
    }
    const digits = this.#at - from
    // What comes behind the digits, a fraction too, is for the next literal to tell.
    if (digits === 0 || digits > 15 || (digits > 1 && this.#text.charCodeAt(from) === 48)) throw new Unusual()
    return value
  }

  /** `2026-11-24T01:29:52.084Z"`. Records are full of the same seconds. */
  #time(): number {
    const from = this.#at
    const second = this.#text.slice(from, from + 20)
    let known = this.#seconds.get(second)
    if (known === undefined) {
      if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.$/.test(second)) throw new Unusual()
      known = Date.parse(`${second}000Z`)
      if (Number.isNaN(known)) throw new Unusual()
      if (this.#seconds.size >= 100_000) this.#seconds.clear()
      this.#seconds.set(second, known)
    }
    const [hundreds, tens, ones] = [this.#digit(from + 20), this.#digit(from + 21), this.#digit(from + 22)]
    this.#at = from + 23
    this.#expect(`Z"`)
    return known + hundreds * 100 + tens * 10 + ones
  }

  #digit(at: number): number {
    const digit = this.#text.charCodeAt(at) - 48
    if (!(digit >= 0 && digit <= 9)) throw new Unusual()
    return digit
  }
}
