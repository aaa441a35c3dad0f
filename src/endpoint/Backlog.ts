import type { Webhook } from "../model/Webhook.ts"
import type { Live } from "./Endpoint.ts"
import { Heap } from "./Heap.ts"
import { nextToken, take, type TokenBucket } from "./TokenBucket.ts"

type Drain = Pick<Webhook, "drainRate" | "resumedAt">

/**
 * What an endpoint holds, oldest due first. If its webhook was resumed at a rate, what has been held since before that moment leaves at that rate
 * and nothing else does: whether a delivery belongs to it is said by its own `heldSince`, so that a restart changes nothing and the rate ends by
 * itself with the last of them.
 */
export class Backlog {
  readonly #free = new Heap<Live>(byDue)
  /** Those that a resume lets go at its rate. */
  readonly #paced = new Heap<Live>(byDue)
  #drain: Drain = {}
  #bucket: TokenBucket | undefined

  get size(): number {
    return this.#free.size + this.#paced.size
  }

  /** In no particular order. */
  values(): ReadonlyArray<Live> {
    return [...this.#free.values(), ...this.#paced.values()]
  }

  push(live: Live): void {
    const { drainRate, resumedAt } = this.#drain
    const paced = drainRate !== undefined && resumedAt !== undefined && live.state.heldSince <= resumedAt
    ;(paced ? this.#paced : this.#free).push(live)
  }

  /** The webhook as it is now: resumed at a rate, at another one, or not. */
  follow({ drainRate, resumedAt }: Drain): void {
    if (drainRate === this.#drain.drainRate && resumedAt === this.#drain.resumedAt) return
    const all = this.drain()
    this.#drain = drainRate === undefined || resumedAt === undefined ? {} : { drainRate, resumedAt }
    this.#bucket = undefined
    for (const live of all) this.push(live)
  }

  /** The oldest due of those that may go at this moment. */
  peek(at: number): Live | undefined {
    return this.#next(at)?.peek()
  }

  pop(at: number): Live | undefined {
    const heap = this.#next(at)
    if (heap === this.#paced) this.#bucket = this.#token(at)
    return heap?.pop()
  }

  /** When the next may go, if nothing but the rate stands in its way. */
  nextAt(at: number): number | undefined {
    const rate = this.#drain.drainRate
    return rate === undefined || this.#paced.size === 0 || this.#next(at) !== undefined
      ? undefined
      : nextToken(this.#bucket ?? first(at), rate, at)
  }

  /** Takes one out wherever it is; reads all of them. */
  remove(live: Live): void {
    this.#free.remove(live)
    this.#paced.remove(live)
  }

  /** Empties it, in no particular order. */
  drain(): ReadonlyArray<Live> {
    return [...this.#free.drain(), ...this.#paced.drain()]
  }

  #token(at: number): TokenBucket | undefined {
    const rate = this.#drain.drainRate
    return rate === undefined ? undefined : take(this.#bucket ?? first(at), rate, at)
  }

  #next(at: number): Heap<Live> | undefined {
    const [free, paced] = [this.#free.peek(), this.#paced.peek()]
    if (paced === undefined || this.#token(at) === undefined) return free === undefined ? undefined : this.#free
    return free === undefined || paced.state.dueAt <= free.state.dueAt ? this.#paced : this.#free
  }
}

const byDue = (live: Live): number => live.state.dueAt

/** Nothing is saved up at the moment of resuming. */
const first = (at: number): TokenBucket => ({ tokens: 1, at })
