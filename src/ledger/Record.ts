/**
 * A delivery's records as they stand on DELIVERIES: JSON, snake_case, times ISO 8601, readable with the `nats` CLI. docs/messages.md has an
 * example of each kind.
 */
import { Data, Either } from "effect"
import type { AttemptOutcome } from "../model/Attempt.ts"
import {
  type Delivery,
  type DeliveryRecord,
  type DeliveryState,
  deliveryStates,
  type FailReason,
  type HoldReason,
  type RecordKind,
  recordKinds
} from "../model/Delivery.ts"
import { deliveryId, type EventId, type WebhookId, type WorkspaceId } from "../model/Id.ts"
import type { RetryRequest } from "../model/RetryRequest.ts"
import type { TestAttempt } from "../model/TestAttempt.ts"

/** The schema version of every record; a reader refuses a newer one and reads an older one for ever. */
const version = 1

/** At most this many deliveries share one `deferred` record (ARCHITECTURE: one webhook, up to 500 events). */
export const deferredLimit = 500

/** Milliseconds as ISO 8601. Records are full of the same few seconds: `toISOString` alone took 6 µs a record. */
const iso = (milliseconds: number): string => {
  const second = Math.floor(milliseconds / 1000)
  let text = seconds.get(second)
  if (text === undefined) {
    text = new Date(second * 1000).toISOString().slice(0, 20)
    if (seconds.size >= secondsLimit) seconds.clear()
    seconds.set(second, text)
  }
  return `${text}${String(milliseconds - second * 1000).padStart(3, "0")}Z`
}

const seconds = new Map<number, string>()
const secondsLimit = 10_000

/** The wire form of one delivery's state. Key order is what a person reads first. */
const stateToWire = (delivery: Delivery, eventsCreated: string) => ({
  delivery_id: deliveryId(eventsCreated, delivery.eventSequence, delivery.webhookId),
  event_id: delivery.eventId,
  event: delivery.eventType,
  event_seq: delivery.eventSequence,
  state: delivery.state,
  attempt: delivery.attempt,
  round: delivery.round,
  round_attempt: delivery.roundAttempt,
  round_start: iso(delivery.roundStart),
  due_at: iso(delivery.dueAt),
  held_reason: delivery.heldReason,
  held_since: delivery.heldReason === undefined ? undefined : iso(delivery.heldSince),
  fail_reason: delivery.failReason,
  published_at: iso(delivery.publishedAt),
  expires_at: iso(delivery.expiresAt),
  webhook_revision: delivery.webhookRevision,
  webhooks_seq: delivery.webhooksSequence,
  epoch: delivery.epoch,
  step: delivery.step
})

const outcomeToWire = (outcome: AttemptOutcome) => ({
  class: outcome.class,
  started_at: iso(outcome.startedAt),
  latency_ms: Math.round(outcome.latency * 1000) / 1000,
  status: outcome.status,
  error: outcome.error,
  address: outcome.address,
  retry_after_ms: outcome.retryAfter,
  headers: outcome.headers,
  response: outcome.response
})

/** The body of one record. */
export const encode = (record: DeliveryRecord, eventsCreated: string): string =>
  JSON.stringify({
    v: version,
    kind: record.kind,
    at: iso(record.at),
    workspace_id: record.delivery.workspaceId,
    webhook_id: record.delivery.webhookId,
    ...stateToWire(record.delivery, eventsCreated),
    outcome: record.outcome === undefined ? undefined : outcomeToWire(record.outcome)
  })

/** One body for many `deferred` records of one webhook. */
export const encodeDeferred = (records: ReadonlyArray<DeliveryRecord>, eventsCreated: string): string => {
  const first = records[0]
  return JSON.stringify({
    v: version,
    kind: "deferred",
    at: first === undefined ? undefined : iso(first.at),
    workspace_id: first?.delivery.workspaceId,
    webhook_id: first?.delivery.webhookId,
    deliveries: records.map((record) => stateToWire(record.delivery, eventsCreated))
  })
}

