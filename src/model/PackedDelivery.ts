/**
 * A delivery that waits for long, as text: a few fields beside its webhook's, 170 bytes instead of the 600 that the object takes with its times and
 * strings [measured]. For memory alone: what is stored is a record (ledger/Record.ts).
 */
import type { Delivery } from "./Delivery.ts"
import type { WebhookId } from "./Id.ts"

export type PackedDelivery = string

/** Whose delivery it is stands beside many of them. */
type Place = Pick<Delivery, "webhookId" | "workspaceId">

export const pack = (delivery: Delivery): PackedDelivery =>
  JSON.stringify([
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
  ])

export const unpack = (packed: PackedDelivery, { webhookId, workspaceId }: Place): Delivery => {
  const fields = JSON.parse(packed)
  return {
    workspaceId,
    webhookId,
    eventSequence: fields[0],
    eventId: fields[1],
    eventType: fields[2],
    webhookRevision: fields[3],
    webhooksSequence: fields[4],
    state: fields[5],
    round: fields[6],
    attempt: fields[7],
    roundAttempt: fields[8],
    roundStart: fields[9],
    dueAt: fields[10],
    heldReason: fields[11] ?? undefined,
    heldSince: fields[12],
    failReason: fields[13] ?? undefined,
    publishedAt: fields[14],
    expiresAt: fields[15],
    epoch: fields[16],
    step: fields[17]
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
