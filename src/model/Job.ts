import { Schema } from "effect"
import { randomBytes } from "node:crypto"
import type { Delivery } from "./Delivery.ts"
import { WebhookId, WorkspaceId } from "./Id.ts"

/**
 * A recovery: many deliveries of one webhook are sent again, one retry each. The job says how far it has come, so that whoever takes it over after
 * a crash goes on from there.
 *
 *     running ──▶ done
 *        ├──────▶ cancelled, by whoever asks
 *        └──────▶ failed: its webhook was disabled or deleted, or a fault of ours
 */
export const jobStates = ["running", "done", "cancelled", "failed"] as const

/** What is sent again. `all` is everything that has ended; what still waits comes by itself. */
export const recoverables = {
  failed: ["failed"],
  suppressed: ["suppressed"],
  all: ["succeeded", "failed", "suppressed"]
} as const
export const onlyValues = ["failed", "suppressed", "all"] as const satisfies ReadonlyArray<keyof typeof recoverables>
export type Only = (typeof onlyValues)[number]

/**
 * Why a delivery was not sent again. `already_running`: an attempt was under way. `retried_meanwhile`: it was retried after the job was made, by
 * hand, or by this job shortly before its process was killed. `event_expired`: there is nothing left to send.
 */
const skipReasons = ["already_running", "retried_meanwhile", "event_expired"] as const
export type SkipReason = (typeof skipReasons)[number]

/** Why a job failed. */
export const jobErrors = ["webhook_disabled", "webhook_deleted", "fault"] as const
export type JobError = (typeof jobErrors)[number]

/** Retries a second. */
export const rates = { lowest: 1, highest: 10_000, default: 100 } as const

const Time = Schema.transform(Schema.String, Schema.Number, {
  strict: true,
  decode: (text) => Date.parse(text),
  encode: (time) => new Date(time).toISOString()
})
const named = <A, I>(name: string, schema: Schema.Schema<A, I>) =>
  Schema.propertySignature(schema).pipe(Schema.fromKey(name))

/** As it lies in JOBS. Times are broker milliseconds. */
export const Job = Schema.Struct({
  v: Schema.Literal(1),
  id: Schema.String,
  type: Schema.Literal("recover"),
  workspaceId: named("workspace_id", WorkspaceId),
  webhookId: named("webhook_id", WebhookId),
  only: Schema.Literal(...onlyValues),
  /** When the events were published: from this time on (null: from the first), before that one. */
  from: Schema.NullOr(Time),
  to: Time,
  /** Retries a second, at most. */
  rate: Schema.Number,
  state: Schema.Literal(...jobStates),
  /** How many there are to send again: counted when it is made, and once more when it begins. */
  total: Schema.Number,
  /** Every delivery of an event up to this sequence of EVENTS is settled, and counted below. */
  cursor: Schema.Number,
  /** The sequence of the workspace's DELIVERIES stream when it was made: a history has to be as far before it can tell what to send. */
  seenSequence: named("seen_seq", Schema.Number),
  /** Retries that are recorded. */
  accepted: Schema.Number,
  skipped: Schema.Struct({
    already_running: Schema.Number,
    retried_meanwhile: Schema.Number,
    event_expired: Schema.Number
  }),
  createdAt: named("created_at", Time),
  updatedAt: named("updated_at", Time),
  finishedAt: named("finished_at", Schema.NullOr(Time)),
  error: Schema.NullOr(Schema.Literal(...jobErrors)),
  /** Who works on it: random, so that one who was cut off does not write over its successor. */
  runner: Schema.NullOr(Schema.String)
})
export type Job = typeof Job.Type

/** Newest last in the order of text: the first 12 digits are the time. */
export const newJobId = (at: number): string =>
  `job_${at.toString(16).padStart(12, "0")}${randomBytes(8).toString("hex")}`

export const settledOf = ({ accepted, skipped }: Pick<Job, "accepted" | "skipped">): number =>
  accepted + skipReasons.reduce((sum, reason) => sum + skipped[reason], 0)

/** The job at its end. What was to be sent and never came up had been retried before its turn: it no longer was what the job sends. */
export const finished = (job: Job, state: "done" | "cancelled" | "failed", at: number, error?: JobError): Job => {
  const missing = state === "done" ? Math.max(0, job.total - settledOf(job)) : 0
  return {
    ...job,
    state,
    total: Math.max(job.total, settledOf(job)),
    skipped: { ...job.skipped, retried_meanwhile: job.skipped.retried_meanwhile + missing },
    updatedAt: at,
    finishedAt: at,
    error: error ?? null,
    runner: null
  }
}

/** Whether a delivery began a new round after the job was made: it is not sent a second time for the same job. */
export const retriedSince = (
  { round, roundStart }: Pick<Delivery, "round" | "roundStart">,
  job: Pick<Job, "createdAt">
) => round > 1 && roundStart >= job.createdAt
