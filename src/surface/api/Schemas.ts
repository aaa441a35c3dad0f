import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import { Schema } from "effect"
import { EventId, WebhookId, WorkspaceId } from "../../model/Id.ts"

/** The JSON of the API: snake_case keys, times ISO 8601 in UTC with milliseconds. Unknown keys in a request are refused. */

const strict = { parseOptions: { onExcessProperty: "error", errors: "first" } } as const

const Time = Schema.String.annotations({
  description: "ISO 8601 in UTC.",
  examples: ["2025-03-23T14:35:21.000Z"]
})

const exact = <A, I, R>(schema: Schema.Schema<A, I, R>) => Schema.optionalWith(schema, { exact: true })

/** A page: `next` is the cursor of the following page, or null. */
const page = <A, I>(item: Schema.Schema<A, I>, identifier: string) =>
  Schema.Struct({
    data: Schema.Array(item),
    next: Schema.NullOr(Schema.String).annotations({ description: "Cursor of the next page; null: there is none." })
  }).annotations({ identifier })

export const WorkspaceHeader = Schema.Struct({
  "x-workspace-id": WorkspaceId.annotations({
    description: "The workspace the request is about: 1 to 64 characters of A-Z, a-z, 0-9, _ and -.",
    examples: [WorkspaceId.make("ws_550e8400e29b41d4a716446655440000")]
  })
})

// ---------------------------------------------------------------------------------------------------------------- events

export const EventInput = Schema.Struct({
  id: exact(EventId).annotations({
    description:
      "The event's identity in its workspace; made when missing. Send one, so that repeating a request is safe."
  }),
  event: Schema.String.annotations({ description: "The event type.", examples: ["project.created"] }),
  timestamp: exact(Schema.String).annotations({
    description: "When it occurred, RFC 3339 with a zone; the stream's time when missing.",
    examples: ["2025-03-23T14:35:21Z"]
  }),
  workspace_id: exact(Schema.String).annotations({ description: "If present it must agree with `X-Workspace-Id`." }),
  data: Schema.Record({ key: Schema.String, value: Schema.Unknown }).annotations({
    description: "Event-specific details; an object, passed on byte for byte."
  })
}).annotations({
  identifier: "EventInput",
  description: "One event, at most 512 KiB, nested at most 64 deep.",
  examples: [{
    id: EventId.make("evt_550e8400e29b41d4a716446655440000"),
    event: "project.created",
    timestamp: "2025-03-23T14:35:21Z",
    data: { id: "proj_550e8400e29b41d4a716446655440000", name: "Website Redesign" }
  }]
})

export const Published = Schema.Struct({
  id: EventId,
  duplicate: Schema.Boolean.annotations({
    description:
      "The stream had this id already, within the last two minutes: nothing new was stored. Later repeats, up to 24 hours, are found when the event is delivered, and make no second delivery either."
  })
}).annotations(HttpApiSchema.annotations({ identifier: "Published", status: 202 }))

export const PublishedBatch = Schema.Struct({
  data: Schema.Array(Published).annotations({ description: "In the order of the request." })
}).annotations(HttpApiSchema.annotations({ identifier: "PublishedBatch", status: 202 }))

const EventTypeView = Schema.Struct({
  type: Schema.String.annotations({ examples: ["project.created"] }),
  description: Schema.String,
  example: Schema.Unknown.annotations({ description: "An example of `data`." }),
  schema: exact(Schema.Unknown).annotations({ description: "JSON Schema that `data` must satisfy, if there is one." })
}).annotations({ identifier: "EventType" })
export const EventTypePage = page(EventTypeView, "EventTypes")

// -------------------------------------------------------------------------------------------------------------- webhooks

