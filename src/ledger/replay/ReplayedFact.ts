import { Either, Option } from "effect"
import type { StoredMessage } from "../../broker/Streams.ts"
import {
  headerNames,
  parseDeliverySubject,
  parseQuarantineSubject,
  parseStoredEventSubject,
  parseWebhookSubject,
  publishedSubject,
  streamNames
} from "../../broker/Subjects.ts"
import { decodeFact } from "../../model/WebhookFacts.ts"
import { readStoredEvent } from "../StoredEvent.ts"

/** A message of a stream as a replay shows it. */
export interface ReplayedFact {
  /** When the broker took it, broker milliseconds. */
  readonly time: number
  readonly stream: string
  readonly sequence: number
  /** `event`, `webhook.…`, a kind of record, `quarantined`, `released`, or `unreadable`. */
  readonly kind: string
  readonly workspaceId: string | undefined
  readonly webhookId: string | undefined
  readonly eventId: string | undefined
  readonly eventType: string | undefined
  readonly deliveryId: string | undefined
  /** As it was stored, JSON on one line; undefined: it is none. */
  readonly json: string | undefined
  /** What is no JSON. */
  readonly base64: string | undefined
}

type Body = Pick<ReplayedFact, "json" | "base64"> & { readonly parsed: unknown }

const utf8 = new TextDecoder("utf-8", { fatal: true })

/** The bytes as they are: numbers of any length, and keys that repeat. A line break in JSON is white space, wherever it stands. */
const bodyOf = (data: Uint8Array): Body => {
  try {
    const text = utf8.decode(data)
    return { parsed: JSON.parse(text), json: text.replaceAll(/[\r\n]+\s*/g, " "), base64: undefined }
  } catch {
    return { parsed: undefined, json: undefined, base64: Buffer.from(data).toString("base64") }
  }
}

const textAt = (value: unknown, key: string): string | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  const found = (value as Readonly<Record<string, unknown>>)[key]
  return typeof found === "string" ? found : undefined
}

/** Where the API waits for an answer is nobody's business but its own. */
const withoutAnswer = (body: Body): string | undefined =>
  textAt(body.parsed, "answer_to") === undefined
    ? body.json
    : JSON.stringify({ ...body.parsed as object, answer_to: undefined })

/** What a message says. A record of several deliveries is one fact for each. */
export const readFacts = (
  stream: string,
  message: StoredMessage,
  eventsCreated: string
): ReadonlyArray<ReplayedFact> => {
  const body = bodyOf(message.data)
  const common: ReplayedFact = {
    time: message.time,
    stream,
    sequence: message.sequence,
    kind: "unreadable",
    workspaceId: undefined,
    webhookId: undefined,
    eventId: undefined,
    eventType: undefined,
    deliveryId: undefined,
    json: body.json,
    base64: body.base64
  }
  if (stream === streamNames.events) {
    const place = Option.getOrUndefined(parseStoredEventSubject(message.subject))
    const event = readStoredEvent(message, eventsCreated, undefined)
    return [{
      ...common,
      kind: "event",
      workspaceId: place?.workspaceId ?? publishedSubject(message.subject).split(".")[1],
      eventId: event._tag === "Event" ? event.id : undefined,
      eventType: place?.type
    }]
  }
  if (stream === streamNames.webhooks) {
    const place = Option.getOrUndefined(parseWebhookSubject(message.subject))
    const kind = Either.match(decodeFact(message.data), { onLeft: () => "unreadable", onRight: ({ type }) => type })
    return [{ ...common, kind, workspaceId: place?.workspaceId, webhookId: place?.webhookId }]
  }
  if (stream === streamNames.quarantine) {
    const place = Option.getOrUndefined(parseQuarantineSubject(message.subject))
    const isMarker = place?.reason.startsWith("released-") === true
    return [{
      ...common,
      kind: isMarker ? "released" : "quarantined",
      workspaceId: place?.workspaceId === "_" ? undefined : place?.workspaceId,
      eventId: isMarker ? textAt(body.parsed, "event_id") : message.header(headerNames.eventId),
      eventType: typeOf(message.header(headerNames.subject)),
      ...(isMarker ? {} : { json: quarantined(message, body), base64: undefined })
    }]
  }
  const place = Option.getOrUndefined(parseDeliverySubject(message.subject))
  if (place === undefined) return [common]
  const about = {
    ...common,
    kind: place.kind,
    workspaceId: place.workspaceId,
    webhookId: place.webhookId === "_" ? undefined : place.webhookId
  }
  const many = typeof body.parsed === "object" && body.parsed !== null && "deliveries" in body.parsed
    ? body.parsed.deliveries
    : undefined
  if (Array.isArray(many)) {
    return many.map((one: unknown) => ({ ...about, ...ofDelivery(one), json: JSON.stringify(one), base64: undefined }))
  }
  return [{ ...about, ...ofDelivery(body.parsed), json: withoutAnswer(body) }]
}

const ofDelivery = (value: unknown) => ({
  eventId: textAt(value, "event_id"),
  eventType: textAt(value, "event"),
  deliveryId: textAt(value, "delivery_id")
})

const typeOf = (subject: string | undefined): string | undefined => {
  const parts = subject?.split(".") ?? []
  return parts.length === 4 ? parts.slice(2).join(".") : undefined
}

/** With the reason, which stands in headers, and the input as it was. */
const quarantined = (message: StoredMessage, body: Body): string =>
  `{${
    [
      `"reason":${JSON.stringify(message.header(headerNames.reason) ?? "")}`,
      `"message":${JSON.stringify(message.header(headerNames.message) ?? "")}`,
      `"subject":${JSON.stringify(message.header(headerNames.subject) ?? "")}`,
      `"event_seq":${Number(message.header(headerNames.sequence)) || 0}`,
      body.json === undefined ? `"input_base64":"${body.base64 ?? ""}"` : `"input":${body.json}`
    ].join(",")
  }}`
