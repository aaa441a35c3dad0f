/**
 * How many messages of each of several streams a look may bring, so that all together bring about `most`: each has an equal share, and what the others
 * did not use at their last look. All must be looked at equally often.
 */
export class Restraint {
  readonly #most: number
  readonly #share: number
  /** What a stream brought since it was last asked for, and before that. */
  readonly #coming = new Map<string, number>()
  readonly #brought = new Map<string, number>()

  constructor(most: number, streams: number) {
    this.#most = most
    this.#share = Math.max(1, Math.floor(most / streams))
  }

  took(stream: string): void {
    this.#coming.set(stream, (this.#coming.get(stream) ?? 0) + 1)
  }

  /** At the beginning of a look. */
  allowed(stream: string): number {
    this.#brought.set(stream, this.#coming.get(stream) ?? 0)
    this.#coming.set(stream, 0)
    let others = 0
    for (const [other, count] of this.#brought) if (other !== stream) others += count
    return Math.max(this.#share, this.#most - others)
  }
}
