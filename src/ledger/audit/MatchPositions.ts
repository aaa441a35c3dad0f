/**
 * When events of a partition were matched, as far as records tell: who owned the partition, and how far WEBHOOKS was known when.
 *
 * An owner takes its partition's events in the order of the stream, in ticks; a tick knows WEBHOOKS up to its fence at least, and no tick knows more
 * than the fence of a later one. So an event without a record was matched before the first record of the next event that has one, and knew less than
 * the tick after that one's. A crash lets an event above the floor be matched again, by the next owner.
 */

/** The floor follows within a second what is settled; further behind than this it never is while records are made. Milliseconds. */
const settledWithin = 600_000

/** Between two samples of when an owner was where, milliseconds. */
const sampleEvery = 10_000

interface Owner {
  readonly epoch: number
  /** Of its records, broker milliseconds. */
  firstAt: number
  lastAt: number
  /** By fence: the highest sequence of an event that was matched behind it. */
  readonly fences: Map<number, number>
  /** Events that were matched later than those before them, and when they had a record. */
  readonly sampled: Array<number>
  readonly sampledAt: Array<number>
  /** The one that is furthest. */
  furthest: number
  furthestAt: number
}

export interface MatchPositionsState {
  readonly owners: ReadonlyArray<Omit<Owner, "fences"> & { readonly fences: ReadonlyArray<readonly [number, number]> }>
}

/** What is known of the last match of an event. */
export interface MatchedBy {
  /** WEBHOOKS was known up to here at most. */
  readonly fence: number
  /** It was over by then, broker milliseconds. */
  readonly at: number
}

interface Sorted extends Owner {
  /** Fences in order, and the highest event up to each. */
  readonly order: ReadonlyArray<number>
  readonly upTo: ReadonlyArray<number>
}

const never = Number.POSITIVE_INFINITY

export class MatchPositions {
  readonly #owners = new Map<number, Owner>()
  #sorted: ReadonlyArray<Sorted> | undefined

  constructor(state?: MatchPositionsState) {
    for (const { fences, sampled, sampledAt, ...owner } of state?.owners ?? []) {
      this.#owners.set(owner.epoch, {
        ...owner,
        fences: new Map(fences),
        sampled: [...sampled],
        sampledAt: [...sampledAt]
      })
    }
  }

  /** A record; `first`: it is the first of its delivery, so that its owner has matched it. */
  note(epoch: number, at: number, first: boolean, eventSequence: number, fence: number): void {
    let owner = this.#owners.get(epoch)
    if (owner === undefined) {
      owner = {
        epoch,
        firstAt: at,
        lastAt: at,
        fences: new Map(),
        sampled: [],
        sampledAt: [],
        furthest: 0,
        furthestAt: at
      }
      this.#owners.set(epoch, owner)
    }
    if (at < owner.firstAt) owner.firstAt = at
    if (at > owner.lastAt) owner.lastAt = at
    this.#sorted = undefined
    if (!first) return
    if (eventSequence > (owner.fences.get(fence) ?? -1)) owner.fences.set(fence, eventSequence)
    if (eventSequence <= owner.furthest) return
    owner.furthest = eventSequence
    owner.furthestAt = at
    if (at - (owner.sampledAt.at(-1) ?? -sampleEvery) < sampleEvery) return
    owner.sampled.push(eventSequence)
    owner.sampledAt.push(at)
  }

  /** When the owner of this epoch wrote its first record; undefined when it wrote none. */
  workingSince(epoch: number): number | undefined {
    return this.#owners.get(epoch)?.firstAt
  }

  /** By when the owner of this epoch had recorded a later event than this one, which it took before; never, when it has not. */
  passedAt(epoch: number, sequence: number): number {
    const owner = this.#owners.get(epoch)
    if (owner === undefined || owner.furthest <= sequence) return never
    return owner.sampledAt[firstAbove(owner.sampled, sequence)] ?? owner.furthestAt
  }

  /** Of an event published at `time`. `newest`: the epoch of the partition's last owner, who may have no record. */
  lastMatch(sequence: number, time: number, newest: number): MatchedBy {
    this.#sorted ??= Array.from(this.#owners.values())
      .sort((a, b) => a.epoch - b.epoch)
      .map(sorted)
    let known: MatchedBy = { fence: never, at: never }
    for (const owner of this.#sorted) {
      // All that it did was done before.
      if (owner.lastAt < time) continue
      known = matchedBy(owner, sequence)
      // The floor has passed the event, or there is nobody who could have taken it again.
      const over = known.at !== never && (owner.lastAt - time >= settledWithin || owner.epoch >= newest)
      if (over) return known
    }
    // A later owner may have taken it again, who wrote nothing that says when.
    return (this.#sorted.at(-1)?.epoch ?? 0) < newest ? { fence: never, at: never } : known
  }

  dump(): MatchPositionsState {
    return { owners: Array.from(this.#owners.values(), ({ fences, ...owner }) => ({ ...owner, fences: [...fences] })) }
  }
}

const sorted = (owner: Owner): Sorted => {
  const order = [...owner.fences.keys()].sort((a, b) => a - b)
  let highest = 0
  const upTo = order.map((fence) => (highest = Math.max(highest, owner.fences.get(fence) ?? 0)))
  return { ...owner, order, upTo }
}

/** The index of the first of ordered numbers that is above a limit; their number when none is. */
const firstAbove = (numbers: ReadonlyArray<number>, limit: number): number => {
  let [low, high] = [0, numbers.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] ?? 0) > limit) high = middle
    else low = middle + 1
  }
  return low
}

const matchedBy = (owner: Sorted, sequence: number): MatchedBy =>
  owner.furthest <= sequence
    ? { fence: never, at: never }
    : {
      fence: owner.order[firstAbove(owner.upTo, sequence) + 1] ?? never,
      at: owner.sampledAt[firstAbove(owner.sampled, sequence)] ?? owner.furthestAt
    }
