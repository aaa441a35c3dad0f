import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Error from "./Errors.ts"
import { describe } from "./OpenApi.ts"
import * as Json from "./Schemas.ts"

/**
 * The HTTP API v1, the one description of its routes: the server's handlers, the command line's client and
 * `/openapi.json` all come from here.
 */

/** `Authorization: Bearer <key>`, nothing else: no query parameter, no cookie. */
export class Authentication extends HttpApiMiddleware.Tag<Authentication>()("hookline/surface/Authentication", {
  failure: Error.Unauthorized.http,
  security: {
    bearer: HttpApiSecurity.bearer.pipe(
      HttpApiSecurity.annotateContext(
        OpenApi.annotations({ description: "An API key, `hk_<id>_<secret>`.", format: "hk_<id>_<secret>" })
      )
    )
  }
}) {}

const webhook = HttpApiSchema.param(
  "id",
  Schema.String.annotations({ description: "The webhook's id.", examples: ["wh_550e8400e29b41d4a716446655440000"] })
)
const entry = HttpApiSchema.param(
  "id",
  Schema.String.annotations({ description: "The entry's id.", examples: ["qrn_42"] })
)

const doc = (summary: string, description: string) => OpenApi.annotations({ summary, description })

const eventRoutes = HttpApiGroup.make("events")
  .add(
    HttpApiEndpoint.post("publish", "/v1/events")
      .setHeaders(Json.WorkspaceHeader)
      .setPayload(Json.EventInput)
      .addSuccess(Json.Published)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Publish one event",
        "Answered only when the stream has acknowledged the event: from then on it is owed to every webhook that subscribes to it. The bytes of `data` are passed on as they are. Limit: 512 KiB. After a 503 the event may or may not be stored: repeat it with the same `id`, which is safe; without an `id` in the body a repeat is a new event."
      ))
  )
  .add(
    HttpApiEndpoint.post("publishBatch", "/v1/events/batch")
      .setHeaders(Json.WorkspaceHeader)
      .setPayload(
        Schema.Array(Json.EventInput).annotations({
          identifier: "EventBatch",
          description: "A JSON array of 1 to 1,000 events, 5 MiB at most."
        })
      )
      .addSuccess(Json.PublishedBatch)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Publish up to 1,000 events",
        "All are checked first: if one is bad nothing is stored and `field` begins with its index, such as `[3].data`. A 503 may come when a part is stored: repeat the whole batch, which is safe when every event has an `id`; one without would become a new event."
      ))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "Publishing domain events." }))

const eventTypes = HttpApiGroup.make("eventTypes")
  .add(
    HttpApiEndpoint.get("list", "/v1/event-types")
      .addSuccess(Json.EventTypePage)
      .annotateContext(
        doc(
          "List the event types",
          "The catalogue, with an example of each. It is the same for every workspace, so that no `X-Workspace-Id` is needed."
        )
      )
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ title: "event-types", description: "The catalogue." }))

const action = <const Name extends string, const Path extends `/${string}`>(name: Name, path: Path) =>
  HttpApiEndpoint.post(name, path)
    .setPath(Schema.Struct({ id: webhook }))
    .setHeaders(Json.WorkspaceHeader)
    .addError(Error.NotFound.http)
    .addError(Error.Conflict.http)
    .addError(Error.Unprocessable.http)

const webhooks = HttpApiGroup.make("webhooks")
  .add(
    HttpApiEndpoint.post("create", "/v1/webhooks")
      .setHeaders(Json.WorkspaceHeader)
      .setPayload(Json.CreateWebhook)
      .addSuccess(Json.WebhookCreated)
      .addError(Error.Conflict.http)
      .addError(Error.TooLarge.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Create a webhook",
        "Every event acknowledged after the answer, and of a type it subscribes to, is owed to it. The secret is shown here and never again."
      ))
  )
  .add(
    HttpApiEndpoint.get("list", "/v1/webhooks")
      .setHeaders(Json.WorkspaceHeader)
      .addSuccess(Json.WebhookPage)
      .annotateContext(doc("List the webhooks", "All of the workspace, in the order of creation."))
  )
  .add(
    HttpApiEndpoint.get("show", "/v1/webhooks/:id")
      .setPath(Schema.Struct({ id: webhook }))
      .setHeaders(Json.WorkspaceHeader)
      .addSuccess(Json.WebhookView)
      .addError(Error.NotFound.http)
      .annotateContext(doc("Show a webhook", "As it is now, without its secret."))
  )
  .add(
    HttpApiEndpoint.patch("change", "/v1/webhooks/:id")
      .setPath(Schema.Struct({ id: webhook }))
      .setHeaders(Json.WorkspaceHeader)
      .setPayload(Json.ChangeWebhook)
      .addSuccess(Json.WebhookChanged)
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
      .setPath(Schema.Struct({ id: webhook }))
      .setHeaders(Json.WorkspaceHeader)
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
      .addSuccess(Json.WebhookView)
      .annotateContext(doc("Enable a webhook", "Enabling an enabled webhook changes nothing."))
  )
  .add(
    action("disable", "/v1/webhooks/:id/disable")
      .setPayload(Json.DisableWebhook)
      .addSuccess(Json.WebhookView)
      .addError(Error.TooLarge.http)
      .annotateContext(doc(
        "Disable a webhook",
        "Events from now on, and waiting deliveries when they come due, are recorded as suppressed and not sent. The body may be left out."
      ))
  )
  .add(
    action("pause", "/v1/webhooks/:id/pause")
      .addSuccess(Json.WebhookView)
      .annotateContext(doc("Pause a webhook", "Deliveries are held until it is resumed; that uses up no attempt."))
  )
  .add(
    action("resume", "/v1/webhooks/:id/resume")
      .addSuccess(Json.WebhookView)
      .annotateContext(doc("Resume a paused webhook", "What was held flows."))
  )
  .add(
    action("rotateSecret", "/v1/webhooks/:id/rotate-secret")
      .setPayload(Json.RotateSecret)
      .addSuccess(Json.WebhookRotated)
      .addError(Error.TooLarge.http)
      .annotateContext(doc(
        "Rotate the secret",
        "The former secret stays valid until `overlap_until`: till then `webhook-signature` carries both signatures, and the platform's own signature header stays on the former. The body may be left out."
      ))
  )
  .add(
    action("endOverlap", "/v1/webhooks/:id/end-overlap")
      .addSuccess(Json.WebhookView)
      .annotateContext(
        doc(
          "End a rotation's overlap now",
          "The former secret ceases to be valid. Changes nothing when there is no overlap."
        )
      )
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "Subscriptions of a workspace." }))

