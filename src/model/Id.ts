import { Schema } from "effect"
import { hash, randomUUID } from "node:crypto"

/**
 * Ids are tokens (CONTRACT 4): they appear in subjects, headers and URLs, so nothing else may ever pass for one.
 */
const token = /^[A-Za-z0-9_-]{1,64}$/

export const isToken = (text: string): boolean => token.test(text)

const Token = Schema.String.pipe(
  Schema.pattern(token, { message: () => "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -" })
)

export const WorkspaceId = Token.pipe(Schema.brand("WorkspaceId"))
export type WorkspaceId = typeof WorkspaceId.Type

export const EventId = Token.pipe(Schema.brand("EventId"))
export type EventId = typeof EventId.Type

export const WebhookId = Token.pipe(Schema.brand("WebhookId"))
export type WebhookId = typeof WebhookId.Type

export const DeliveryId = Token.pipe(Schema.brand("DeliveryId"))
export type DeliveryId = typeof DeliveryId.Type

const digest = (text: string): string => hash("sha256", text, "hex").slice(0, 32)

/** A fresh random id for a webhook. */
export const newWebhookId = (): WebhookId => WebhookId.make(`wh_${randomUUID().replaceAll("-", "")}`)

/** A fresh random id for an event published over HTTP without one. */
export const newEventId = (): EventId => EventId.make(`evt_${randomUUID().replaceAll("-", "")}`)

/** A fresh random id for a test event: nobody takes it for an event that happened. */
export const newTestEventId = (): EventId => EventId.make(`evt_test_${randomUUID().replaceAll("-", "")}`)

/**
 * The id of an event published to NATS without one: the same message always gets the same id, also after a restart
 * (CONTRACT 4: hash of the stream's creation time and the sequence).
 */
export const eventIdAt = (streamCreated: string, sequence: number): EventId =>
  EventId.make(`evt_${digest(`${streamCreated}\n${sequence}`)}`)

/** The id of an event of hookline itself: made of what it tells of, so that telling of it again makes no second event. */
export const noticeId = (...parts: ReadonlyArray<string | number>): EventId =>
  EventId.make(`evt_${digest(parts.join("\n"))}`)

/** The id of a delivery: EVENTS' creation time, the event's sequence and the webhook (CONTRACT 2). */
export const deliveryId = (eventsCreated: string, eventSequence: number, webhookId: WebhookId): DeliveryId =>
  DeliveryId.make(`dlv_${digest(`${eventsCreated}\n${eventSequence}\n${webhookId}`)}`)
