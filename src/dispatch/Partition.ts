/**
 * One partition of EVENTS while it is owned: each event is matched once, and let go when every match has an acknowledged record.
 *
 *     message ─▶ known? ─▶ parse ─▶ repeat? ─▶ match ─▶ offer to the endpoints ─▶ settled ─▶ ack, floor
 *                            └▶ quarantine        └▶ duplicate: recorded
 *
 * What must stay true: an event up to `floor` has a record for every match; one above it is open, settled, or still to come from our own
 * consumer. Acks are flow control only: a message that comes again meets the table of open events, or what is settled, and starts nothing.
 */
import type { ConsumedMessage, Consumption } from "../broker/Streams.ts"
import { headerNames, publishedSubject, quarantineSubject } from "../broker/Subjects.ts"
import type { Engine } from "../endpoint/Engine.ts"
import type { Identities } from "../ledger/Identities.ts"
import type { OpenLedger } from "../ledger/Ledger.ts"
import type { Recovered } from "../ledger/Recovery.ts"
import type { Snapshot } from "../ledger/Snapshots.ts"
import { readStoredEvent, storedTrace } from "../ledger/StoredEvent.ts"
import type { Catalogue } from "../model/Catalogue.ts"
import type { ParsedEvent, Rejection } from "../model/Event.ts"
import { isToken, type WebhookId } from "../model/Id.ts"
import { identity } from "../model/Identity.ts"
import { verdictOn } from "../model/Matching.ts"
import { printable } from "../model/Printable.ts"
import { traceHeaders } from "../model/TraceContext.ts"
import type { Webhook } from "../model/Webhook.ts"
import * as Telemetry from "../Telemetry.ts"

/** An event ends this long before EVENTS forgets it. */
const expiryMargin = 3_600_000

/** The longest subject that is kept whole in a header: four tokens of 64 and more than enough for what is none. */
const subjectLimit = 300

interface OpenEvent {
  message: ConsumedMessage
  /** Matches without an acknowledged record. */
  owed: number
  /** Webhooks whose delivery has one. */
  readonly recorded: Array<WebhookId>
}

interface PartitionEnvironment {
  /** Of the partition, or undefined for what stayed under `events.` because its subject has the wrong shape. */
  readonly partition: number
  readonly epoch: number
  readonly recovered: Recovered
  readonly ledger: OpenLedger
  readonly engine: Engine
  readonly catalogue: Catalogue
  readonly eventsCreated: string
  readonly eventsMaxAge: number
  /** Called after each event that was let go. */
  readonly progressed: () => void
  readonly matching: (workspaceId: string, eventType: string) => ReadonlyArray<Webhook>
}

export class Partition {
  readonly #env: PartitionEnvironment
  readonly #identities: Identities
  /** By sequence, in order: first deliveries come in stream order. */
  readonly #open = new Map<number, OpenEvent>()
  /** Settled, but above the floor. */
  readonly #settled = new Map<number, ReadonlyArray<WebhookId>>()
  #floor: number
  /** The highest sequence that was taken. */
  #highest: number
  /** Where reading for identities goes on, while that is behind the floor. */
  #identitiesFrom: number
  #webhooksSequence = 0
  #openBytes = 0
  consumption: Consumption | undefined
  /** The floor that POSITIONS has. */
  written = -1

  constructor(env: PartitionEnvironment) {
    this.#env = env
    this.#identities = env.recovered.identities
    this.#floor = env.recovered.floor
    this.#highest = env.recovered.floor
    this.#identitiesFrom = env.recovered.identitiesFrom
  }

