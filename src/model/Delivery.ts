/**
 * One event owed to one webhook, as a state machine (ARCHITECTURE "A delivery").
 *
 *     (matched) ─▶ READY ─▶ INFLIGHT ─▶ SUCCEEDED | FAILED
 *                   │  ▲        │ ▲
 *                   ▼  │        ▼ │
 *                  HELD ┘      DUE ─▶ HELD …            SUPPRESSED, CANCELLED from any that waits
 *
 * A retry by hand takes any that waits or has ended back to READY.
 *
 * `decide` says what a happening does: the next state and, where the table has one, the record that must be acknowledged before the
 * next state is in force. `evolve` folds records, in any order and any number of times, to the state they leave: worker recovery, read models
 * and audit all use this one.
 */
import type { AttemptOutcome, LocalFault } from "./Attempt.ts"
import type { EventId, WebhookId, WorkspaceId } from "./Id.ts"
import { lastOffset, nextDue, type RetrySchedule } from "./RetrySchedule.ts"

/** Why a delivery is held. None of these uses up an attempt (CONTRACT 6). */
export type HoldReason = "busy" | "in_flight" | "circuit" | "paused" | "rate" | "shutdown" | "secret" | "local"

export const deliveryStates = ["ready", "in_flight", "due", "held", "succeeded", "failed", "suppressed"] as const
export type DeliveryState = (typeof deliveryStates)[number]

/** Why it failed for good: its attempts are used up, its event is about to leave the stream, or its circuit stayed open. */
export type FailReason = "attempts" | "expired" | "circuit"

/** A delivery's whole state; every record carries it. Times are broker milliseconds. */
export interface Delivery {
  readonly workspaceId: WorkspaceId
  readonly webhookId: WebhookId
  readonly eventId: EventId
  readonly eventType: string
  /** The event's sequence in EVENTS; with the webhook's id this is the delivery's key. */
  readonly eventSequence: number
  /** The webhook's revision and the projection's sequence when it was matched: what makes an audit exact. */
  readonly webhookRevision: number
  readonly webhooksSequence: number
  readonly state: DeliveryState
  /** Rounds count from 1; a manual retry begins a new one. */
  readonly round: number
  /** Attempts made so far, over all rounds; the next one has this number + 1. */
  readonly attempt: number
  /** Attempts made in this round: the `k` of CONTRACT 6. */
  readonly roundAttempt: number
  /** When the round's first attempt started; until then when it was matched or its retry was asked. */
  readonly roundStart: number
  /** When the next attempt is or was due; of one that is held, since when it could have gone out. */
  readonly dueAt: number
  readonly heldReason: HoldReason | undefined
  readonly heldSince: number
  readonly failReason: FailReason | undefined
  /** The broker's time of the event's message. */
  readonly publishedAt: number
  /** When its event is about to leave EVENTS: `publishedAt` + max_age − 1 h. */
  readonly expiresAt: number
  /** The owner that wrote it and a counter: the highest pair is the newest. */
  readonly epoch: number
  readonly step: number
}

/** The kinds of records on DELIVERIES that carry a delivery's state. */
export const recordKinds = ["succeeded", "attempt_failed", "failed", "deferred", "suppressed", "retried"] as const
export type RecordKind = (typeof recordKinds)[number]

export interface DeliveryRecord {
  readonly kind: RecordKind
  /** Broker milliseconds. */
  readonly at: number
  readonly delivery: Delivery
  /** The attempt that ended with this record. */
  readonly outcome?: AttemptOutcome
}

/** What happens to a delivery. `at` is broker time. */
export type Happening =
  | { readonly type: "started"; readonly at: number }
  | { readonly type: "finished"; readonly at: number; readonly outcome: AttemptOutcome }
  /** A fault on our side or a shutdown ended the attempt: nothing is charged. */
  | { readonly type: "faulted"; readonly at: number; readonly reason: LocalFault["class"] }
  /** The attempt runs for 2 s and its event is still open: recorded, and it goes on. */
  | { readonly type: "still_running"; readonly at: number }
  | { readonly type: "deferred"; readonly at: number; readonly reason: HoldReason }
  /** Its webhook is disabled and it would be its turn. */
  | { readonly type: "disabled"; readonly at: number }
  | { readonly type: "expired"; readonly at: number }
  | { readonly type: "circuit_exhausted"; readonly at: number }
  | { readonly type: "retry_requested"; readonly at: number }

