import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Clock, Effect } from "effect"
import type { Catalogue } from "../../model/Catalogue.ts"
import { parseEvent } from "../../model/Event.ts"
import { newTestEventId } from "../../model/Id.ts"
import { verdictOn } from "../../model/Matching.ts"
import type { Webhook } from "../../model/Webhook.ts"
import { EventCatalogue } from "../EventCatalogue.ts"
import { TestEvents, type TestFaulted, type TooManyTests } from "../TestEvents.ts"
import { bodyLimits, rawBody, readJson } from "./Body.ts"
import { TestWebhook } from "./contract/Webhooks.ts"
import { outcomeView } from "./DeliveryViews.ts"
import { Conflict, Unavailable } from "./Errors.ts"
import { notAnEvent } from "./NotAnEvent.ts"

/** Instead of a value that is a secret. */
export const mask = "********"

const readTest = readJson(TestWebhook, {})

/** The first type, in the webhook's order and then the catalogue's, that it subscribes to; else the catalogue's first. */
const firstType = ({ types }: Catalogue, webhook: Webhook): string => {
  for (const wanted of webhook.events) {
    for (const type of types.keys()) {
      if (verdictOn({ ...webhook, events: [wanted] }, { type }) === "matched") return type
    }
  }
  return types.keys().next().value ?? ""
}

const secretUnavailable = new Conflict({
  type: "secret_unavailable",
  message: "nothing was sent: the webhook's secret cannot be opened. The operator has to mend that; it is in the log"
})

const refused = ({ fault }: TestFaulted) =>
  fault.class === "secret" ? secretUnavailable : new Unavailable({
    type: fault.class === "shutdown" ? "shutdown" : "local_fault",
    message: `nothing was sent: ${fault.error}`
  })

const tooMany = ({ limit, of }: TooManyTests) =>
  new Unavailable({
    type: "too_many_tests",
    message: `${limit} test events ${of === "workspace" ? "of the workspace " : ""}are under way already`
  })

/** The handler of `POST /v1/webhooks/{id}/test`, from the request to the answer. */
export const testing = Effect.gen(function*() {
  const tests = yield* TestEvents
  const catalogue = yield* EventCatalogue

  return Effect.fnUntraced(function*(webhook: Webhook, request: HttpServerRequest.HttpServerRequest) {
    const bytes = yield* rawBody(request, bodyLimits.event)
    const { data, event: type = firstType(catalogue, webhook) } = yield* readTest(bytes)
    const payload = data === undefined
      ? Buffer.from(JSON.stringify({ data: catalogue.types.get(type)?.example ?? {} }))
      : bytes
    const fallbackId = newTestEventId
    const time = yield* Clock.currentTimeMillis
    // hookline's own events can be tried out too: nobody takes a test for a notice.
    const event = parseEvent(
      { payload, workspaceId: webhook.workspaceId, type, notice: true, fallbackId, time },
      catalogue
    )
    if (event._tag === "Rejection") return yield* notAnEvent(event)
    const { headers, ownHeaders, recorded, test } = yield* tests.send(webhook, event).pipe(
      Effect.catchTags({
        TestFaulted: refused,
        TooManyTests: tooMany,
        SecretUnavailable: (error) => Effect.zipRight(Effect.logError(error.message), secretUnavailable)
      })
    )
    return {
      id: event.id,
      event: event.type,
      webhook_id: webhook.id,
      request: {
        url: webhook.url,
        headers: Object.fromEntries([...headers, ...ownHeaders.map((name) => [name, mask] as const)]),
        body: Buffer.from(event.body).toString("utf8")
      },
      attempt: outcomeView({ attempt: 1, round: 1, nextAttemptAt: null }, test.outcome),
      recorded
    }
  })
})
