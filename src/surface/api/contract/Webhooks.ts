import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { EventId, WebhookId } from "../../../model/Id.ts"
import * as Error from "../Errors.ts"
import { Access } from "./Access.ts"
import { Authentication, behind, doc, exact, paged, strict, Time, webhookId, WorkspaceHeader } from "./Common.ts"
import { AttemptView } from "./Deliveries.ts"

const url = Schema.String.annotations({
  description: "Where the events go: https, unless the operator allows http; a public address.",
  examples: ["https://example.com/webhooks/craftdesk"]
})
const events = Schema.Array(Schema.String).annotations({
  description:
    "Event types: exact ones, all of an entity as `project.*`, or all as `*`. Never empty. hookline's own events are not in `*`: `webhook.*`, `delivery.*`.",
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
  id: WebhookId.annotations({ examples: [WebhookId.make("wh_550e8400e29b41d4a716446655440000")] }),
  url,
  events,
  description: Schema.String,
  state: Schema.Literal("enabled", "paused", "disabled").annotations({
    description: "`enabled` delivers, `paused` holds deliveries, `disabled` suppresses them."
  }),
  disabled_reason: exact(Schema.String).annotations({ description: "Why it is disabled, if that is known." }),
  concurrency,
  rate_limit: rateLimit,
  drain_rate: exact(Schema.Number).annotations({
    description: "It was resumed at a rate: attempts a second of what was held at that moment."
  }),
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

const WebhookCounted = Schema.Struct({
  ...WebhookView.fields,
  held: Schema.NullOr(Schema.Number).annotations({
    description:
      "Deliveries that are held now, as far as the history is; null: it cannot be asked now, as while it is rebuilt."
  }),
  suppressed: Schema.NullOr(Schema.Number).annotations({
    description:
      "Deliveries that came due while it was disabled and were not sent; `recover` with `only: suppressed` sends them. null: as for `held`."
  })
}).annotations({ identifier: "WebhookCounted" })
export type WebhookCounted = typeof WebhookCounted.Type

/** Hours of a webhook's health in a list. */
export const shownHours = 24

const perHour = (what: string) =>
  Schema.Array(Schema.Number).annotations({ description: `${what}, a number an hour, the oldest first.` })

const HealthInShort = Schema.Struct({
  recent: Schema.Struct({ attempts: Schema.Number, succeeded: Schema.Number }).annotations({
    description: "The last 20 attempts, whenever they were."
  }),
  success_rate: Schema.NullOr(Schema.Number).annotations({
    description: "Of those attempts, 0 to 1; null: there were none."
  }),
  last_attempt_at: Schema.NullOr(Time),
  last_error: Schema.NullOr(Schema.String),
  last_error_at: Schema.NullOr(Time),
  hours: Schema.Struct({
    from: Time,
    succeeded: perHour("Attempts that succeeded"),
    failed: perHour("Attempts that failed")
  }).annotations({
    description: "The last 24 hours, whole hours in UTC: the first begins at `from`, the last is the one that goes on."
  })
}).annotations({ identifier: "WebhookHealthInShort" })
export type HealthInShort = typeof HealthInShort.Type

const WebhookListed = Schema.Struct({
  ...WebhookView.fields,
  health: exact(Schema.NullOr(HealthInShort)).annotations({
    description: "With `include=health`. null: the history cannot be asked now, as while it is rebuilt."
  })
}).annotations({ identifier: "WebhookListed" })

const WebhookPage = Schema.Struct({ ...paged(WebhookListed), behind: exact(behind) })
  .annotations({ identifier: "Webhooks" })

const warnings = Schema.Array(Schema.String).annotations({
  description: "What is accepted and yet worth a look, such as a host name that does not resolve."
})

const WebhookChanged = Schema.Struct({ ...WebhookView.fields, warnings: exact(warnings) })
  .annotations({ identifier: "WebhookChanged" })
const WebhookCreated = Schema.Struct({ ...WebhookView.fields, secret, warnings: exact(warnings) })
  .annotations(HttpApiSchema.annotations({ identifier: "WebhookCreated", status: 201 }))
const WebhookRotated = Schema.Struct({ ...WebhookView.fields, secret }).annotations({
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

export const CheckUrl = Schema.Struct({ url }).annotations({
  identifier: "CheckUrl",
  examples: [{ url: "https://example.com/webhooks/craftdesk" }],
  ...strict
})

const UrlChecked = Schema.Struct({ url, warnings }).annotations({ identifier: "UrlChecked" })

export const DisableWebhook = Schema.Struct({
  reason: exact(Schema.String).annotations({ description: "Why, for people; at most 500 characters." })
}).annotations({ identifier: "DisableWebhook", examples: [{ reason: "moving to another host" }], ...strict })

export const ResumeWebhook = Schema.Struct({
  rate: exact(Schema.Number).annotations({
    description:
      "How fast what is held drains, attempts a second, above 0 up to 10,000; at once when missing. New events are not slowed down by it."
  })
}).annotations({ identifier: "ResumeWebhook", examples: [{ rate: 50 }], ...strict })

export const RotateSecret = Schema.Struct({
  secret: exact(secret),
  overlap_seconds: exact(Schema.Int.pipe(Schema.between(0, 7 * 86_400))).annotations({
    description:
      "How long the former secret stays valid beside the new one, 0 to 604800; the operator's setting (24 h) when missing."
  })
}).annotations({ identifier: "RotateSecret", examples: [{ overlap_seconds: 3600 }], ...strict })

export const TestWebhook = Schema.Struct({
  event: exact(Schema.String).annotations({
    description:
      "The event type, of the catalogue; the webhook need not subscribe to it. When missing, the first that it subscribes to."
  }),
  data: exact(Schema.Record({ key: Schema.String, value: Schema.Unknown })).annotations({
    description: "What is sent as the event's `data`, byte for byte; the catalogue's example when missing."
  })
}).annotations({ identifier: "TestWebhook", examples: [{ event: "project.created" }], ...strict })

export const Tested = Schema.Struct({
  id: EventId.annotations({ description: "The test event's id.", examples: [EventId.make("evt_test_3f2a9c")] }),
  event: Schema.String,
  webhook_id: WebhookId,
  request: Schema.Struct({
    url: Schema.String,
    headers: Schema.Record({ key: Schema.String, value: Schema.String }).annotations({
      description: "As they were sent, without those of the connection; the values of the webhook's own are masked."
    }),
    body: Schema.String.annotations({ description: "To the byte." })
  }),
  attempt: AttemptView.annotations({ description: "What came of it." }),
  recorded: Schema.Boolean.annotations({
    description: "False: the record of it could not be stored. The request was made all the same."
  })
}).annotations({ identifier: "Tested" })

const action = <const Name extends string, const Path extends `/${string}`>(name: Name, path: Path) =>
  HttpApiEndpoint.post(name, path)
    .setPath(Schema.Struct({ id: webhookId }))
    .setHeaders(WorkspaceHeader)
    .addError(Error.NotFound.http)
    .addError(Error.Conflict.http)
    .addError(Error.Unprocessable.http)

export const webhooks = HttpApiGroup.make("webhooks")
  .add(
    HttpApiEndpoint.post("create", "/v1/webhooks")
      .setHeaders(WorkspaceHeader)
      .setPayload(CreateWebhook)
      .addSuccess(WebhookCreated)
      .addError(Error.Conflict.http)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Create a webhook",
        "Every event acknowledged after the answer, and of a type it subscribes to, is owed to it. The secret is shown here and never again."
      ))
  )
  .add(
    HttpApiEndpoint.post("check", "/v1/webhooks/check")
      .setHeaders(WorkspaceHeader)
      .setPayload(CheckUrl)
      .addSuccess(UrlChecked)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Check a URL",
        "Whether a webhook could be created with it now: 422 says why not, as creation would. Nothing is created, and no request is made to it; its host is looked up."
      ))
  )
  .add(
    HttpApiEndpoint.get("list", "/v1/webhooks")
      .setHeaders(WorkspaceHeader)
      .setUrlParams(Schema.Struct({
        include: exact(Schema.Literal("health")).annotations({
          description: "`health`: with each webhook, how it fares in short and its attempts by the hour."
        })
      }))
      .addSuccess(WebhookPage)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc("List the webhooks", "All of the workspace, in the order of creation."))
  )
  .add(
    HttpApiEndpoint.get("show", "/v1/webhooks/:id")
      .setPath(Schema.Struct({ id: webhookId }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(WebhookCounted)
      .addError(Error.NotFound.http)
      .annotateContext(doc("Show a webhook", "As it is now, without its secret, and how many of its deliveries wait."))
  )
  .add(
    HttpApiEndpoint.patch("change", "/v1/webhooks/:id")
      .setPath(Schema.Struct({ id: webhookId }))
      .setHeaders(WorkspaceHeader)
      .setPayload(ChangeWebhook)
      .addSuccess(WebhookChanged)
      .addError(Error.NotFound.http)
      .addError(Error.Conflict.http)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Change a webhook",
        "Deliveries that wait go to the URL and with the headers of the moment of their attempt; event types hold for later events."
      ))
  )
  .add(
    HttpApiEndpoint.del("remove", "/v1/webhooks/:id")
      .setPath(Schema.Struct({ id: webhookId }))
      .setHeaders(WorkspaceHeader)
      .addSuccess(HttpApiSchema.NoContent)
      .addError(Error.NotFound.http)
      .addError(Error.Conflict.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(
        doc("Delete a webhook", "Waiting deliveries are cancelled, the secret is destroyed, the history stays.")
      )
  )
  .add(
    action("enable", "/v1/webhooks/:id/enable")
      .addSuccess(WebhookCounted)
      .annotateContext(doc(
        "Enable a webhook",
        "Enabling an enabled webhook changes nothing. What was suppressed meanwhile stays so: `POST /v1/webhooks/{id}/recover` with `only: suppressed` sends it."
      ))
  )
  .add(
    action("disable", "/v1/webhooks/:id/disable")
      .setPayload(DisableWebhook)
      .addSuccess(WebhookCounted)
      .addError(Error.TooLarge.http)
      .annotateContext(doc(
        "Disable a webhook",
        "Events from now on, and waiting deliveries when they come due, are recorded as suppressed and not sent. The body may be left out."
      ))
  )
  .add(
    action("pause", "/v1/webhooks/:id/pause")
      .addSuccess(WebhookCounted)
      .annotateContext(doc("Pause a webhook", "Deliveries are held until it is resumed; that uses up no attempt."))
  )
  .add(
    action("resume", "/v1/webhooks/:id/resume")
      .setPayload(ResumeWebhook)
      .addSuccess(WebhookCounted)
      .addError(Error.TooLarge.http)
      .annotateContext(doc(
        "Resume a paused webhook",
        "What was held flows, at `rate` if there is one, until all of it is gone or the webhook is paused, disabled or resumed again. Of one that is enabled, resuming at another rate changes the rate. The body may be left out."
      ))
  )
  .add(
    action("rotateSecret", "/v1/webhooks/:id/rotate-secret")
      .setPayload(RotateSecret)
      .addSuccess(WebhookRotated)
      .addError(Error.TooLarge.http)
      .annotateContext(doc(
        "Rotate the secret",
        "The former secret stays valid until `overlap_until`: till then `webhook-signature` carries both signatures, and the platform's own signature header stays on the former. The body may be left out."
      ))
  )
  .add(
    action("endOverlap", "/v1/webhooks/:id/end-overlap")
      .addSuccess(WebhookView)
      .annotateContext(
        doc(
          "End a rotation's overlap now",
          "The former secret ceases to be valid. Changes nothing when there is no overlap."
        )
      )
  )
  .add(
    action("test", "/v1/webhooks/:id/test")
      .setPayload(TestWebhook)
      .addSuccess(Tested)
      .addError(Error.TooLarge.http)
      .annotate(Access, { right: "send" })
      .annotateContext(doc(
        "Send a test event",
        "One request to the endpoint now, signed as a delivery is, with `x-webhook-test: true`; the answer is 200 and says what came of it, whatever that is. Disabled and paused webhooks too. It is not retried and no delivery. The body may be left out. 409 `secret_unavailable`: the webhook's secret cannot be opened, nothing was sent; 503: nothing was sent for another reason on our side, or 32 tests (8 of the workspace) are under way already. Whoever hangs up ends it."
      ))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "Subscriptions of a workspace." }))
