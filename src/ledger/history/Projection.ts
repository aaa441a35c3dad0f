/**
 * The history as a fold: what each message of EVENTS, WEBHOOKS, DELIVERIES and QUARANTINE does to the tables.
 *
 * What must stay true: the tables are a function of the messages alone. Streams are read side by side, so no message may count on one of another
 * stream having been read before. A stream's position is written in the transaction that holds what its messages did: read twice, they do it once.
 */
import { Either, Option } from "effect"
import type { StoredMessage } from "../../broker/Streams.ts"
import { headerNames, parseQuarantineSubject, streamNames } from "../../broker/Subjects.ts"
import type { Delivery, DeliveryRecord } from "../../model/Delivery.ts"
import { deliveryId } from "../../model/Id.ts"
import { decodeFact } from "../../model/WebhookFacts.ts"
import { decode } from "../Record.ts"
import { readStoredEvent } from "../StoredEvent.ts"
import { Healths } from "./Health.ts"
import { Numbers } from "./Numbers.ts"
import { Series } from "./Series.ts"
import type { Sqlite } from "./Sqlite.ts"
import { numberOf, statusOf } from "./Status.ts"

/** A delivery's id as an index holds it: 48 bits, which a number holds exactly; whoever looks one up compares the whole. */
export const keyOf = (deliveryId: string): number => Number.parseInt(deliveryId.slice(4, 16), 16)

const state =
  "state, round, attempt, round_attempt, round_start, due_at, held_reason, held_since, fail_reason, published_at, expires_at, webhook_revision, webhooks_sequence, epoch, step"

/** In the order of `state`. */
const stateOf = (delivery: Delivery) => [
  delivery.state,
  delivery.round,
  delivery.attempt,
  delivery.roundAttempt,
  delivery.roundStart,
  delivery.dueAt,
  delivery.heldReason ?? null,
  delivery.heldSince,
  delivery.failReason ?? null,
  delivery.publishedAt,
  delivery.expiresAt,
  delivery.webhookRevision,
  delivery.webhooksSequence,
  delivery.epoch,
  delivery.step
]

const identity = "event_sequence, webhook, workspace, type, key, event_id"
const recordColumns = "status, updated_at, record_sequence"
const lastColumns = "last_class, last_status, last_latency, last_error"

const upsert = (columns: string, changed: string): string => {
  const names = columns.split(", ")
  const sets = changed.split(", ").map((name) => `${name} = excluded.${name}`)
  // As `isNewer` in model/Delivery.ts, by which `evolve` folds.
  return `INSERT INTO deliveries (${columns}) VALUES (${names.map(() => "?").join(", ")}) ON CONFLICT DO UPDATE SET ${
    sets.join(", ")
  } WHERE excluded.epoch > epoch OR (excluded.epoch = epoch AND excluded.step > step)`
}

const waited = upsert(`${identity}, ${recordColumns}, ${state}`, `${recordColumns}, ${state}`)
const ended = upsert(
  `${identity}, ${recordColumns}, ${state}, ${lastColumns}`,
  `${recordColumns}, ${state}, ${lastColumns}`
)

export class Projection {
  readonly #file: Sqlite
  readonly #eventsCreated: string
  readonly #numbers: Numbers
  readonly #healths: Healths
  readonly #series: Series
  readonly #positions = new Map<string, number>()
  readonly #deleted = new Set<number>()
  /** Sequences of EVENTS below this have left it: what is known of them is known from their deliveries. */
  firstEvent = 0
  #open = false
  /** Messages since the last commit. */
  uncommitted = 0
  /** Messages that could not be read, and the last one's trouble. */
  unreadable = 0
  problem = ""

  constructor(file: Sqlite, eventsCreated: string) {
    this.#file = file
    this.#eventsCreated = eventsCreated
    this.#numbers = new Numbers(file)
    this.#healths = new Healths(file)
    this.#series = new Series(file)
    for (const [stream, sequence] of file.statement("SELECT stream, sequence FROM positions").all([])) {
      this.#positions.set(String(stream), Number(sequence))
    }
    for (const [number] of file.statement("SELECT number FROM webhooks WHERE deleted = 1").all([])) {
      this.#deleted.add(Number(number))
    }
  }

  /** The sequence of a stream up to which its messages are contained, those not committed included. */
  position(stream: string): number {
    return this.#positions.get(stream) ?? 0
  }

  take(stream: string, message: StoredMessage): void {
    if (message.sequence <= this.position(stream)) return
    this.#begin()
    if (stream === streamNames.events) this.#event(message)
    else if (stream === streamNames.webhooks) this.#fact(message)
    else if (stream === streamNames.quarantine) this.#quarantined(message)
    else this.#record(message)
    this.#positions.set(stream, message.sequence)
    this.uncommitted++
  }

