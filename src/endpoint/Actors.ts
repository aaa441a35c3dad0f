import type { SpillState } from "../ledger/Spill.ts"
import type { Delivery } from "../model/Delivery.ts"
import type { WebhookId } from "../model/Id.ts"
import { Endpoint } from "./Endpoint.ts"
import type { Environment } from "./Environment.ts"

/** The actors of an owner by webhook: each is made with the first delivery, and forgotten by the sweep when nothing needs it any more. */
export class Actors {
  readonly #env: Pick<Environment, "epoch" | "find" | "recordedUpTo">
  readonly #endpoints = new Map<WebhookId, Endpoint>()
  /** Endpoints with something in ready or held. */
  readonly waiting = new Set<Endpoint>()

  constructor(env: Pick<Environment, "epoch" | "find" | "recordedUpTo">) {
    this.#env = env
  }

  get(webhookId: WebhookId): Endpoint | undefined {
    return this.#endpoints.get(webhookId)
  }

  /** The actor of a delivery's webhook, made if there is none. */
  of(place: Pick<Delivery, "webhookId" | "workspaceId">, partition: number): Endpoint {
    const known = this.#endpoints.get(place.webhookId)
    if (known !== undefined) return known
    const { epoch, find, recordedUpTo } = this.#env
    const endpoint = new Endpoint(place, partition, recordedUpTo(partition), epoch(partition))
    endpoint.held.follow(find(place.webhookId) ?? {})
    this.#endpoints.set(place.webhookId, endpoint)
    return endpoint
  }

  forget(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint.webhookId)
  }

  values(): Iterable<Endpoint> {
    return this.#endpoints.values()
  }

  // --- what a snapshot has of a partition

  live(partition: number): ReadonlyArray<Delivery> {
    const states: Array<Delivery> = []
    for (const endpoint of this.#endpoints.values()) {
      if (endpoint.partition !== partition) continue
      // Without a record there is nothing to keep: the event is open and comes again.
      for (const live of endpoint.live.values()) if (live.state.step > 0) states.push(live.state)
      for (const delivery of endpoint.asleep.values()) states.push(delivery)
    }
    return states
  }

  /** The backlogs that are not in memory. */
  spills(partition: number): ReadonlyArray<SpillState> {
    return Array.from(this.#endpoints.values()).flatMap((endpoint) => {
      const spill = endpoint.partition === partition ? endpoint.overflow.spill : undefined
      return spill === undefined ? [] : [spill.state]
    })
  }
}
