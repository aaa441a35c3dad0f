import { Context, Data, Effect, Layer, Option } from "effect"
import { type BrokerUnavailable, Streams } from "../broker/Streams.ts"
import { everySubject, streamNames } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import type { ParsedEvent } from "../model/Event.ts"
import { readStoredEvent } from "./StoredEvent.ts"

/** Open and recently deferred bodies together stay below this (ARCHITECTURE "Values"). */
const budget = 64 * 1024 * 1024

/** Where an event stands, and which one it is. */
interface EventPlace {
  readonly workspaceId: string
  readonly eventId: string
  readonly eventSequence: number
}

/** What stands where the event stood is another one, or none: EVENTS is not the stream that the delivery was made of. Nothing of it may be used. */
export class OtherEvent extends Data.TaggedError("OtherEvent")<{ readonly place: EventPlace }> {
  override get message(): string {
    const { eventId, eventSequence, workspaceId } = this.place
    return `message ${eventSequence} of EVENTS is not event ${eventId} of ${workspaceId}`
  }
}

const isAt = (event: ParsedEvent | undefined, { eventId, workspaceId }: EventPlace): boolean =>
  event?.id === eventId && event.workspaceId === workspaceId

/**
 * The bodies of events that still have deliveries before them. What was read lately is kept, oldest out first; everything else is read back from
 * EVENTS when its turn comes.
 */
export class EventBodies extends Context.Tag("hookline/ledger/EventBodies")<EventBodies, {
  /** Keeps a body that will be wanted again soon, if there is room. */
  readonly keep: (sequence: number, event: ParsedEvent) => void
  readonly peek: (place: EventPlace) => ParsedEvent | undefined
  /** None: the event has left the stream. */
  readonly load: (place: EventPlace) => Effect.Effect<Option.Option<ParsedEvent>, BrokerUnavailable | OtherEvent>
  /** For people who look: none too where another stands in its place, which may be another workspace's. */
  readonly find: (place: EventPlace) => Effect.Effect<Option.Option<ParsedEvent>, BrokerUnavailable>
}>() {
  static readonly layer = Layer.effect(
    EventBodies,
    Effect.gen(function*() {
      const streams = yield* Streams
      const { eventsCreated } = yield* Topology
      const kept = new Map<number, ParsedEvent>()
      let bytes = 0

      const keep = (sequence: number, event: ParsedEvent): void => {
        if (kept.has(sequence)) return
        kept.set(sequence, event)
        bytes += event.body.byteLength
        for (const [oldest, { body }] of kept) {
          if (bytes <= budget) break
          kept.delete(oldest)
          bytes -= body.byteLength
        }
      }

      const peek = (place: EventPlace) => {
        const event = kept.get(place.eventSequence)
        return isAt(event, place) ? event : undefined
      }

      const load = Effect.fnUntraced(function*(place: EventPlace) {
        const known = peek(place)
        if (known !== undefined) return Option.some(known)
        const { eventSequence } = place
        const direct = yield* streams.message(streamNames.events, eventSequence)
        // A replica that is behind has not got it yet; only the leader knows that it has left.
        const message = Option.isSome(direct) ? direct : Option.filter(
          yield* streams.next(streamNames.events, everySubject, eventSequence),
          ({ sequence }) => sequence === eventSequence
        )
        if (Option.isNone(message)) return Option.none<ParsedEvent>()
        const event = readStoredEvent(message.value, eventsCreated, undefined)
        return event._tag === "Event" && isAt(event, place) ? Option.some(event) : yield* new OtherEvent({ place })
      })
      const find = (place: EventPlace) => Effect.catchTag(load(place), "OtherEvent", () => Effect.succeedNone)
      return { keep, peek, load, find }
    })
  )
}
