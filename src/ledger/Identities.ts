/**
 * Which event ids a partition has seen: a repeat within 24 hours makes no second delivery, whatever its headers (CONTRACT 4). At most 125,000 ids;
 * beyond that the oldest are forgotten first.
 */
export class Identities {
  static readonly limit = 125_000
  static readonly window = 24 * 3_600_000

  /** To places in the columns. Insertion order is stream order: the oldest stand first. */
  readonly #seen = new Map<string, number>()
  readonly #columns = new Columns()

  constructor(entries: Iterable<IdentityEntry> = []) {
    for (const [identity, sequence, time, reread = false] of entries) this.#put(identity, sequence, time, reread)
  }

  /**
   * Notes an event and says whether another one had its identity before: then that one's sequence, else undefined. The same sequence again is
   * no repeat, and neither is one that is looked at again when another came long after it. `time` is the broker's time of the message; `reread`: it
   * was settled by a former owner, and only its message says that it was an event.
   */
  note(identity: string, sequence: number, time: number, reread = false): number | undefined {
    const place = this.#seen.get(identity)
    if (place !== undefined) {
      const { first, since } = this.#columns.read(place)
      if (first === sequence || (first > sequence && since - time > Identities.window)) return undefined
      if (time - since <= Identities.window) return first
    }
    this.#put(identity, sequence, time, reread)
    return undefined
  }

  /**
   * An event released from quarantine takes the place of the message that was quarantined: true if that is what is known. What was accepted and
   * seen by its owner keeps its place, whatever a publisher writes into headers.
   */
  release(identity: string, quarantined: number, sequence: number, time: number): boolean {
    const place = this.#seen.get(identity)
    if (place === undefined) return false
    const { first, reread } = this.#columns.read(place)
    if (first !== quarantined || !reread) return false
    this.#columns.write(place, sequence, time, false)
    return true
  }

  entries(): ReadonlyArray<IdentityEntry> {
    return Array.from(this.#seen, ([identity, place]) => {
      const { first, reread, since } = this.#columns.read(place)
      return [identity, first, since, reread] as const
    })
  }

  /** As the newest. */
  #put(identity: string, sequence: number, time: number, reread: boolean): void {
    const known = this.#seen.get(identity)
    let place = known ?? this.#seen.size
    if (known !== undefined) this.#seen.delete(identity)
    else if (place >= Identities.limit) {
      for (const [oldest, freed] of this.#seen) {
        this.#seen.delete(oldest)
        place = freed
        break
      }
    }
    this.#columns.write(place, sequence, time, reread)
    this.#seen.set(identity, place)
  }
}

export type IdentityEntry = readonly [identity: string, sequence: number, time: number, reread?: boolean]

const firstPlaces = 64

class Columns {
  #sequences = new Float64Array(firstPlaces)
  #times = new Float64Array(firstPlaces)
  #reread = new Uint8Array(firstPlaces)

  read(place: number) {
    return { first: this.#sequences[place] ?? 0, since: this.#times[place] ?? 0, reread: this.#reread[place] === 1 }
  }

  write(place: number, sequence: number, time: number, reread: boolean): void {
    if (place >= this.#reread.length) this.#grow()
    this.#sequences[place] = sequence
    this.#times[place] = time
    this.#reread[place] = reread ? 1 : 0
  }

  #grow(): void {
    const room = 2 * this.#reread.length
    const [sequences, times, reread] = [this.#sequences, this.#times, this.#reread]
    this.#sequences = new Float64Array(room)
    this.#times = new Float64Array(room)
    this.#reread = new Uint8Array(room)
    this.#sequences.set(sequences)
    this.#times.set(times)
    this.#reread.set(reread)
  }
}
