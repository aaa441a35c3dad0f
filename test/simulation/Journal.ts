import type { StoredMessage } from "../../src/broker/Streams.ts"
import type { Process } from "./Process.ts"

/** A message that the broker stored. */
export interface Entry {
  readonly stream: string
  readonly message: StoredMessage
  readonly from: Process | undefined
  /** Milliseconds of the world. */
  readonly at: number
  readonly order: number
}

/** A worker with the lease, from when it got it. Milliseconds of the world. */
export interface Ownership {
  readonly process: Process
  readonly began: number
  /** When all of it ran; undefined: not yet. */
  ran?: number
  /** When it was told to stop. */
  stopped?: number
  /** When it was over: crashed, lost, or stopped in order. */
  ended?: number
}

/** What a worker answered to who asked for a retry. */
export interface Answer {
  readonly subject: string
  readonly answer: string
  readonly from: Process
  readonly at: number
  readonly order: number
}

export interface SavedSnapshot {
  readonly name: string
  readonly data: Uint8Array
  readonly order: number
}

/** A fold's state of a delivery as a record has it, read by the oracle's own eyes. */
export interface RecordState {
  readonly webhookId: string
  readonly workspaceId: string
  readonly eventId: string
  readonly eventSequence: number
  readonly kind: string
  readonly state: string
  readonly attempt: number
  readonly round: number
  readonly roundAttempt: number
  readonly roundStart: number
  readonly dueAt: number
  readonly failReason: string | undefined
  readonly heldReason: string | undefined
  readonly epoch: number
  readonly step: number
  readonly outcome: {
    readonly class: string
    readonly startedAt: number
    readonly latency: number
    readonly retryAfter: number
  } | undefined
  readonly entry: Entry
}

type Json = Readonly<Record<string, unknown>>

const timeOf = (value: unknown): number => Date.parse(String(value))

export const bodyOf = ({ message }: Entry): Json => JSON.parse(Buffer.from(message.data).toString()) as Json

/** Every state in a record of DELIVERIES; none in what carries none. */
export const statesOf = (entry: Entry): ReadonlyArray<RecordState> => {
  const body = bodyOf(entry)
  const parts = Array.isArray(body["deliveries"]) ? body["deliveries"] as ReadonlyArray<Json> : [body]
  const kind = String(body["kind"])
  if (kind === "duplicate" || kind === "retry_requested" || kind === "test") return []
  return parts.map((part) => {
    const outcome = part["outcome"] as Json | undefined
    return {
      webhookId: String(body["webhook_id"]),
      workspaceId: String(body["workspace_id"]),
      eventId: String(part["event_id"]),
      eventSequence: Number(part["event_seq"]),
      kind,
      state: String(part["state"]),
      attempt: Number(part["attempt"]),
      round: Number(part["round"]),
      roundAttempt: Number(part["round_attempt"]),
      roundStart: timeOf(part["round_start"]),
      dueAt: timeOf(part["due_at"]),
      failReason: part["fail_reason"] as string | undefined,
      heldReason: part["held_reason"] as string | undefined,
      epoch: Number(part["epoch"]),
      step: Number(part["step"]),
      outcome: outcome && {
        class: String(outcome["class"]),
        startedAt: timeOf(outcome["started_at"]),
        latency: Number(outcome["latency_ms"]),
        retryAfter: Number(outcome["retry_after_ms"] ?? 0)
      },
      entry
    }
  })
}
