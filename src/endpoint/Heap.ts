/** A binary heap: the least key first. A place costs eight bytes besides the item. */
export class Heap<A> {
  readonly #items: Array<A> = []
  readonly #key: (item: A) => number

  constructor(key: (item: A) => number) {
    this.#key = key
  }

  get size(): number {
    return this.#items.length
  }

  peek(): A | undefined {
    return this.#items[0]
  }

  values(): Iterable<A> {
    return this.#items
  }

  push(item: A): void {
    const items = this.#items
    const key = this.#key(item)
    let at = items.length
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = items[above] as A
      if (this.#key(parent) <= key) break
      items[at] = parent
      at = above
    }
    items[at] = item
  }

  pop(): A | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return top
    const key = this.#key(last)
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= items.length) break
      if (below + 1 < items.length && this.#key(items[below + 1] as A) < this.#key(items[below] as A)) below++
      if (this.#key(items[below] as A) >= key) break
      items[at] = items[below] as A
      at = below
    }
    items[at] = last
    return top
  }

  /** Takes an item out wherever it is; reads the whole heap. */
  remove(item: A): void {
    const at = this.#items.indexOf(item)
    if (at < 0) return
    const rest = this.#items.splice(at).slice(1)
    for (const one of rest) this.push(one)
  }

  /** Empties it, in no particular order. */
  drain(): ReadonlyArray<A> {
    return this.#items.splice(0)
  }
}
