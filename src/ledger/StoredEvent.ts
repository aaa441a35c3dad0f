import { Option } from "effect"
import type { StoredMessage } from "../broker/Streams.ts"
import { headerNames, parseStoredEventSubject } from "../broker/Subjects.ts"
import type { Catalogue } from "../model/Catalogue.ts"
import { type ParsedEvent, parseEvent, type Rejection } from "../model/Event.ts"
import { eventIdAt } from "../model/Id.ts"
import { type TraceContext, traceContext } from "../model/TraceContext.ts"

/** The publisher's trace, if the message has a valid one. Clients that fold header names write `Traceparent`. */
export const storedTrace = (message: StoredMessage): TraceContext | undefined => {
  const traceparent = message.header(headerNames.traceparent) ?? message.header("Traceparent")
  if (traceparent === undefined) return undefined
  return traceContext(traceparent, message.header(headerNames.tracestate) ?? message.header("Tracestate"))
}

/**
 * A message of EVENTS as an event. Without a catalogue the type is not checked: an event that was accepted once stays one, whatever has become of
 * its type since. The same message always gives the same bytes.
 */
export const readStoredEvent = (
  message: StoredMessage,
  eventsCreated: string,
  catalogue: Catalogue | undefined
): ParsedEvent | Rejection => {
  const subject = Option.getOrUndefined(parseStoredEventSubject(message.subject))
  if (subject === undefined) {
    return {
      _tag: "Rejection",
      reason: "bad_subject",
      message: "the subject must be events.<workspace_id>.<entity>.<action>, each 1 to 64 of A-Z, a-z, 0-9, _ and -"
    }
  }
  const releasedId = message.header(headerNames.released) === undefined
    ? undefined
    : message.header(headerNames.eventId)
  const event = parseEvent(
    {
      payload: message.data,
      workspaceId: subject.workspaceId,
      type: subject.type,
      headerId: message.header(headerNames.messageId),
      released: releasedId === undefined
        ? undefined
        : { id: releasedId, timestamp: message.header(headerNames.eventTime) ?? "" },
      notice: message.header(headerNames.notice) !== undefined,
      fallbackId: () => eventIdAt(eventsCreated, message.sequence),
      time: message.time
    },
    catalogue
  )
  if (event._tag === "Rejection") return event
  const trace = storedTrace(message)
  return trace === undefined ? event : { ...event, trace }
}