/** What a repeated event leaves behind instead of deliveries: the identity's first sequence won. */
export interface Duplicate {
  /** Broker milliseconds. */
  readonly at: number
  readonly workspaceId: WorkspaceId
  readonly eventId: EventId
  readonly eventType: string
  readonly eventSequence: number
  readonly firstSequence: number
  readonly epoch: number
}

export const encodeDuplicate = (duplicate: Duplicate): string =>
  JSON.stringify({
    v: version,
    kind: "duplicate",
    at: iso(duplicate.at),
    workspace_id: duplicate.workspaceId,
    event_id: duplicate.eventId,
    event: duplicate.eventType,
    event_seq: duplicate.eventSequence,
    first_seq: duplicate.firstSequence,
    epoch: duplicate.epoch
  })

export const encodeRetryRequest = (request: RetryRequest, eventsCreated: string): string =>
  JSON.stringify({
    v: version,
    kind: "retry_requested",
    at: iso(request.at),
    request_id: request.id,
    void_at: iso(request.expiresAt),
    seen_seq: request.seenSequence,
    answer_to: request.answerTo,
    backlog: request.backlog,
    workspace_id: request.delivery.workspaceId,
    webhook_id: request.delivery.webhookId,
    ...stateToWire(request.delivery, eventsCreated)
  })

export const encodeTest = (test: TestAttempt): string =>
  JSON.stringify({
    v: version,
    kind: "test",
    at: iso(test.at),
    workspace_id: test.workspaceId,
    webhook_id: test.webhookId,
    webhook_revision: test.webhookRevision,
    event_id: test.eventId,
    event: test.eventType,
    outcome: outcomeToWire(test.outcome)
  })

/** The same append tried again is stored once (the streams' duplicate window). */
export const messageId = (record: DeliveryRecord, count: number): string => {
  const { webhookId, eventSequence, epoch, step } = record.delivery
  return `${webhookId}.${eventSequence}.${epoch}.${step}.${count}`
}

/** A record that this version cannot read: it is not ours, or a newer hookline wrote it. */
export class UnreadableRecord extends Data.TaggedError("UnreadableRecord")<{ readonly detail: string }> {}

/** What a message on DELIVERIES says. */
export type Fact =
  | { readonly type: "deliveries"; readonly records: ReadonlyArray<DeliveryRecord> }
  | {
    readonly type: "duplicate"
    readonly workspaceId: WorkspaceId
    readonly eventId: EventId
    readonly eventSequence: number
    readonly firstSequence: number
  }
  | { readonly type: "retry_requested"; readonly request: RetryRequest }
  | { readonly type: "test"; readonly test: TestAttempt }
  /** A kind that a newer hookline writes. */
  | { readonly type: "other"; readonly kind: string }

type Wire = Readonly<Record<string, unknown>>

const stateful: ReadonlySet<string> = new Set(recordKinds)
const states: ReadonlySet<string> = new Set(deliveryStates)

class Bad extends Error {}

const text = (wire: Wire, key: string): string => {
  const value = wire[key]
  if (typeof value !== "string") throw new Bad(`${key} is no string`)
  return value
}

const number = (wire: Wire, key: string): number => {
  const value = wire[key]
  if (typeof value !== "number" || !Number.isFinite(value)) throw new Bad(`${key} is no number`)
  return value
}

const time = (wire: Wire, key: string): number => {
  const value = Date.parse(text(wire, key))
  if (Number.isNaN(value)) throw new Bad(`${key} is no time`)
  return value
}

const optionalText = (wire: Wire, key: string): string | undefined =>
  wire[key] === undefined ? undefined : text(wire, key)