/** What a happening does. No record: nothing is owed to the stream, `next` is in force at once. */
export interface Decision {
  readonly next: Delivery
  readonly record: DeliveryRecord | undefined
}

/** The happening does not apply to this state; nothing changes. For a retry the reason is shown to whoever asked. */
export interface Refused {
  readonly refused: "already_running" | "not_applicable"
}

export interface Rules {
  readonly retries: RetrySchedule
  /** The epoch of the partition's owner. */
  readonly epoch: number
}

/** A circuit that stays open this long after the schedule's end, or the start of the hold, fails what it holds (CONTRACT 6). */
export const circuitPatience = 24 * 3_600_000

/** What a match knows of the delivery it makes. */
export type Match = Pick<
  Delivery,
  | "workspaceId"
  | "webhookId"
  | "eventId"
  | "eventType"
  | "eventSequence"
  | "webhookRevision"
  | "webhooksSequence"
  | "publishedAt"
  | "expiresAt"
>

/** A match makes a delivery that is READY; what a paused or disabled webhook makes of it says `decide`. */
export const matched = (input: Match, at: number, rules: Rules): Delivery => ({
  workspaceId: input.workspaceId,
  webhookId: input.webhookId,
  eventId: input.eventId,
  eventType: input.eventType,
  eventSequence: input.eventSequence,
  webhookRevision: input.webhookRevision,
  webhooksSequence: input.webhooksSequence,
  state: "ready",
  round: 1,
  attempt: 0,
  roundAttempt: 0,
  roundStart: at,
  dueAt: at,
  heldReason: undefined,
  heldSince: 0,
  failReason: undefined,
  publishedAt: input.publishedAt,
  expiresAt: input.expiresAt,
  epoch: rules.epoch,
  step: 0
})

const waiting: ReadonlySet<DeliveryState> = new Set<DeliveryState>(["ready", "due", "held"])

/** The states in which a delivery still has something before it. */
export const isLive = (delivery: Delivery): boolean => delivery.state === "in_flight" || waiting.has(delivery.state)

type Change = Partial<
  Pick<
    Delivery,
    "state" | "round" | "attempt" | "roundAttempt" | "roundStart" | "dueAt" | "heldReason" | "heldSince" | "failReason"
  >
>

const held = (delivery: Delivery, reason: HoldReason, at: number): Change => ({
  state: "held",
  heldReason: reason,
  heldSince: delivery.state === "held" ? delivery.heldSince : at
})

const recorded = (
  kind: RecordKind,
  delivery: Delivery,
  at: number,
  rules: Rules,
  change: Change,
  outcome?: AttemptOutcome
): Decision => {
  const next: Delivery = {
    ...delivery,
    heldReason: undefined,
    heldSince: 0,
    ...change,
    epoch: rules.epoch,
    step: delivery.step + 1
  }
  return { next, record: outcome === undefined ? { kind, at, delivery: next } : { kind, at, delivery: next, outcome } }
}

const notApplicable: Refused = { refused: "not_applicable" }

type Handler<T extends Happening["type"]> = {
  readonly from: ReadonlySet<DeliveryState>
  readonly decide: (delivery: Delivery, happening: Extract<Happening, { type: T }>, rules: Rules) => Decision
}

const inFlight: ReadonlySet<DeliveryState> = new Set<DeliveryState>(["in_flight"])
const heldOnly: ReadonlySet<DeliveryState> = new Set<DeliveryState>(["held"])
const settled: ReadonlySet<DeliveryState> = new Set<DeliveryState>(["succeeded", "failed", "suppressed"])