const url = Schema.String.annotations({
  description: "Where the events go: https, unless the operator allows http; a public address.",
  examples: ["https://example.com/webhooks/craftdesk"]
})
const events = Schema.Array(Schema.String).annotations({
  description: "Event types: exact ones, all of an entity as `project.*`, or all as `*`. Never empty.",
  examples: [["project.created", "task.*"]]
})
const concurrency = Schema.NullOr(Schema.Number).annotations({
  description: "Attempts in flight at once, 1 to 256; null: the operator's setting."
})
const rateLimit = Schema.NullOr(Schema.Number).annotations({
  description: "Attempts a second, above 0 up to 10,000; null: no limit."
})
const secret = Schema.String.annotations({
  description:
    "Signs the deliveries: `whsec_` and base64 of 24 to 64 bytes, or 8 to 256 printable characters. Made when missing. Shown only in the answer to creation and rotation.",
  examples: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
})

export const WebhookView = Schema.Struct({
  id: WebhookId,
  url,
  events,
  description: Schema.String,
  state: Schema.Literal("enabled", "paused", "disabled").annotations({
    description: "`enabled` delivers, `paused` holds deliveries, `disabled` suppresses them."
  }),
  disabled_reason: exact(Schema.String).annotations({ description: "Why it is disabled, if that is known." }),
  concurrency,
  rate_limit: rateLimit,
  headers: Schema.Record({ key: Schema.String, value: Schema.String }).annotations({
    description: "Extra static headers of every delivery; values are masked.",
    examples: [{ authorization: "********" }]
  }),
  overlap_until: exact(Time).annotations({
    description: "While a rotation's overlap lasts: when the former secret ceases to be valid."
  }),
  created_at: Time,
  updated_at: Time,
  revision: Schema.Number.annotations({ description: "Counts the changes, from 1." })
}).annotations({ identifier: "Webhook" })
export type WebhookView = typeof WebhookView.Type
export const WebhookPage = page(WebhookView, "Webhooks")

const warnings = Schema.Array(Schema.String).annotations({
  description: "What is accepted and yet worth a look, such as a host name that does not resolve."
})

export const WebhookChanged = Schema.Struct({ ...WebhookView.fields, warnings: exact(warnings) })
  .annotations({ identifier: "WebhookChanged" })
export const WebhookCreated = Schema.Struct({ ...WebhookView.fields, secret, warnings: exact(warnings) })
  .annotations(HttpApiSchema.annotations({ identifier: "WebhookCreated", status: 201 }))
export const WebhookRotated = Schema.Struct({ ...WebhookView.fields, secret }).annotations({
  identifier: "WebhookRotated",
  description: "`overlap_until` is missing when the former secret ceased to be valid at once."
})

export const CreateWebhook = Schema.Struct({
  url,
  events,
  description: exact(Schema.String).annotations({ description: "At most 1,024 characters." }),
  secret: exact(secret),
  concurrency: exact(concurrency),
  rate_limit: exact(rateLimit),
  headers: exact(Schema.Record({ key: Schema.String, value: Schema.String })).annotations({
    description: "Extra static headers of every delivery, at most 20; the values are sealed at rest and masked."
  })
}).annotations({
  identifier: "CreateWebhook",
  examples: [{ url: "https://example.com/webhooks/craftdesk", events: ["project.*", "task.completed"] }],
  ...strict
})

export const ChangeWebhook = Schema.Struct({
  url: exact(url),
  events: exact(events),
  description: exact(Schema.String),
  concurrency: exact(concurrency),
  rate_limit: exact(rateLimit),
  headers: exact(Schema.Record({ key: Schema.String, value: Schema.String })).annotations({
    description: "Replaces all extra headers; `{}` takes them away."
  })
}).annotations({
  identifier: "ChangeWebhook",
  description: "What is missing stays as it is.",
  examples: [{ events: ["*"], rate_limit: 50 }],
  ...strict
})

export const DisableWebhook = Schema.Struct({
  reason: exact(Schema.String).annotations({ description: "Why, for people; at most 500 characters." })
}).annotations({ identifier: "DisableWebhook", examples: [{ reason: "moving to another host" }], ...strict })

