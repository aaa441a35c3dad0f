/**
 * Which event ids a partition has seen: a repeat within 24 hours makes no second delivery, whatever its headers (CONTRACT 4). At most 125,000 ids;
 * beyond that the oldest are forgotten first.
 */
export class Identities {
  static readonly limit = 125_000
  static readonly window = 24 * 3_600_000

  // Insertion order is stream order: the oldest stand first.
  readonly #seen: Map<string, readonly [sequence: number, time: number, reread: boolean]>

  constructor(entries: Iterable<IdentityEntry> = []) {
    this.#seen = new Map()
    for (const [identity, sequence, time, reread = false] of entries) this.#seen.set(identity, [sequence, time, reread])
  }

  /**
   * Notes an event and says whether another one had its identity before: then that one's sequence, else undefined. The same sequence again is
   * no repeat, and neither is one that is looked at again when another came long after it. `time` is the broker's time of the message; `reread`: it
   * was settled by a former owner, and only its message says that it was an event.
   */
  note(identity: string, sequence: number, time: number, reread = false): number | undefined {
    const known = this.#seen.get(identity)
    if (known !== undefined) {
      const [first, since] = known
      if (first === sequence || (first > sequence && since - time > Identities.window)) return undefined
      if (time - since <= Identities.window) return first
    }
    this.#seen.delete(identity)
    this.#seen.set(identity, [sequence, time, reread])
    if (this.#seen.size > Identities.limit) {
      for (const oldest of this.#seen.keys()) {
        this.#seen.delete(oldest)
        break
      }
    }
    return undefined
  }

  /**
   * An event released from quarantine takes the place of the message that was quarantined: true if that is what is known. What was accepted and
   * seen by its owner keeps its place, whatever a publisher writes into headers.
   */
  release(identity: string, quarantined: number, sequence: number, time: number): boolean {
    const known = this.#seen.get(identity)
    if (known === undefined || known[0] !== quarantined || !known[2]) return false
    this.#seen.set(identity, [sequence, time, false])
    return true
  }

  entries(): ReadonlyArray<IdentityEntry> {
    return Array.from(this.#seen, ([identity, [sequence, time, reread]]) => [identity, sequence, time, reread] as const)
  }
}

export type IdentityEntry = readonly [identity: string, sequence: number, time: number, reread?: boolean]