  /** Where a consumer has to begin: what comes again is met by the table of open events and by what is settled. */
  get from(): number {
    return Math.min(this.#identitiesFrom, this.#floor + 1)
  }

  get openEvents(): number {
    return this.#open.size
  }

  get openBytes(): number {
    return this.#openBytes
  }

  /** Takes a message. `webhooksSequence`: the projection's, fenced after the message came. */
  take(message: ConsumedMessage, webhooksSequence: number): void {
    const { sequence } = message
    this.#identitiesFrom = Math.max(this.#identitiesFrom, sequence + 1)
    if (sequence <= this.#floor) {
      this.#noteOnly(message)
      return message.ack()
    }
    const open = this.#open.get(sequence)
    if (open !== undefined) {
      open.message = message
      return
    }
    if (this.#settled.has(sequence)) return message.ack()
    this.#highest = Math.max(this.#highest, sequence)
    this.#webhooksSequence = webhooksSequence
    const event: OpenEvent = { message, owed: 0, recorded: [] }
    this.#open.set(sequence, event)
    Telemetry.eventsPublished.add()
    this.#openBytes += message.data.byteLength
    // What has a record stays what that says it is, whatever is known of its type, or of its id, by now.
    const { duplicates, settled } = this.#env.recovered
    if (duplicates.has(sequence)) {
      event.owed = 1
      return this.#settle(event)
    }
    const accepted = settled.has(sequence)
    const catalogue = accepted ? undefined : this.#env.catalogue
    const parsed = readStoredEvent(message, this.#env.eventsCreated, catalogue)
    if (parsed._tag === "Rejection") return this.#quarantine(event, parsed)
    const known = identity(parsed.workspaceId, parsed.id)
    const first = this.#identities.note(known, sequence, message.time)
    if (first !== undefined && !accepted && !this.#isRelease(message, known, first)) {
      return this.#duplicate(event, parsed, first)
    }
    this.#match(event, parsed, webhooksSequence)
  }

  /** An event released from quarantine is no repeat of the message that was quarantined. */
  #isRelease(message: ConsumedMessage, known: string, first: number): boolean {
    const claims = message.header(headerNames.released) !== undefined &&
      message.header(headerNames.sequence) === String(first)
    return claims && this.#identities.release(known, first, message.sequence, message.time)
  }

  #match(open: OpenEvent, event: ParsedEvent, webhooksSequence: number): void {
    const { engine, eventsMaxAge, matching, partition, recovered } = this.#env
    const { message } = open
    const known = recovered.settled.get(message.sequence)
    const subscribed = matching(event.workspaceId, event.type)
    // Only hookline's own events are about a webhook.
    const webhooks = event.about === undefined
      ? subscribed
      : subscribed.filter((webhook) => verdictOn(webhook, event) === "matched")
    // One more than there are, so that the last of those that settle at once does not close the event before the others are offered.
    open.owed = webhooks.length + 1
    for (const webhook of webhooks) {
      const settled = () => {
        open.recorded.push(webhook.id)
        this.#settle(open)
      }
      if (known?.has(webhook.id)) {
        settled()
        continue
      }
      const match = {
        workspaceId: event.workspaceId,
        webhookId: webhook.id,
        eventId: event.id,
        eventType: event.type,
        eventSequence: message.sequence,
        webhookRevision: webhook.revision,
        webhooksSequence,
        publishedAt: message.time,
        expiresAt: message.time + eventsMaxAge - expiryMargin
      }
      engine.offer(match, webhook, event, partition, settled)
    }
    this.#settle(open)
  }

  #duplicate(open: OpenEvent, event: ParsedEvent, firstSequence: number): void {
    const { epoch, ledger } = this.#env
    const { sequence } = open.message
    open.owed = 1
    Telemetry.eventsDuplicate.add()
    ledger.duplicate(
      {
        at: ledger.now(),
        workspaceId: event.workspaceId,
        eventId: event.id,
        eventType: event.type,
        eventSequence: sequence,
        firstSequence,
        epoch
      },
      () => this.#settle(open)
    )
  }

  #quarantine(open: OpenEvent, rejection: Rejection): void {
    const { data, sequence, subject, time } = open.message
    const published = publishedSubject(subject)
    const workspace = published.split(".")[1] ?? ""
    open.owed = 1
    Telemetry.eventsQuarantined.add(rejection.reason)
    this.#env.ledger.append(
      {
        subject: quarantineSubject(isToken(workspace) ? workspace : "_", rejection.reason),
        data,
        messageId: `quarantine.${this.#env.eventsCreated}.${sequence}`,
        headers: {
          [headerNames.reason]: rejection.reason,
          [headerNames.message]: rejection.field === undefined
            ? rejection.message
            : `${rejection.field}: ${rejection.message}`,
          [headerNames.subject]: printable(published, subjectLimit),
          [headerNames.sequence]: String(sequence),
          [headerNames.time]: new Date(time).toISOString(),
          ...(rejection.id !== undefined && { [headerNames.eventId]: rejection.id }),
          ...traceHeaders(storedTrace(open.message))
        }
      },
      () => this.#settle(open)
    )
  }

  #settle(open: OpenEvent): void {
    if (--open.owed > 0) return
    const { message } = open
    this.#open.delete(message.sequence)
    this.#openBytes -= message.data.byteLength
    this.#settled.set(message.sequence, open.recorded)
    message.ack()
    this.#env.progressed()
  }

  /** An event that was settled by a former owner: only its identity is of interest. */
  #noteOnly(message: ConsumedMessage): void {
    // With the catalogue: what went to quarantine is no event, and its id is free for one.
    const event = readStoredEvent(message, this.#env.eventsCreated, this.#env.catalogue)
    if (event._tag === "Event") {
      this.#identities.note(identity(event.workspaceId, event.id), message.sequence, message.time, true)
    }
  }

  /** Moves the floor up to where everything is settled, and says where it is. */
  advance(): { readonly floor: number; readonly webhooksSequence: number } {
    const oldest = this.#open.keys().next().value
    this.#floor = oldest === undefined ? this.#highest : oldest - 1
    for (const sequence of this.#settled.keys()) if (sequence <= this.#floor) this.#settled.delete(sequence)
    return { floor: this.#floor, webhooksSequence: this.#webhooksSequence }
  }

  /** All of one moment: cheap references, encoded later. */
  capture(stream: string): Snapshot {
    const { floor, webhooksSequence } = this.advance()
    const settled: Array<readonly [number, ReadonlyArray<WebhookId>]> = Array.from(this.#settled)
    for (const [sequence, open] of this.#open) {
      if (open.recorded.length > 0) settled.push([sequence, [...open.recorded]])
    }
    return {
      epoch: this.#env.epoch,
      s0: this.#env.ledger.acknowledgedUpTo(stream),
      floor,
      webhooksSequence,
      live: this.#env.engine.live(this.#env.partition),
      spills: this.#env.engine.spills(this.#env.partition),
      settled,
      identities: this.#identities.entries()
    }
  }
}
