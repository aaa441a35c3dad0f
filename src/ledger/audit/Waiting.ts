import type { Reason, RecordFold } from "./RecordFold.ts"
import type { Standing } from "./Standing.ts"
import { type Subscriber, wasOnce } from "./Subscribed.ts"

/** A worker that runs has had everything that is due in its hands by then: found it no lane, held it with a record, or tried it. Milliseconds. */
const dueWithin = 600_000
/** From the lease to the last partition's claim: each is claimed when the records of those before it are read. */
const claimedWithin = 600_000
/** An event has records within seconds of its turn; so long after a later one of its partition had them it was passed over. */
const settledWithin = 600_000
/** What is expired is looked through once a minute. */
const expiredWithin = 3_600_000
/** What a webhook holds is tried in turns with what is fresh: one by one through an open circuit, at most 5 minutes and a timeout apart. */
const triedWithin = 3_600_000
/** At a rate of its own so many turns may pass meanwhile. */
const turnsAtARate = 10

const never = Number.POSITIVE_INFINITY

/**
 * How long what waits may wait, where a worker runs. By what the streams say a worker has a partition since the later of when the lease was acquired
 * and when it claimed the partition.
 */
export class Waiting {
  readonly #records: RecordFold
  readonly #standing: Standing

  constructor(records: RecordFold, standing: Standing) {
    this.#records = records
    this.#standing = standing
  }

  isOverdue(partition: number, due: number): boolean {
    return this.#has(Math.max(due, this.#workingSince(partition)), dueWithin)
  }

  isUnexpired(partition: number, expires: number): boolean {
    return this.#has(Math.max(expires, this.#workingSince(partition)), expiredWithin)
  }

  /** Of an event above the floor, without a record: it was passed over, or nothing of its partition moves. */
  isUnsettled(partition: number, sequence: number, time: number): boolean {
    const position = this.#standing.positions.get(partition)
    const since = Math.max(time, this.#workingSince(partition))
    if (this.#has(Math.max(since, position?.writtenAt ?? 0), settledWithin)) return true
    const passedAt = position === undefined
      ? never
      : this.#records.partition(partition).passedAt(position.epoch, sequence)
    return this.#has(Math.max(since, passedAt), settledWithin)
  }

  /** Why a hold cannot last any more, or never could; undefined: by what the streams say it can. */
  unheld(partition: number, { reason, since, triedAt }: Reason, subscriber: Subscriber): string | undefined {
    const { changedAt, webhook } = subscriber
    if (reason === undefined) return "held for no reason that there is"
    const held = `held as ${reason} since ${new Date(since).toISOString()}`
    if (reason === "paused" && !wasOnce(subscriber, "paused", since)) return `${held}, when its webhook was not paused`
    if (webhook.state === "paused") return undefined
    const rate = Math.min(webhook.rateLimit ?? never, webhook.drainRate ?? never)
    const idleSince = Math.max(since, triedAt, changedAt, this.#workingSince(partition))
    if (!this.#has(idleSince, triedWithin + turnsAtARate * 1000 / rate)) return undefined
    return `${held}; nothing of what its webhook holds was tried since ${
      new Date(idleSince).toISOString()
    }, and a worker runs`
  }

  #has(since: number, patience: number): boolean {
    return this.#standing.at - since > patience
  }

  /** Since when a worker is known to have the partition; never, when none has. */
  #workingSince(partition: number): number {
    const { leasedSince, positions } = this.#standing
    if (leasedSince === undefined) return never
    const position = positions.get(partition)
    // Still its former owner's, or nobody's: it is claimed by then.
    if (position === undefined || position.writtenAt < leasedSince) return leasedSince + claimedWithin
    const first = this.#records.partition(partition).workingSince(position.epoch) ?? never
    return Math.max(leasedSince, Math.min(position.writtenAt, first))
  }
}
