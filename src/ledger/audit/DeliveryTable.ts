/** The columns of a table, a delivery a row. */
interface Columns {
  /** The event's sequence less the first one's of the range. */
  readonly event: Uint32Array
  /** The webhook's number. */
  readonly webhook: Uint32Array
  /** Of the event's workspace, type and id, as the record has them. */
  readonly fingerprint: Int32Array
  readonly epoch: Uint32Array
  readonly step: Uint32Array
  /** Attempts that have a record. */
  readonly attempts: Uint32Array
  readonly round: Uint32Array
  /** `webhooks_seq` and the webhook's revision, of its match. */
  readonly position: Uint32Array
  readonly revision: Uint32Array
  readonly state: Uint8Array
  /** Why it is held or failed, as a number, and since when; broker milliseconds. */
  readonly reason: Uint8Array
  readonly since: Float64Array
  /** Of the newest record, broker milliseconds. */
  readonly due: Float64Array
  readonly expires: Float64Array
  /** The next delivery of the same event, -1 behind the last. */
  readonly next: Int32Array
}

export interface DeliveryTableState extends Columns {
  readonly size: number
  readonly heads: Int32Array
}

const columns = (capacity: number): Columns => ({
  event: new Uint32Array(capacity),
  webhook: new Uint32Array(capacity),
  fingerprint: new Int32Array(capacity),
  epoch: new Uint32Array(capacity),
  step: new Uint32Array(capacity),
  attempts: new Uint32Array(capacity),
  round: new Uint32Array(capacity),
  position: new Uint32Array(capacity),
  revision: new Uint32Array(capacity),
  state: new Uint8Array(capacity),
  reason: new Uint8Array(capacity),
  since: new Float64Array(capacity),
  due: new Float64Array(capacity),
  expires: new Float64Array(capacity),
  next: new Int32Array(capacity)
})

/** The columns of `from` in new ones, or in as many rows as there are. */
const copied = (from: Columns, capacity: number, size: number): Columns => {
  const to = columns(capacity)
  for (const name of Object.keys(to) as Array<keyof Columns>) to[name].set(from[name].subarray(0, size))
  return to
}

const firstCapacity = 1024

/**
 * What is known of every delivery of a range, as numbers: 66 bytes a delivery and 8 to 16 for the index, 4 an event of the range; twice that while
 * the table grows. A million deliveries take about 85 MB.
 */
export class DeliveryTable {
  columns: Columns
  size: number
  readonly #heads: Int32Array
  #slots: Int32Array

  /** `events`: how many sequences the range has. */
  constructor(events: number, state?: DeliveryTableState) {
    this.size = state?.size ?? 0
    let capacity = firstCapacity
    while (capacity < this.size) capacity *= 2
    this.columns = state === undefined ? columns(capacity) : copied(state, capacity, this.size)
    this.#heads = state?.heads ?? new Int32Array(events).fill(-1)
    this.#slots = new Int32Array(0)
    this.#index(capacity)
  }

  /** The row of a delivery, -1 when it has none. */
  find(event: number, webhook: number): number {
    const { event: events, webhook: webhooks } = this.columns
    const mask = this.#slots.length - 1
    for (let slot = slotOf(event, webhook) & mask;; slot = (slot + 1) & mask) {
      const row = this.#slots[slot] ?? -1
      if (row === -1 || (events[row] === event && webhooks[row] === webhook)) return row
    }
  }

  /** A new row, of a delivery that has none. */
  add(event: number, webhook: number): number {
    if (this.size === this.columns.event.length) {
      this.columns = copied(this.columns, this.size * 2, this.size)
      this.#index(this.size * 2)
    }
    const row = this.size++
    const { event: events, next, webhook: webhooks } = this.columns
    events[row] = event
    webhooks[row] = webhook
    next[row] = this.#heads[event] ?? -1
    this.#heads[event] = row
    this.#place(row)
    return row
  }

  /** The first row of an event, -1 when it has none; `columns.next` has the others. */
  first(event: number): number {
    return this.#heads[event] ?? -1
  }

  /** What a checkpoint keeps. */
  dump(): DeliveryTableState {
    return { ...copied(this.columns, this.size, this.size), size: this.size, heads: this.#heads }
  }

  #index(capacity: number): void {
    this.#slots = new Int32Array(capacity * 2).fill(-1)
    for (let row = 0; row < this.size; row++) this.#place(row)
  }

  #place(row: number): void {
    const mask = this.#slots.length - 1
    let slot = slotOf(this.columns.event[row] ?? 0, this.columns.webhook[row] ?? 0) & mask
    while (this.#slots[slot] !== -1) slot = (slot + 1) & mask
    this.#slots[slot] = row
  }
}

const slotOf = (event: number, webhook: number): number => {
  const mixed = Math.imul(event, 0x9e3779b1) ^ Math.imul(webhook + 1, 0x85ebca6b)
  return (mixed ^ (mixed >>> 15)) >>> 0
}

/** FNV-1a of the texts, each ended by a line feed, which none of them can hold. */
export const fingerprint = (...texts: ReadonlyArray<string>): number => {
  let hash = 0x811c9dc5
  for (const text of texts) {
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
    hash = Math.imul(hash ^ 10, 0x01000193)
  }
  return hash | 0
}