  /** There is nothing up to this sequence that would be taken. */
  passTo(stream: string, sequence: number): void {
    if (sequence <= this.position(stream)) return
    this.#begin()
    this.#positions.set(stream, sequence)
  }

  #begin(): void {
    if (this.#open) return
    this.#file.exec("BEGIN")
    this.#open = true
  }

  commit(): void {
    if (!this.#open) return
    this.#healths.write()
    this.#series.write()
    const position = this.#file.statement("UPDATE positions SET sequence = ? WHERE stream = ?")
    for (const [stream, sequence] of this.#positions) position.run([sequence, stream])
    this.#file.exec("COMMIT")
    this.#open = false
    this.uncommitted = 0
  }

  // --- EVENTS, QUARANTINE

  #event(message: StoredMessage): void {
    const event = readStoredEvent(message, this.#eventsCreated, undefined)
    if (event._tag === "Rejection") return
    this.#file.statement(
      "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET size = excluded.size"
    ).run([
      message.sequence,
      this.#numbers.workspace(event.workspaceId),
      this.#numbers.type(event.type),
      event.id,
      message.time,
      message.data.byteLength
    ])
  }

  #quarantined(message: StoredMessage): void {
    const sequence = Number(message.header(headerNames.sequence))
    const place = Option.getOrUndefined(parseQuarantineSubject(message.subject))
    // What was released leaves a message without it.
    if (!(sequence > 0) || place === undefined) return
    this.#file.statement("INSERT INTO quarantined VALUES (?, ?, ?) ON CONFLICT DO NOTHING").run([
      sequence,
      message.sequence,
      place.reason
    ])
  }

  // --- WEBHOOKS

  #fact(message: StoredMessage): void {
    const decoded = decodeFact(message.data)
    if (Either.isLeft(decoded)) return this.#passOver(message, decoded.left)
    const fact = decoded.right
    const webhook = this.#numbers.webhook(fact.webhookId, fact.workspaceId)
    this.#file.statement("INSERT INTO facts VALUES (?, ?, ?, ?)").run([
      message.sequence,
      webhook,
      message.time,
      Buffer.from(message.data).toString("utf8")
    ])
    if (fact.type !== "webhook.deleted") return
    this.#deleted.add(webhook)
    this.#file.statement("UPDATE webhooks SET deleted = 1 WHERE number = ?").run([webhook])
    this.#file.statement("UPDATE deliveries SET status = ? WHERE webhook = ? AND status IN (?, ?)").run([
      numberOf("cancelled"),
      webhook,
      numberOf("retrying"),
      numberOf("held")
    ])
  }

  // --- DELIVERIES

  #record(message: StoredMessage): void {
    const decoded = decode(message.data)
    if (Either.isLeft(decoded)) return this.#passOver(message, decoded.left.detail)
    const fact = decoded.right
    if (fact.type === "duplicate") {
      this.#file.statement("INSERT INTO duplicates VALUES (?, ?) ON CONFLICT DO NOTHING").run([
        fact.eventSequence,
        fact.firstSequence
      ])
    }
    if (fact.type !== "deliveries") return
    for (const record of fact.records) this.#delivery(record, message.sequence)
  }

  #delivery({ at, delivery, outcome }: DeliveryRecord, sequence: number): void {
    const workspace = this.#numbers.workspace(delivery.workspaceId)
    const webhook = this.#numbers.webhook(delivery.webhookId, delivery.workspaceId)
    const type = this.#numbers.type(delivery.eventType)
    const { eventId, eventSequence } = delivery
    if (eventSequence < this.firstEvent) {
      this.#file.statement("INSERT INTO events VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING").run([
        eventSequence,
        workspace,
        type,
        eventId,
        delivery.publishedAt
      ])
    }
    const key = keyOf(deliveryId(this.#eventsCreated, eventSequence, delivery.webhookId))
    const status = numberOf(statusOf(delivery, this.#deleted.has(webhook)))
    const values = [eventSequence, webhook, workspace, type, key, eventId, status, at, sequence, ...stateOf(delivery)]
    if (outcome === undefined) return void this.#file.statement(waited).run(values)
    this.#file.statement(ended).run([
      ...values,
      outcome.class,
      outcome.status ?? null,
      outcome.latency,
      outcome.error ?? null
    ])
    // A record that is stored a second time tells of no second attempt.
    const added = this.#file.statement("INSERT INTO attempts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING").run([
      eventSequence,
      webhook,
      delivery.attempt,
      delivery.epoch,
      sequence
    ])
    if (added === 0) return
    this.#healths.attempted(webhook, outcome)
    this.#series.attempted(webhook, outcome)
  }

  #passOver(message: StoredMessage, problem: string): void {
    this.unreadable++
    this.problem = `${message.subject} at ${message.sequence}: ${problem}`
  }
}
