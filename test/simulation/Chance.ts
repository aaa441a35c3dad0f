import { PCGRandom } from "effect/Utils"

/** The one source of everything that a run leaves open. The same seed draws the same numbers in the same order. */
export class Chance {
  readonly #random: PCGRandom

  constructor(seed: number) {
    this.#random = new PCGRandom(seed)
  }

  /** 0 up to, not including, `end`. */
  below(end: number): number {
    return this.#random.integer(end)
  }

  /** Both ends included. */
  integer(least: number, most: number): number {
    return least + this.#random.integer(most - least + 1)
  }

  between(least: number, most: number): number {
    return least + this.#random.number() * (most - least)
  }

  happens(probability: number): boolean {
    return probability > 0 && this.#random.number() < probability
  }

  pick<A>(items: readonly [A, ...ReadonlyArray<A>] | ReadonlyArray<A>): A {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error("nothing to pick from")
    return item
  }
}