export const RotateSecret = Schema.Struct({
  secret: exact(secret),
  overlap_seconds: exact(Schema.Int.pipe(Schema.between(0, 7 * 86_400))).annotations({
    description:
      "How long the former secret stays valid beside the new one, 0 to 604800; the operator's setting (24 h) when missing."
  })
}).annotations({ identifier: "RotateSecret", examples: [{ overlap_seconds: 3600 }], ...strict })

// ------------------------------------------------------------------------------------------------------------ quarantine

export const QuarantineEntry = Schema.Struct({
  id: Schema.String.annotations({ examples: ["qrn_42"] }),
  reason: Schema.String.annotations({ description: "Why it is no event.", examples: ["unknown_type"] }),
  message: Schema.String.annotations({ description: "The same as a sentence." }),
  subject: Schema.String.annotations({
    description: "The subject it was published to.",
    examples: ["events.ws_550e.project.exploded"]
  }),
  event_id: Schema.NullOr(Schema.String).annotations({
    description: "The id it keeps when it is released; null where it cannot have one."
  }),
  published_at: Time,
  quarantined_at: Time,
  size: Schema.Number.annotations({ description: "Bytes of the raw input." }),
  encoding: Schema.Literal("utf8", "base64").annotations({ description: "How `raw` is written." }),
  raw: Schema.String.annotations({ description: "The input as it was published." }),
  released: Schema.Boolean
}).annotations({ identifier: "QuarantineEntry" })
export const QuarantinePage = page(QuarantineEntry, "Quarantine")

export const QuarantineQuery = Schema.Struct({
  reason: exact(Schema.String).annotations({ description: "Only entries with this reason." }),
  limit: exact(Schema.NumberFromString.pipe(Schema.int(), Schema.between(1, 100))).annotations({
    description: "At most so many entries, 1 to 100 (100)."
  }),
  cursor: exact(Schema.String).annotations({ description: "`next` of the page before." })
})

export const Released = Schema.Struct({
  id: EventId.annotations({ description: "The event's id, which it kept." })
}).annotations(HttpApiSchema.annotations({ identifier: "Released", status: 202 }))

// ------------------------------------------------------------------------------------------------------------ deliveries

export const DeliveryView = Schema.Struct({
  id: Schema.String.annotations({ examples: ["dlv_3f2a9c"] }),
  event_id: Schema.String,
  event_type: Schema.String,
  status: Schema.Literal("succeeded", "retrying", "failed", "held", "suppressed", "cancelled").annotations({
    description:
      "`retrying` waits for `next_attempt_at`; `held` waits for the end of `held_reason` and uses up no attempt; `suppressed` came due while the webhook was disabled."
  }),
  attempts: Schema.Number.annotations({ description: "HTTP requests made so far." }),
  last_status: Schema.NullOr(Schema.Number).annotations({ description: "HTTP status of the last attempt's answer." }),
  last_error: Schema.NullOr(Schema.String),
  last_latency_ms: Schema.NullOr(Schema.Number),
  next_attempt_at: Schema.NullOr(Time),
  held_reason: Schema.NullOr(Schema.String),
  updated_at: Time
}).annotations({ identifier: "Delivery" })
export type DeliveryView = typeof DeliveryView.Type
export const DeliveryPage = page(DeliveryView, "Deliveries")

// ---------------------------------------------------------------------------------------------------------------- health

export const Healthy = Schema.Struct({ status: Schema.Literal("ok") }).annotations({ identifier: "Healthy" })

const checks = Schema.Array(
  Schema.Struct({
    name: Schema.String.annotations({ examples: ["broker"] }),
    ok: Schema.Boolean,
    detail: Schema.String
  }).annotations({ identifier: "Check" })
)
export const Ready = Schema.Struct({ status: Schema.Literal("ready"), checks }).annotations({ identifier: "Ready" })
export const NotReady = Schema.Struct({ status: Schema.Literal("not_ready"), checks })
  .annotations(
    HttpApiSchema.annotations({ identifier: "NotReady", description: "At least one check is not ok.", status: 503 })
  )