// What comes from our own stream was written by `encode`: the brands and unions below were checked when it was written.
const stateFromWire = (wire: Wire, workspaceId: WorkspaceId, webhookId: WebhookId): Delivery => {
  const state = text(wire, "state")
  if (!states.has(state)) throw new Bad(`state is ${state}`)
  return {
    workspaceId,
    webhookId,
    eventId: text(wire, "event_id") as EventId,
    eventType: text(wire, "event"),
    eventSequence: number(wire, "event_seq"),
    webhookRevision: number(wire, "webhook_revision"),
    webhooksSequence: number(wire, "webhooks_seq"),
    state: state as DeliveryState,
    round: number(wire, "round"),
    attempt: number(wire, "attempt"),
    roundAttempt: number(wire, "round_attempt"),
    roundStart: time(wire, "round_start"),
    dueAt: time(wire, "due_at"),
    heldReason: optionalText(wire, "held_reason") as HoldReason | undefined,
    heldSince: wire["held_since"] === undefined ? 0 : time(wire, "held_since"),
    failReason: optionalText(wire, "fail_reason") as FailReason | undefined,
    // Records of before it was written: the round's start is the nearest they have.
    publishedAt: time(wire, wire["published_at"] === undefined ? "round_start" : "published_at"),
    expiresAt: time(wire, "expires_at"),
    epoch: number(wire, "epoch"),
    step: number(wire, "step")
  }
}

const outcomeFromWire = (wire: Wire): AttemptOutcome => ({
  class: text(wire, "class") as AttemptOutcome["class"],
  startedAt: time(wire, "started_at"),
  latency: number(wire, "latency_ms"),
  ...(wire["status"] !== undefined && { status: number(wire, "status") }),
  ...(wire["error"] !== undefined && { error: text(wire, "error") }),
  ...(wire["address"] !== undefined && { address: text(wire, "address") }),
  ...(wire["retry_after_ms"] !== undefined && { retryAfter: number(wire, "retry_after_ms") }),
  ...(wire["headers"] !== undefined && { headers: wire["headers"] as Readonly<Record<string, string>> }),
  ...(wire["response"] !== undefined && { response: text(wire, "response") })
})

const utf8 = new TextDecoder()

/** Reads a message's body. By hand, not by a Schema: recovery reads a hundred thousand of these before it is ready. */
export const decode = (body: Uint8Array): Either.Either<Fact, UnreadableRecord> => {
  try {
    const wire = JSON.parse(utf8.decode(body)) as Wire
    if (number(wire, "v") !== version) throw new Bad(`version ${String(wire["v"])}`)
    const kind = text(wire, "kind")
    if (kind === "duplicate") {
      return Either.right({
        type: "duplicate",
        workspaceId: text(wire, "workspace_id") as WorkspaceId,
        eventId: text(wire, "event_id") as EventId,
        eventSequence: number(wire, "event_seq"),
        firstSequence: number(wire, "first_seq")
      })
    }
    if (kind !== "retry_requested" && kind !== "test" && !stateful.has(kind)) {
      return Either.right({ type: "other", kind })
    }
    const at = time(wire, "at")
    const workspaceId = text(wire, "workspace_id") as WorkspaceId
    const webhookId = text(wire, "webhook_id") as WebhookId
    if (kind === "retry_requested") {
      const answerTo = optionalText(wire, "answer_to")
      return Either.right({
        type: "retry_requested",
        request: {
          id: text(wire, "request_id"),
          at,
          expiresAt: time(wire, "void_at"),
          seenSequence: number(wire, "seen_seq"),
          delivery: stateFromWire(wire, workspaceId, webhookId),
          ...(wire["backlog"] === true && { backlog: true as const }),
          ...(answerTo !== undefined && { answerTo })
        }
      })
    }
    if (kind === "test") {
      return Either.right({
        type: "test",
        test: {
          at,
          workspaceId,
          webhookId,
          webhookRevision: number(wire, "webhook_revision"),
          eventId: text(wire, "event_id") as EventId,
          eventType: text(wire, "event"),
          outcome: outcomeFromWire(wire["outcome"] as Wire)
        }
      })
    }
    const many = wire["deliveries"]
    const parts = Array.isArray(many) ? many as ReadonlyArray<Wire> : [wire]
    const records = parts.map((part): DeliveryRecord => {
      const delivery = stateFromWire(part, workspaceId, webhookId)
      const outcome = part["outcome"]
      return outcome === undefined
        ? { kind: kind as RecordKind, at, delivery }
        : { kind: kind as RecordKind, at, delivery, outcome: outcomeFromWire(outcome as Wire) }
    })
    return Either.right({ type: "deliveries", records })
  } catch (error) {
    return Either.left(new UnreadableRecord({ detail: error instanceof Error ? error.message : String(error) }))
  }
}
