/** A queue whose head costs nothing to take. Its users bound it. */
export class Fifo<A> {
  #items: Array<A | undefined> = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  peek(): A | undefined {
    return this.#items[this.#head]
  }

  push(item: A): void {
    this.#items.push(item)
  }

  shift(): A | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Looks through the whole queue. */
  includes(item: A): boolean {
    return this.#items.includes(item, this.#head)
  }

  drain(): ReadonlyArray<A> {
    const rest = this.#items.slice(this.#head) as Array<A>
    this.#items = []
    this.#head = 0
    return rest
  }
}
