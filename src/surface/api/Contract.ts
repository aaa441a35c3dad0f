import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { apiKeys } from "./contract/ApiKeys.ts"
import { audit } from "./contract/Audit.ts"
import { deliveries } from "./contract/Deliveries.ts"
import { events } from "./contract/Events.ts"
import { eventTypes } from "./contract/EventTypes.ts"
import { health } from "./contract/Health.ts"
import { jobs } from "./contract/Jobs.ts"
import { portal } from "./contract/Portal.ts"
import { quarantine } from "./contract/Quarantine.ts"
import { secrets } from "./contract/Secrets.ts"
import { session } from "./contract/Sessions.ts"
import { stats } from "./contract/Stats.ts"
import { webhooks } from "./contract/Webhooks.ts"
import { workspaces } from "./contract/Workspaces.ts"
import * as Error from "./Errors.ts"
import { describe } from "./OpenApi.ts"

/**
 * The HTTP API v1, the one description of its routes, a group a file in contract/: the server's handlers, the command line's client and
 * `/openapi.json` all come from here.
 */
export class HooklineApi extends HttpApi.make("hookline")
  .add(events)
  .add(eventTypes)
  .add(webhooks)
  .add(quarantine)
  .add(deliveries)
  .add(stats)
  .add(apiKeys)
  .add(workspaces)
  .add(jobs)
  .add(audit)
  .add(secrets)
  .add(session)
  .add(portal)
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
