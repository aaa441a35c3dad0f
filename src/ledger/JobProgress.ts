import type { Job, SkipReason } from "../model/Job.ts"

/** What became of one delivery of a job. */
export type Settled = "accepted" | SkipReason

/**
 * How far a job has come while many of its deliveries are asked for at once. A delivery counts when it and all before it are settled, so that the
 * cursor and the counts, which are written together, always speak of the same deliveries: who goes on from there counts none twice.
 */
export class JobProgress {
  #cursor: number
  #accepted: number
  readonly #skipped: Record<SkipReason, number>
  /** Begun and not counted, in the order of their events. */
  readonly #open = new Map<number, Settled | undefined>()

  constructor({ accepted, cursor, skipped }: Pick<Job, "cursor" | "accepted" | "skipped">) {
    this.#cursor = cursor
    this.#accepted = accepted
    this.#skipped = { ...skipped }
  }

  /** Sequences come in rising order. */
  begin(eventSequence: number): void {
    this.#open.set(eventSequence, undefined)
  }

  settle(eventSequence: number, settled: Settled): void {
    this.#open.set(eventSequence, settled)
    for (const [sequence, result] of this.#open) {
      if (result === undefined) return
      if (result === "accepted") this.#accepted++
      else this.#skipped[result]++
      this.#cursor = sequence
      this.#open.delete(sequence)
    }
  }

  /** Begun and not counted. */
  get open(): number {
    return this.#open.size
  }

  get counted(): Pick<Job, "cursor" | "accepted" | "skipped"> {
    return { cursor: this.#cursor, accepted: this.#accepted, skipped: { ...this.#skipped } }
  }
}
