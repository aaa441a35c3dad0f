import type { Delivery } from "../model/Delivery.ts"
import { pack, type PackedDelivery, unpack } from "../model/PackedDelivery.ts"

/** Deliveries of one webhook that are due later, by their event's sequence: very many may wait for hours. All of them have a record. */
export class Asleep {
  readonly #place: Pick<Delivery, "webhookId" | "workspaceId">
  readonly #packed = new Map<number, PackedDelivery>()

  constructor({ webhookId, workspaceId }: Pick<Delivery, "webhookId" | "workspaceId">) {
    this.#place = { webhookId, workspaceId }
  }

  get size(): number {
    return this.#packed.size
  }

  has(eventSequence: number): boolean {
    return this.#packed.has(eventSequence)
  }

  peek(eventSequence: number): Delivery | undefined {
    const packed = this.#packed.get(eventSequence)
    return packed === undefined ? undefined : unpack(packed, this.#place)
  }

  *values(): Iterable<Delivery> {
    for (const packed of this.#packed.values()) yield unpack(packed, this.#place)
  }

  put(delivery: Delivery): void {
    this.#packed.set(delivery.eventSequence, pack(delivery))
  }

  take(eventSequence: number): Delivery | undefined {
    const delivery = this.peek(eventSequence)
    this.#packed.delete(eventSequence)
    return delivery
  }

  clear(): void {
    this.#packed.clear()
  }
}