const quarantine = HttpApiGroup.make("quarantine")
  .add(
    HttpApiEndpoint.get("list", "/v1/quarantine")
      .setHeaders(Json.WorkspaceHeader)
      .setUrlParams(Json.QuarantineQuery)
      .addSuccess(Json.QuarantinePage)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "List the quarantine",
        "What was published to NATS and is no event, newest first, as it came. With the operator's key and `X-Workspace-Id: _`: what came on a subject that names no workspace. A page may hold fewer entries than asked for though `next` is not null: it is bounded in bytes, and in how far it looks back."
      ))
  )
  .add(
    HttpApiEndpoint.post("release", "/v1/quarantine/:id/release")
      .setPath(Schema.Struct({ id: entry }))
      .setHeaders(Json.WorkspaceHeader)
      .addSuccess(Json.Released)
      .addError(Error.NotFound.http)
      .addError(Error.Conflict.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc(
        "Release an entry",
        "After its cause is mended, such as a type that is now in the catalogue: it is checked again and published with its id and time. Once; what is still bad is 422 and stays. An entry on a subject of the wrong shape can never be released."
      ))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "Input that cannot be an event." }))

const deliveries = HttpApiGroup.make("deliveries")
  .add(
    HttpApiEndpoint.get("list", "/v1/deliveries")
      .setHeaders(Json.WorkspaceHeader)
      .setUrlParams(Schema.Struct({
        webhook_id: Schema.String.annotations({ description: "The webhook whose deliveries are listed." })
      }))
      .addSuccess(Json.DeliveryPage)
      .addError(Error.NotFound.http)
      .addError(Error.Unprocessable.http)
      .annotateContext(doc("List a webhook's deliveries", "The last 50, newest first; there is no paging yet."))
  )
  .middleware(Authentication)
  .annotateContext(OpenApi.annotations({ description: "What became of each event owed to a webhook." }))

const health = HttpApiGroup.make("health", { topLevel: true })
  .add(
    HttpApiEndpoint.get("healthz", "/healthz")
      .addSuccess(Json.Healthy)
      .annotateContext(doc("Is the process alive?", "200 as long as it answers at all. No key needed."))
  )
  .add(
    HttpApiEndpoint.get("readyz", "/readyz")
      .addSuccess(Json.Ready)
      .addSuccess(Json.NotReady)
      .annotateContext(doc(
        "Can it take and deliver events?",
        "503 when the broker cannot be reached, a stream is full or the ledger is not well; a stream that is filled to 80 % says so. No key needed."
      ))
  )
  .annotateContext(OpenApi.annotations({ description: "For supervisors and load balancers." }))

export class HooklineApi extends HttpApi.make("hookline")
  .add(eventRoutes)
  .add(eventTypes)
  .add(webhooks)
  .add(quarantine)
  .add(deliveries)
  .add(health)
  .addError(Error.BadRequest.http)
  .addError(Error.InternalError.http)
  .addError(Error.Unavailable.http)
  .annotate(HttpApi.AdditionalSchemas, [Error.ErrorBody])
  .annotateContext(OpenApi.annotations({
    title: "hookline",
    version: "1",
    description:
      "Webhook delivery: publish an event, every subscribed endpoint gets a signed POST. JSON everywhere; a list answers `{\"data\": […], \"next\": cursor or null}`, an error `{\"error\": {\"type\", \"message\", \"field\"?}}`. Unknown keys in a body are refused.",
    transform: describe
  }))
{}
