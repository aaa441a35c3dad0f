import type { StoredMessage } from "../../broker/Streams.ts"
import { readStoredEvent } from "../StoredEvent.ts"

/** The head of a body that begins with its id, as most do: then the whole need not be read. Keys may not repeat in an event. */
const leadingId = /^\{\s*"id"\s*:\s*"([A-Za-z0-9_-]{1,64})"/

/** The id of an event. Undefined: it has none, and is no event. `created`: of EVENTS. */
export const idOf = (message: StoredMessage, created: string): string | undefined => {
  const { byteOffset, buffer, byteLength } = message.data
  const head = Buffer.from(buffer, byteOffset, byteLength).toString("latin1", 0, Math.min(byteLength, 120))
  const id = leadingId.exec(head)?.[1]
  if (id !== undefined) return id
  const event = readStoredEvent(message, created, undefined)
  return event._tag === "Event" ? event.id : undefined
}
