import { NodeHttpServerRequest } from "@effect/platform-node"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Schedule, Stream } from "effect"
import { Topology } from "../../broker/Topology.ts"
import { Subscriptions } from "../../registry/Subscriptions.ts"
import { LiveDeliveries, type Watcher } from "../LiveDeliveries.ts"
import { Principal } from "./contract/Common.ts"
import { Unavailable, Unprocessable } from "./Errors.ts"
import { gapEvent, heartbeat, liveEvents, opening } from "./LiveEvents.ts"
import { Outlet } from "./Outlet.ts"
import { brokerUnavailable } from "./Refusals.ts"

/** Between two comments that keep a quiet connection from being taken for a dead one. */
const heartbeatEvery = "15 seconds"
/** A client that takes nothing for so long while there is no room is cut off; it may connect again where it was. */
const patience = "10 seconds"

/** How often it is looked whether the key or session is still valid. A revocation is known here within 5 s (ApiKeys). */
const keyLookEvery = "1 second"

const noPosition = new Unprocessable({
  type: "invalid",
  field: "last-event-id",
  message: "last-event-id: must be the id of an event of this stream; leave it away to begin now"
})

/**
 * The handler of `GET /v1/deliveries/stream`. All that it starts ends with the request's scope. Whether its key or session still holds is asked for
 * every message: nothing is handed over once it is revoked, signed out or has expired, or while the broker cannot confirm that it is not; the first
 * ends the stream.
 */
export const watching = Effect.gen(function*() {
  const live = yield* LiveDeliveries
  const subscriptions = yield* Subscriptions
  const { eventsCreated } = yield* Topology
  const shown = { eventsCreated, isDeleted: (webhookId: string) => subscriptions.get(webhookId)?.deleted === true }

  return Effect.fnUntraced(function*(
    request: HttpServerRequest.HttpServerRequest,
    watched: Omit<Watcher, "offer" | "room">
  ) {
    const { standing } = yield* Principal
    const mayWatch = () => standing() === "valid"
    const isOver = () => standing() === "over"
    const outlet = new Outlet()
    const { socket } = NodeHttpServerRequest.toIncomingMessage(request)
    // What is being written to a client that does not read ends only with its connection.
    const cut = Effect.zipRight(Effect.sync(() => socket.destroy()), Effect.never)
    const beginning = yield* live.watch({
      ...watched,
      offer: (fact, position) => {
        if (!mayWatch()) return false
        const text = liveEvents(fact, position, shown)
        return text === "" || outlet.push(text)
      },
      room: Effect.timeoutTo(outlet.room, {
        duration: patience,
        onSuccess: () => Effect.void,
        onTimeout: () => cut
      }).pipe(
        Effect.flatten,
        Effect.zipRight(Effect.repeat(Effect.void, { until: mayWatch, schedule: Schedule.spaced(keyLookEvery) }))
      )
    }).pipe(Effect.catchTags({
      NoPosition: () => noPosition,
      TooManyWatchers: ({ limit, of }) =>
        new Unavailable({
          type: "too_many_streams",
          message: `${limit} connections ${of === "workspace" ? "of the workspace " : ""}watch already`
        }),
      BrokerUnavailable: brokerUnavailable
    }))
    const { gap, position } = beginning
    yield* Effect.sync(() => outlet.waits || outlet.push(heartbeat)).pipe(
      Effect.repeat(Schedule.spaced(heartbeatEvery)),
      Effect.delay(heartbeatEvery),
      Effect.forkScoped
    )
    yield* Effect.forkScoped(Effect.zipRight(live.ending, Effect.sync(() => outlet.end())))
    yield* Effect.void.pipe(
      Effect.repeat({ until: isOver, schedule: Schedule.spaced(keyLookEvery) }),
      Effect.zipRight(Effect.sync(() => outlet.end())),
      // A client that does not take what waits goes all the same.
      Effect.zipRight(Effect.delay(cut, patience)),
      Effect.forkScoped
    )
    const first = opening(position) + (gap ? gapEvent(position) : "")
    return HttpServerResponse.stream(
      Stream.concat(Stream.make(Buffer.from(first)), Stream.repeatEffectOption(outlet.take)),
      {
        contentType: "text/event-stream",
        headers: { "cache-control": "no-store", "x-accel-buffering": "no" }
      }
    )
  })
})