/** The table of ARCHITECTURE, a row a happening: the states it applies to and what it does there. */
const table: { readonly [T in Happening["type"]]: Handler<T> } = {
  started: {
    from: waiting,
    decide: (delivery) => ({
      next: { ...delivery, state: "in_flight" },
      record: undefined
    })
  },
  finished: {
    from: inFlight,
    decide: (delivery, { at, outcome }, rules) => {
      const counted: Change = {
        attempt: delivery.attempt + 1,
        roundAttempt: delivery.roundAttempt + 1,
        roundStart: delivery.roundAttempt === 0 ? outcome.startedAt : delivery.roundStart
      }
      if (outcome.class === "success") {
        return recorded("succeeded", delivery, at, rules, { ...counted, state: "succeeded" }, outcome)
      }
      const due = nextDue(rules.retries, {
        start: counted.roundStart ?? at,
        k: counted.roundAttempt ?? 1,
        endedAt: outcome.startedAt + outcome.latency,
        ...(outcome.retryAfter !== undefined && { retryAfter: outcome.retryAfter })
      })
      return due === undefined
        ? recorded("failed", delivery, at, rules, { ...counted, state: "failed", failReason: "attempts" }, outcome)
        : recorded("attempt_failed", delivery, at, rules, { ...counted, state: "due", dueAt: Math.ceil(due) }, outcome)
    }
  },
  faulted: {
    from: inFlight,
    decide: (delivery, { at, reason }, rules) => recorded("deferred", delivery, at, rules, held(delivery, reason, at))
  },
  still_running: {
    from: inFlight,
    decide: (delivery, { at }, rules) => {
      const { next, record } = recorded("deferred", delivery, at, rules, held(delivery, "in_flight", at))
      return { next: { ...next, state: "in_flight" }, record }
    }
  },
  deferred: {
    from: new Set<DeliveryState>(["ready", "due"]),
    decide: (delivery, { at, reason }, rules) => recorded("deferred", delivery, at, rules, held(delivery, reason, at))
  },
  disabled: {
    from: waiting,
    decide: (delivery, { at }, rules) => recorded("suppressed", delivery, at, rules, { state: "suppressed" })
  },
  // In flight too: the body may turn out to be gone when it is fetched, before any request.
  expired: {
    from: new Set<DeliveryState>([...waiting, "in_flight"]),
    decide: (delivery, { at }, rules) =>
      recorded("failed", delivery, at, rules, { state: "failed", failReason: "expired" })
  },
  circuit_exhausted: {
    from: heldOnly,
    decide: (delivery, { at }, rules) =>
      recorded("failed", delivery, at, rules, { state: "failed", failReason: "circuit" })
  },
  // Recorded before it is answered: whoever was told "accepted" gets the attempt, whatever crashes (docs/adr/0013).
  retry_requested: {
    from: new Set<DeliveryState>([...waiting, ...settled]),
    decide: (delivery, { at }, rules) => {
      // About to go: there is nothing to move.
      if (delivery.state === "ready") return { next: delivery, record: undefined }
      const anew: Change = { round: delivery.round + 1, roundAttempt: 0, roundStart: at, failReason: undefined }
      const change = settled.has(delivery.state) ? anew : {}
      return recorded("retried", delivery, at, rules, { ...change, state: "ready", dueAt: at })
    }
  }
}

/** What a happening does to a delivery; `Refused` where the table has no such row. */
export const decide = (delivery: Delivery, happening: Happening, rules: Rules): Decision | Refused => {
  const handler = table[happening.type] as Handler<Happening["type"]>
  if (handler.from.has(delivery.state)) return handler.decide(delivery, happening as never, rules)
  return happening.type === "retry_requested" ? { refused: "already_running" } : notApplicable
}

/** Since a delivery that a circuit holds may be given up: 24 h after the later of its schedule's end and the start of the hold. */
export const circuitLimit = (delivery: Delivery, circuitOpenedAt: number, retries: RetrySchedule): number =>
  Math.max(delivery.roundStart + lastOffset(retries), Math.max(delivery.heldSince, circuitOpenedAt)) + circuitPatience

/** True when `candidate` was written after `known`: by a later owner, or by the same one in a later step. */
export const isNewer = (
  candidate: Pick<Delivery, "epoch" | "step">,
  known: Pick<Delivery, "epoch" | "step">
): boolean => candidate.epoch > known.epoch || (candidate.epoch === known.epoch && candidate.step > known.step)

/** Folds a record into what is known of its delivery. Order and repetition do not matter: the highest (epoch, step) stays. */
export const evolve = (known: Delivery | undefined, record: DeliveryRecord): Delivery =>
  known === undefined || isNewer(record.delivery, known) ? record.delivery : known
