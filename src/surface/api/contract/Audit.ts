import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Error from "../Errors.ts"
import { Authentication, doc, exact, Time, TimeQuery } from "./Common.ts"

const count = Schema.Number

const Finding = Schema.Struct({
  kind: Schema.String.annotations({
    description: "What is wrong, as a word for programs; docs/auditing.md explains each, and new ones may come.",
    examples: ["missing"]
  }),
  message: Schema.String,
  event_seq: Schema.optional(count).annotations({ description: "The event's sequence in EVENTS." }),
  event_id: Schema.optional(Schema.String),
  workspace_id: Schema.optional(Schema.String),
  webhook_id: Schema.optional(Schema.String),
  delivery_id: Schema.optional(Schema.String),
  stream: Schema.optional(Schema.String).annotations({
    description: "Where the message stands that shows it, with `sequence`."
  }),
  sequence: Schema.optional(count)
}).annotations({ identifier: "AuditFinding" })

const Line = Schema.Struct({
  state: Schema.Literal("due", "held", "ready", "open", "cancelled", "either_way"),
  delivery_id: Schema.String,
  event_seq: count,
  webhook_id: Schema.String,
  workspace_id: Schema.String,
  due_at: exact(Time)
}).annotations({ identifier: "AuditedDelivery" })

const Report = Schema.Struct({
  verdict: Schema.Literal("proven", "findings", "unknown").annotations({
    description: "`proven`: nothing owed is missing; `unknown`: nothing was found, and not everything could be told."
  }),
  unknown: Schema.Array(Schema.String).annotations({ description: "Why not everything could be told." }),
  from: Schema.NullOr(Time),
  to: Schema.NullOr(Time),
  at: Time.annotations({ description: "What was stored by then was looked at." }),
  event_range: Schema.Struct({ first_seq: count, last_seq: count }),
  worker_running: Schema.Boolean,
  counts: Schema.Struct({
    events: count,
    webhooks: count,
    messages: count,
    records: count,
    deliveries: count,
    outcomes: Schema.Struct({ succeeded: count, failed: count, suppressed: count, cancelled: count }),
    live: Schema.Struct({ due: count, held: count, ready: count, open: count }),
    either_way: count,
    duplicates: count,
    quarantined: count,
    aged: count,
    outside: count,
    repeated_records: count,
    repeated_attempts: count,
    overtaken_records: count
  }).annotations({ description: "docs/auditing.md explains each." }),
  sealed: Schema.Struct({
    seals: count,
    last: Schema.NullOr(Schema.String),
    checked: count,
    aged: count,
    outside: count
  }).annotations({
    description: "How many messages were compared with what `hookline audit seal` had written of them."
  }),
  finding_counts: Schema.Record({ key: Schema.String, value: count }).annotations({
    description: "By kind, all of them."
  }),
  findings: Schema.Array(Finding).annotations({ description: "The first 1,000 of each kind." }),
  deliveries: Schema.Array(Line).annotations({
    description: "What is live, was cancelled, or may have been owed or not: the first 1,000 of each state."
  })
}).annotations({ identifier: "AuditReport" })

export const audit = HttpApiGroup.make("audit")
  .add(
    HttpApiEndpoint.get("verify", "/v1/audit")
      .setUrlParams(Schema.Struct({
        from: exact(TimeQuery).annotations({ description: "Only events published from then on." }),
        to: exact(TimeQuery).annotations({ description: "Only events published before then." })
      }))
      .addSuccess(Report)
      .addError(Error.Conflict.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Prove that nothing owed is missing",
        "Reads the streams from the first event of the range on and says what became of everything that was owed: the report of `hookline audit verify`. For the operator. One at a time (409 `audit_running`), over at most 1,000,000 events (422 `audit_too_large`) and for at most a minute (503 `audit_unavailable`); the command has no such limits."
      ))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "The proof that nothing owed is missing, for the operator." }))
