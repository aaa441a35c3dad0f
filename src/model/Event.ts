import type { Catalogue } from "./Catalogue.ts"
import { envelope } from "./Envelope.ts"
import { type Members, readMembers, says, textOf } from "./EventMembers.ts"
import { isReserved, typeProblem } from "./EventType.ts"
import { type EventId, isToken, type WebhookId, type WorkspaceId } from "./Id.ts"
import { printable, quotedType } from "./Printable.ts"
import { reject, type Rejection } from "./Rejection.ts"
import { isTimestamp, timestampAt } from "./Timestamp.ts"
import type { TraceContext } from "./TraceContext.ts"

export type { Rejection } from "./Rejection.ts"

/** An event as a publisher gave it, over NATS or HTTP. */
export interface PublishedEvent {
  readonly payload: Uint8Array
  /** Of the subject, or of `X-Workspace-Id`. A body that names one must name this one. */
  readonly workspaceId: string
  /** Of the subject. Absent over HTTP: there the body's `event` is required and decides. */
  readonly type?: string | undefined
  /** The raw `Nats-Msg-Id`; a prefix `<workspace_id>/` is taken off. */
  readonly headerId?: string | undefined
  /** What an event released from quarantine got when it first came; its body's own values go before. */
  readonly released?: { readonly id: string; readonly timestamp: string } | undefined
  /** It says that it is an event of hookline itself: only then may it be of a reserved type. */
  readonly notice?: boolean | undefined
  /** The id when nobody gave one. Must be a token, the same for the same message. */
  readonly fallbackId: () => string
  /** The stream's time in milliseconds. */
  readonly time: number
}

export interface ParsedEvent {
  readonly _tag: "Event"
  readonly id: EventId
  readonly type: string
  /** As published, else in the form of `timestampAt`. */
  readonly timestamp: string
  readonly workspaceId: WorkspaceId
  /** Of an event of hookline itself: the webhook that it tells of, which never gets it. */
  readonly about?: WebhookId
  /** The envelope: what every endpoint gets. */
  readonly body: Uint8Array
  /** The publisher's, when its message had a valid one. */
  readonly trace?: TraceContext
}

const noToken = "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -"
const noTimestamp = "must be an RFC 3339 date-time with a zone, such as 2025-03-23T14:35:21Z"

const isEventId = (text: string): text is EventId => isToken(text)
const isWorkspaceId = (text: string): text is WorkspaceId => isToken(text)
const isWebhookId = (text: unknown): text is WebhookId => typeof text === "string" && isToken(text)

const quoted = (text: string | undefined): string => text === undefined ? "not a string" : `"${printable(text)}"`

/** The body's id, else the one it had before its release, else the header's, else one that is made. */
const readId = (input: PublishedEvent, members: Members): EventId | Rejection => {
  const prefix = `${input.workspaceId}/`
  const header = input.headerId?.startsWith(prefix) ? input.headerId.slice(prefix.length) : input.headerId
  const [text, field] = members.id !== undefined
    ? [textOf(members, members.id), "id"]
    : input.released !== undefined
    ? [input.released.id, "Hookline-Event-Id"]
    : header !== undefined && header !== ""
    ? [header, "Nats-Msg-Id"]
    : [input.fallbackId(), "id"]
  return text !== undefined && isEventId(text)
    ? text
    : reject("bad_id", `the id ${noToken}; it is ${quoted(text)}`, field)
}

/** The body's timestamp, else the one it had before its release, else the stream's time. */
const readTimestamp = (input: PublishedEvent, members: Members): string | Rejection => {
  const value = members.timestamp
  if (value === undefined && input.released === undefined) return timestampAt(input.time)
  const text = value === undefined ? input.released?.timestamp : textOf(members, value)
  return text !== undefined && isTimestamp(text)
    ? text
    : reject(
      "bad_timestamp",
      `the timestamp ${noTimestamp}; it is ${quoted(text)}`,
      value === undefined ? "Hookline-Event-Time" : "timestamp"
    )
}

/** The subject's type, with which the body must agree; over HTTP the body's. */
const readType = (input: PublishedEvent, members: Members): string | Rejection => {
  const value = members.event
  if (value === undefined) {
    return input.type ?? reject("event_missing", "the key \"event\" with the event type is missing", "event")
  }
  if (input.type === undefined) {
    return textOf(members, value) ?? reject("unknown_type", "the event type must be a string", "event")
  }
  if (says(members, value, input.type)) return input.type
  const found = quoted(textOf(members, value))
  return reject("event_mismatch", `the subject says "${printable(input.type)}", "event" is ${found}`, "event")
}

const aboutOf = (data: Buffer): WebhookId | undefined => {
  const parsed: unknown = JSON.parse(data.toString("utf8"))
  const id = typeof parsed === "object" && parsed !== null && "webhook_id" in parsed ? parsed.webhook_id : undefined
  return isWebhookId(id) ? id : undefined
}

/**
 * What a publisher gave, checked by every rule of CONTRACT 4, as the envelope that endpoints get: the only way in, for
 * NATS, HTTP and release alike. Never throws, whatever the bytes are. The text is read once, and `data` is parsed only
 * where its type has a schema. Without a catalogue, any well-formed type will do and no schema is checked: for events
 * that were accepted before. About 5 µs for 1 KB, 3 µs for each KB more [measured].
 */
export const parseEvent = (input: PublishedEvent, catalogue: Catalogue | undefined): ParsedEvent | Rejection => {
  const { workspaceId } = input
  if (!isWorkspaceId(workspaceId)) {
    return reject("bad_subject", `the workspace ${noToken}; it is ${quoted(workspaceId)}`, "workspace_id")
  }
  const members = readMembers(input.payload)
  if ("_tag" in members) return members
  if (members.workspace_id !== undefined && !says(members, members.workspace_id, workspaceId)) {
    const found = quoted(textOf(members, members.workspace_id))
    const message = `the event was published for "${workspaceId}", "workspace_id" is ${found}`
    return reject("workspace_mismatch", message, "workspace_id")
  }
  const type = readType(input, members)
  if (typeof type !== "string") return type
  const id = readId(input, members)
  if (typeof id !== "string") return id
  const timestamp = readTimestamp(input, members)
  if (typeof timestamp !== "string") return timestamp
  if (members.data === undefined || members.bytes[members.data.start] !== 0x7b) {
    return reject(
      "data_not_object",
      `"data" ${members.data === undefined ? "is missing" : "must be an object"}`,
      "data"
    )
  }
  const data = members.bytes.subarray(members.data.start, members.data.end)
  const reserved = isReserved(type)
  if (reserved && input.notice !== true) {
    return reject(
      "reserved_type",
      `"${printable(type)}" is reserved for hookline's own events; nobody else publishes it`,
      "event"
    )
  }
  const known = catalogue === undefined ? typeProblem(type) === undefined : catalogue.types.has(type)
  if (!known) {
    return { ...reject("unknown_type", `${quotedType(type)} is not an event type of the catalogue`, "event"), id }
  }
  const broken = catalogue?.checks.get(type)?.(JSON.parse(data.toString("utf8")))
  if (broken !== undefined) return { ...reject("schema", `${broken.field} ${broken.message}`, broken.field), id }
  const body = envelope({ id, type, timestamp, workspaceId }, data)
  const about = reserved ? aboutOf(data) : undefined
  return { _tag: "Event", id, type, timestamp, workspaceId, ...(about !== undefined && { about }), body }
}
