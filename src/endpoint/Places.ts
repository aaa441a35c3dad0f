/**
 * How many attempts may be in flight in the process at this moment: as many as keep the one thread busy, and no more. Beyond that another one
 * adds a connection and waiting time, but no delivery (docs/adr/0001-places.md). Up to the setting, 1,024, when endpoints are slow and the thread has time.
 */
export class Places {
  /** The setting. */
  readonly most: number
  /** The part of the time since it was last asked in which the thread was busy, 0 to 1. */
  readonly #busy: () => number
  #limit: number
  #ended = 0

  constructor(most: number, busy: () => number) {
    this.most = most
    this.#busy = busy
    this.#limit = Math.min(first, most)
  }

  get limit(): number {
    return this.#limit
  }

  /** An attempt ended. `inFlight`: how many there were. The limit moves only while it is what holds others back. */
  ended(inFlight: number): void {
    if (++this.#ended < period) return
    this.#ended = 0
    const busy = this.#busy()
    if (inFlight < this.#limit * 0.8) return
    if (busy < 0.85) this.#limit = Math.min(this.most, Math.ceil(this.#limit * 1.5))
    else if (busy > 0.97) this.#limit = Math.max(Math.min(least, this.most), Math.floor(this.#limit * 0.9))
  }
}

const first = 128
const least = 64
/** Attempts between two looks. */
const period = 128
