/**
 * The part of endpoints' backlogs that is not in memory: what is over 10,000 held deliveries of a webhook goes, once its record is acknowledged,
 * and comes back in the order of the records, 5,000 at a time, when fewer than 5,000 are left. Which ones stand where says ledger/Spill.ts.
 */
import type { HeldRange } from "../ledger/HeldRecords.ts"
import type { Stored } from "../ledger/Ledger.ts"
import { heldLimits, type Spill } from "../ledger/Spill.ts"
import type { Delivery } from "../model/Delivery.ts"
import type { Endpoint, Live } from "./Endpoint.ts"

/** After a reading that failed the next one waits so long. */
const readPause = 1_000

export interface HeldReader {
  /** `done` is called once, unless ownership ends before; `onRecords` as in HeldRecords. */
  readonly read: (
    range: HeldRange,
    onRecords: (sequence: number, deliveries: ReadonlyArray<Delivery>) => boolean,
    done: (outcome: "end" | "enough" | "failed") => void
  ) => void
  /** `take` as in HeldRecords. No `done` when it fails or ownership ends: then whoever asked gets no answer, and the request is void. */
  readonly find: (
    seen: Delivery,
    range: HeldRange,
    take: (sequence: number, delivery: Delivery) => boolean,
    done: () => void
  ) => void
}

interface Environment {
  readonly reader: HeldReader
  readonly now: () => number
  /** The highest sequence recorded in the stream of a partition. */
  readonly recordedUpTo: (partition: number) => number
  /** Nothing is read back any more. */
  readonly ended: () => boolean
  /** Puts a delivery that was read back where it belongs. */
  readonly revive: (endpoint: Endpoint, delivery: Delivery) => void
  /** Some were put back. */
  readonly revived: (endpoint: Endpoint) => void
  /** Asks for `refill` at a time. */
  readonly later: (endpoint: Endpoint, at: number) => void
}

export class Spilling {
  readonly #env: Environment
  readonly #part: number

  constructor(env: Environment, { part } = heldLimits) {
    this.#env = env
    this.#part = part
  }

  /** A held delivery's record is acknowledged. True: it is no longer in memory. */
  takes(live: Live, { again, sequence }: Stored): boolean {
    const { endpoint, state } = live
    if (!endpoint.overflow.takes(state, sequence, endpoint.held.size, again)) return false
    endpoint.live.delete(state.eventSequence)
    this.refill(endpoint)
    return true
  }

  /** What is in memory and waits for a lane, or for its record, is what keeps the next part out. */
  refill(endpoint: Endpoint): void {
    const { overflow } = endpoint
    const { spill } = overflow
    if (spill === undefined || endpoint.reading || this.#env.ended()) return
    if (endpoint.held.size + endpoint.recordings >= this.#part) return
    if (this.#env.now() < endpoint.readAfter) return this.#env.later(endpoint, endpoint.readAfter)
    // The last part: what is held from now on stays in memory, so that a spill has an end. After a crash the count may be off; having come to
    // the end once says the same.
    if (spill.count <= this.#part || endpoint.cameToEnd) spill.close()
    if (spill.isRead) return this.#end(endpoint, spill)
    endpoint.reading = true
    const { webhookId, workspaceId } = endpoint
    const { from, to } = spill
    let taken = 0
    this.#env.reader.read(
      { workspaceId, webhookId, from, to },
      (sequence, deliveries) => {
        // Dropped meanwhile, or nothing may be begun any more.
        if (overflow.spill !== spill || this.#env.ended()) return true
        for (const delivery of deliveries) {
          if (endpoint.has(delivery.eventSequence) || !spill.stands(sequence, delivery)) continue
          spill.revived(delivery.eventSequence)
          this.#env.revive(endpoint, delivery)
          taken++
        }
        spill.passed(sequence)
        this.#env.revived(endpoint)
        return taken >= this.#part
      },
      (outcome) => {
        endpoint.reading = false
        if (overflow.spill !== spill) return
        if (outcome === "failed") endpoint.readAfter = this.#env.now() + readPause
        endpoint.cameToEnd = outcome === "end"
        if (outcome === "end") spill.passed(to)
        spill.prune()
        if (spill.isRead) this.#end(endpoint, spill)
        this.refill(endpoint)
      }
    )
  }

  /** Puts a delivery that was seen held back into memory, if it is spilled and has not changed since; then calls `done`. */
  fetch(endpoint: Endpoint, seen: Delivery, done: () => void): void {
    const { overflow, webhookId, workspaceId } = endpoint
    const { spill } = overflow
    if (spill === undefined || seen.state !== "held" || endpoint.has(seen.eventSequence)) return done()
    // At once in memory: a snapshot that came between would have it neither here nor there.
    const take = (sequence: number, delivery: Delivery): boolean => {
      const taken = overflow.spill === spill && !this.#env.ended() && !endpoint.has(delivery.eventSequence) &&
        spill.stands(sequence, delivery) &&
        spill.take(delivery.eventSequence, this.#env.recordedUpTo(endpoint.partition))
      if (taken) this.#env.revive(endpoint, delivery)
      return taken
    }
    this.#env.reader.find(seen, { workspaceId, webhookId, from: spill.from, to: spill.to }, take, done)
  }

  #end(endpoint: Endpoint, spill: Spill): void {
    spill.close()
    endpoint.cameToEnd = false
    endpoint.overflow.drop()
  }
}
