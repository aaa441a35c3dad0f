/** Sequences that are not there. */
export interface Gap {
  readonly first: number
  last: number
  /** Some of these are there: not every gap is kept by itself. */
  some: boolean
}

export interface ReadingState {
  /** The sequence behind the last that was read; undefined: none was. */
  readonly next: number | undefined
  readonly gaps: ReadonlyArray<Gap>
  readonly ended: boolean
}

/** So many gaps are kept each by itself. */
const gapsKept = 1000

/** How far a stream is read, and what was not there between. What had left it before it was reached is no gap: it is seen by its first sequence. */
export class Reading {
  #next: number | undefined
  #ended: boolean
  readonly #gaps: Array<Gap>

  /** `streamFirst`: of the stream, before it is read on. */
  constructor(streamFirst: number, state?: ReadingState) {
    this.#next = (state?.next ?? 0) < streamFirst ? undefined : state?.next
    this.#ended = state?.ended ?? false
    this.#gaps = (state?.gaps ?? []).map((gap) => ({ ...gap }))
  }

  get next(): number | undefined {
    return this.#next
  }

  /** Nothing is read any more. */
  get ended(): boolean {
    return this.#ended
  }

  /** A message, in order. Gives how many sequences further it is. */
  take(sequence: number): number {
    const expected = this.#next ?? sequence
    if (sequence > expected) this.#miss(expected, sequence - 1)
    this.#next = sequence + 1
    return this.#next - expected
  }

  /**
   * Everything up to `to` is read, and the stream begins at `streamFirst` now. What is not there and lies behind that was removed. Before it, `left` may
   * have been removed as well as have left by its age.
   */
  end(to: number, streamFirst: number): { readonly removed: ReadonlyArray<Gap>; readonly left: ReadonlyArray<Gap> } {
    if (this.#next !== undefined && this.#next <= to) this.#miss(this.#next, to)
    this.#ended = true
    const removed = this.#gaps
      .filter(({ last }) => last >= streamFirst)
      .map((gap) => ({ ...gap, first: Math.max(gap.first, streamFirst) }))
    const left = this.#gaps
      .filter(({ first }) => first < streamFirst)
      .map((gap) => ({ ...gap, last: Math.min(gap.last, streamFirst - 1) }))
    return { removed, left }
  }

  dump(): ReadingState {
    return { next: this.#next, gaps: this.#gaps.map((gap) => ({ ...gap })), ended: this.#ended }
  }

  #miss(first: number, last: number): void {
    const newest = this.#gaps.at(-1)
    if (newest === undefined || this.#gaps.length < gapsKept) this.#gaps.push({ first, last, some: false })
    else {
      newest.last = last
      newest.some = true
    }
  }
}
