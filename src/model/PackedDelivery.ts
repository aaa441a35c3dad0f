/**
 * A delivery that waits for long, as text: less memory than the object with its times and strings (docs/adr/0023-what-is-due-later-sleeps-as-text.md).
 * For memory alone: what is stored is a record (ledger/Record.ts).
 */
import type { Delivery, DeliveryState, FailReason, HoldReason } from "./Delivery.ts"
import type { EventId, WebhookId } from "./Id.ts"

export type PackedDelivery = string

/** Whose delivery it is stands beside many of them. */
type Place = Pick<Delivery, "webhookId" | "workspaceId">

/** Joined, not as JSON: a `join` is one piece of memory, what `JSON.stringify` makes is a chain of pieces. No field has a space in it. */
export const pack = (delivery: Delivery): PackedDelivery =>
  [
    delivery.eventSequence,
    delivery.eventId,
    delivery.eventType,
    delivery.webhookRevision,
    delivery.webhooksSequence,
    delivery.state,
    delivery.round,
    delivery.attempt,
    delivery.roundAttempt,
    delivery.roundStart,
    delivery.dueAt,
    delivery.heldReason,
    delivery.heldSince,
    delivery.failReason,
    delivery.publishedAt,
    delivery.expiresAt,
    delivery.epoch,
    delivery.step
  ].join(" ")

export const unpack = (packed: PackedDelivery, { webhookId, workspaceId }: Place): Delivery => {
  const fields = packed.split(" ")
  const number = (index: number): number => Number(fields[index])
  return {
    workspaceId,
    webhookId,
    eventSequence: number(0),
    eventId: fields[1] as EventId,
    eventType: fields[2] as string,
    webhookRevision: number(3),
    webhooksSequence: number(4),
    state: fields[5] as DeliveryState,
    round: number(6),
    attempt: number(7),
    roundAttempt: number(8),
    roundStart: number(9),
    dueAt: number(10),
    heldReason: (fields[11] || undefined) as HoldReason | undefined,
    heldSince: number(12),
    failReason: (fields[13] || undefined) as FailReason | undefined,
    publishedAt: number(14),
    expiresAt: number(15),
    epoch: number(16),
    step: number(17)
  }
}

/** Very many of them, in the order in which each webhook's came. */
export class PackedDeliveries {
  readonly #byWebhook = new Map<WebhookId, { readonly place: Place; readonly packed: Array<PackedDelivery> }>()
  #size = 0

  constructor(deliveries: Iterable<Delivery> = []) {
    for (const delivery of deliveries) {
      const { webhookId, workspaceId } = delivery
      let webhook = this.#byWebhook.get(webhookId)
      if (webhook === undefined) {
        webhook = { place: { webhookId, workspaceId }, packed: [] }
        this.#byWebhook.set(webhookId, webhook)
      }
      webhook.packed.push(pack(delivery))
      this.#size++
    }
  }

  get size(): number {
    return this.#size
  }

  *[Symbol.iterator](): Iterator<Delivery> {
    for (const { packed, place } of this.#byWebhook.values()) for (const one of packed) yield unpack(one, place)
  }

  /** Hands them over, webhook by webhook: those that were taken are not kept. */
  *drain(): Iterable<Delivery> {
    for (const [webhookId, { packed, place }] of this.#byWebhook) {
      this.#byWebhook.delete(webhookId)
      this.#size -= packed.length
      for (const one of packed) yield unpack(one, place)
    }
  }
}
