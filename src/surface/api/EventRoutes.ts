import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Array as Arrays, Clock, Effect, Either } from "effect"
import type { Catalogue } from "../../model/Catalogue.ts"
import { parseEvent } from "../../model/Event.ts"
import { newEventId, type WorkspaceId } from "../../model/Id.ts"
import { type TraceContext, traceContext } from "../../model/TraceContext.ts"
import { EventCatalogue } from "../EventCatalogue.ts"
import { type Publication, type PublishedEvent, Publisher, PublishFailed } from "../Publisher.ts"
import { type BatchFault, elementsOf } from "./BatchBody.ts"
import { bodyLimits, rawBody } from "./Body.ts"
import { HooklineApi } from "./Contract.ts"
import { BadRequest, TooLarge, Unavailable, Unprocessable } from "./Errors.ts"
import { eventHistory } from "./EventHistory.ts"
import { notAnEvent, type Refusal } from "./NotAnEvent.ts"
import { readable } from "./Refusals.ts"
import { ownWorkspace } from "./Workspace.ts"

/** At most so many events in a batch (CONTRACT 4). */
const batchLimit = 1000

/** The event as it goes to the stream, or why it is none. `place` is an element's index in brackets. */
const check = (
  payload: Uint8Array,
  workspaceId: WorkspaceId,
  time: number,
  catalogue: Catalogue,
  trace: TraceContext | undefined,
  place = ""
): Publication | Refusal => {
  const fresh = newEventId()
  const event = parseEvent({ payload, workspaceId, fallbackId: () => fresh, time }, catalogue)
  if (event._tag === "Event") {
    return { workspaceId, type: event.type, id: event.id, idIsFresh: event.id === fresh, payload, trace }
  }
  return notAnEvent(event, place)
}

/** The publisher's trace, which goes on in the attempts. What is not valid is no reason to refuse an event. */
const traceOf = ({ headers }: HttpServerRequest.HttpServerRequest): TraceContext | undefined =>
  traceContext(headers["traceparent"], headers["tracestate"])

const isPublication = (value: Publication | Refusal): value is Publication => "payload" in value

const batchRefusal = ({ fault, index }: BatchFault): Refusal => {
  const field = `[${index}]`
  switch (fault) {
    case "not_json":
      return new BadRequest({ type: "not_json", field, message: `the body is not JSON, at or after element ${index}` })
    case "not_array":
      return new Unprocessable({ type: "not_array", message: "the body must be a JSON array of events" })
    case "empty":
      return new Unprocessable({ type: "empty", message: "the body must have at least one event" })
    case "not_object":
      return new Unprocessable({ type: "not_object", field, message: `${field}: an event must be an object` })
    case "too_many":
      return new Unprocessable({ type: "too_many", field, message: `a batch has at most ${batchLimit} events` })
  }
}

const failed = ({ reason, stored }: PublishFailed): TooLarge | Unavailable =>
  reason === "too_large"
    ? new TooLarge({ type: "too_large", message: "the event is over the broker's limit" })
    : reason === "full"
    ? new Unavailable({ type: "stream_full", message: "the event stream is full; nothing was stored" })
    : new Unavailable({
      type: "broker_unavailable",
      message: stored === "no"
        ? "the broker cannot be reached; nothing was stored"
        : "the broker did not acknowledge; repeat it with the same id, which is safe"
    })

const answerBatch = (results: ReadonlyArray<PublishedEvent | PublishFailed>, allHadIds: boolean) => {
  const [failures, data] = Arrays.partitionMap(
    results,
    (result) => result instanceof PublishFailed ? Either.left(result) : Either.right(result)
  )
  const [first] = failures
  if (first === undefined) return Effect.succeed({ data })
  if (failures.length === results.length && failures.every(({ stored }) => stored === "no")) {
    return Effect.fail(failed(first))
  }
  const advice = allHadIds
    ? "repeat the batch with the same ids, which is safe"
    : "some events had no id: repeating those makes new events; send ids"
  return Effect.fail(
    new Unavailable({
      type: first.reason === "full" ? "stream_full" : "broker_unavailable",
      message: `${data.length} of ${results.length} events are stored; ${advice}`
    })
  )
}

export const events = HttpApiBuilder.group(HooklineApi, "events", (handlers) =>
  Effect.gen(function*() {
    const publisher = yield* Publisher
    const catalogue = yield* EventCatalogue
    const history = yield* eventHistory
    return handlers
      .handleRaw("publish", ({ headers, request }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const payload = yield* rawBody(request, bodyLimits.event)
          const publication = check(payload, workspaceId, yield* Clock.currentTimeMillis, catalogue, traceOf(request))
          if (!isPublication(publication)) return yield* publication
          return yield* Effect.mapError(publisher.publish(publication), failed)
        }))
      .handleRaw("publishBatch", ({ headers, request }) =>
        Effect.gen(function*() {
          const workspaceId = yield* ownWorkspace(headers)
          const elements = elementsOf(yield* rawBody(request, bodyLimits.batch), batchLimit)
          if ("fault" in elements) return yield* batchRefusal(elements)
          const time = yield* Clock.currentTimeMillis
          const trace = traceOf(request)
          const publications: Array<Publication> = []
          for (const [index, element] of elements.entries()) {
            const publication = check(element, workspaceId, time, catalogue, trace, `[${index}]`)
            if (!isPublication(publication)) return yield* publication
            publications.push(publication)
          }
          const results = yield* publisher.publishAll(publications)
          return yield* answerBatch(results, publications.every(({ idIsFresh }) => !idIsFresh))
        }))
      .handle("list", ({ headers, urlParams }) =>
        Effect.flatMap(ownWorkspace(headers), (workspaceId) =>
          history.list(workspaceId, urlParams)).pipe(readable))
      .handle("show", ({ headers, path }) =>
        Effect.flatMap(ownWorkspace(headers), (workspaceId) =>
          history.show(workspaceId, path.id)).pipe(readable))
      .handle("explain", ({ headers, path }) =>
        Effect.flatMap(ownWorkspace(headers), (workspaceId) =>
          history.why(workspaceId, path.id)).pipe(readable))
  }))

export const eventTypes = HttpApiBuilder.group(
  HooklineApi,
  "eventTypes",
  (handlers) =>
    Effect.map(
      EventCatalogue,
      (catalogue) => handlers.handle("list", () => Effect.succeed({ data: [...catalogue.types.values()], next: null }))
    )
)
