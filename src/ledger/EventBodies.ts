import { Context, Effect, Layer, Option } from "effect"
import { type BrokerUnavailable, Streams } from "../broker/Streams.ts"
import { streamNames } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import type { ParsedEvent } from "../model/Event.ts"
import { readStoredEvent } from "./StoredEvent.ts"

/** Open and recently deferred bodies together stay below this (ARCHITECTURE "Values"). */
const budget = 64 * 1024 * 1024

/**
 * The bodies of events that still have deliveries before them. What was read lately is kept, oldest out first; everything else is read back from
 * EVENTS when its turn comes.
 */
export class EventBodies extends Context.Tag("hookline/ledger/EventBodies")<EventBodies, {
  /** Keeps a body that will be wanted again soon, if there is room. */
  readonly keep: (sequence: number, event: ParsedEvent) => void
  readonly peek: (sequence: number) => ParsedEvent | undefined
  /** None: the event has left the stream. */
  readonly load: (sequence: number) => Effect.Effect<Option.Option<ParsedEvent>, BrokerUnavailable>
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

      const load = (sequence: number) => {
        const known = kept.get(sequence)
        if (known !== undefined) return Effect.succeedSome(known)
        return streams.message(streamNames.events, sequence).pipe(
          Effect.map(Option.flatMap((message) => {
            const event = readStoredEvent(message, eventsCreated, undefined)
            return event._tag === "Event" ? Option.some(event) : Option.none()
          }))
        )
      }
      return { keep, peek: (sequence: number) => kept.get(sequence), load }
    })
  )
}
