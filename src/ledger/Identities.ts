/**
 * Which event ids a partition has seen: a repeat within 24 hours makes no second delivery, whatever its headers (CONTRACT 4). At most 125,000 ids;
 * beyond that the oldest are forgotten first.
 */
export class Identities {
  static readonly limit = 125_000
  static readonly window = 24 * 3_600_000

  // Insertion order is stream order: the oldest stand first.
  readonly #seen: Map<string, readonly [sequence: number, time: number]>

  constructor(entries: Iterable<IdentityEntry> = []) {
    this.#seen = new Map()
    for (const [identity, sequence, time] of entries) this.#seen.set(identity, [sequence, time])
  }

  /**
   * Notes an event and says whether another one had its identity before: then that one's sequence, else undefined. The same sequence again is
   * no repeat. `time` is the broker's time of the message.
   */
  note(identity: string, sequence: number, time: number): number | undefined {
    const known = this.#seen.get(identity)
    if (known !== undefined && known[0] === sequence) return undefined
    if (known !== undefined && time - known[1] <= Identities.window) return known[0]
    this.#seen.delete(identity)
    this.#seen.set(identity, [sequence, time])
    if (this.#seen.size > Identities.limit) {
      for (const oldest of this.#seen.keys()) {
        this.#seen.delete(oldest)
        break
      }
    }
    return undefined
  }

  /** Another message is the first one from now on. */
  replace(identity: string, sequence: number, time: number): void {
    this.#seen.set(identity, [sequence, time])
  }

  entries(): ReadonlyArray<IdentityEntry> {
    return Array.from(this.#seen, ([identity, [sequence, time]]) => [identity, sequence, time] as const)
  }
}

export type IdentityEntry = readonly [identity: string, sequence: number, time: number]
