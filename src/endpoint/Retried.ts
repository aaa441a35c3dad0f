import type { Delivery } from "../model/Delivery.ts"

type Newest = Pick<Delivery, "epoch" | "step">

const most = 50_000

/**
 * The deliveries that were retried by hand and have ended. A request for a delivery that has ended is judged by what it saw of it; only another
 * retry can have changed that since, and this knows which did. Beyond 50,000 all are forgotten, and requests that saw no more than was recorded
 * then are taken for overtaken.
 */
export class Retried {
  readonly #newest = new Map<string, Newest>()
  readonly #since = new Map<number, number>()
  readonly #recordedUpTo: (partition: number) => number

  /** `recordedUpTo`: the highest sequence recorded in the stream of a partition. */
  constructor(recordedUpTo: (partition: number) => number) {
    this.#recordedUpTo = recordedUpTo
  }

  /** From which sequence of its stream on a partition's retried deliveries are known. */
  knownFrom(partition: number, sequence: number): void {
    this.#since.set(partition, sequence)
  }

  since(partition: number): number {
    return this.#since.get(partition) ?? Number.POSITIVE_INFINITY
  }

  ended(delivery: Delivery): void {
    if (this.#newest.size >= most) {
      this.#newest.clear()
      for (const partition of this.#since.keys()) this.#since.set(partition, this.#recordedUpTo(partition))
    }
    this.#newest.set(keyOf(delivery), { epoch: delivery.epoch, step: delivery.step })
  }

  newestOf(delivery: Delivery): Newest | undefined {
    return this.#newest.get(keyOf(delivery))
  }
}

const keyOf = ({ eventSequence, webhookId }: Delivery): string => `${webhookId}/${eventSequence}`
