import type { Delivery } from "../model/Delivery.ts"
import type { WebhookId, WorkspaceId } from "../model/Id.ts"

/** Of one webhook. */
export interface HeldLimits {
  /** So many held deliveries are kept in memory; the rest is spilled (ARCHITECTURE "An endpoint's actor"). */
  readonly most: number
  /** Below this many the next part of what is spilled is read back, and a part is as many. */
  readonly part: number
}

export const heldLimits: HeldLimits = { most: 10_000, part: 5_000 }
/** So many deliveries can be taken out of a spill before it is read. */
const masksMost = 50_000

/** A spill as a snapshot has it. Numbers are sequences; pairs are of an event and of a record. */
export interface SpillState {
  readonly workspaceId: WorkspaceId
  readonly webhookId: WebhookId
  readonly count: number
  readonly ranges: ReadonlyArray<Range>
  readonly before: ReadonlyArray<Pair>
  readonly beside: ReadonlyArray<Pair>
  readonly twice: ReadonlyArray<Pair>
  readonly fences: ReadonlyArray<Fence>
}

type Pair = readonly [eventSequence: number, sequence: number]

/** Behind this sequence, a record of an epoch below this one is a former owner's that knows less. */
type Fence = readonly [sequence: number, epoch: number]

interface Range {
  from: number
  to: number
  /** What is held later belongs to it. Only the last may be open. */
  open: boolean
}

/**
 * The held deliveries of one webhook that are not in memory: they stand in DELIVERIES, and this says which, by where their records are.
 *
 * What must stay true: spilled are exactly the deliveries that are not in memory and of which a `deferred` record that says HELD `stands`: it lies
 * in a range, no later owner's fence is before it, and it is not masked. That record is the delivery's newest.
 *
 * Why it does:
 * - Records are acknowledged in any order. One in a range makes its delivery spilled, any other leaves it in memory; a range begins above every
 *   record that left one in memory (`Overflow`). So nothing in memory has a record in a range.
 * - A range is read in order, and what was read is no longer in it.
 * - What is in memory while its record is read, unacknowledged, is passed over; the acknowledgement finds it below the range.
 * - Taken out by hand, a delivery's records so far are masked (`before`); so is the record of one whose attempt goes on behind it.
 * - An append without an answer may be stored twice. Read once, the second is masked (`twice`).
 * - A former owner that still writes is fenced off: its epoch is lower, and its record behind what the replay of the later one reached.
 * - The fold of a recovery masks what it met in a range and is not the newest.
 */
export class Spill {
  readonly workspaceId: WorkspaceId
  readonly webhookId: WebhookId
  /** How many are spilled. After a crash it may be off by a few. */
  count = 0
  /** In order, disjoint. */
  #ranges: Array<Range> = []
  #to = 0
  /** The records of an event's delivery up to this sequence stand for nothing. */
  readonly #before = new Map<number, number>()
  /** Single records that stand for nothing although the one that stands is before them: `event/record`. */
  readonly #beside = new Set<string>()
  readonly #twice = new Map<number, number>()
  #fences: Array<Fence> = []

  constructor(workspaceId: WorkspaceId, webhookId: WebhookId) {
    this.workspaceId = workspaceId
    this.webhookId = webhookId
  }

  static from(state: SpillState): Spill {
    const spill = new Spill(state.workspaceId, state.webhookId)
    spill.count = state.count
    spill.#ranges = state.ranges.map((range) => ({ ...range }))
    spill.#to = state.ranges.at(-1)?.to ?? 0
    for (const [event, sequence] of state.before) spill.#before.set(event, sequence)
    for (const [event, sequence] of state.beside) spill.#beside.add(`${event}/${sequence}`)
    for (const [event, sequence] of state.twice) spill.#twice.set(event, sequence)
    spill.#fences = [...state.fences]
    return spill
  }

  get state(): SpillState {
    const beside = Array.from(this.#beside, (text): Pair => {
      const [event = "", sequence = ""] = text.split("/")
      return [Number(event), Number(sequence)]
    })
    return {
      workspaceId: this.workspaceId,
      webhookId: this.webhookId,
      count: this.count,
      ranges: this.#ranges.map((range) => ({ ...range })),
      before: [...this.#before],
      beside,
      twice: [...this.#twice],
      fences: [...this.#fences]
    }
  }

  /** Where reading goes on. */
  get from(): number {
    return this.#ranges[0]?.from ?? Number.POSITIVE_INFINITY
  }

  /** The last record there is to read, or was. */
  get to(): number {
    return this.#to
  }

  /** All of it was read. */
  get isRead(): boolean {
    return this.from > this.to
  }

  covers(sequence: number): boolean {
    return this.#ranges.some(({ from, open, to }) => sequence >= from && (open || sequence <= to))
  }

  fence(fence: Fence): void {
    this.#fences.push(fence)
  }

  /** Begins a range with a record above all that are known. */
  begin(sequence: number): void {
    this.close()
    this.#ranges.push({ from: sequence, to: sequence - 1, open: true })
  }

  /** A record in a range was acknowledged. `again`: it was appended more than once. */
  add(eventSequence: number, sequence: number, again: boolean): void {
    this.count++
    const last = this.#ranges.at(-1)
    if (last?.open === true) last.to = Math.max(last.to, sequence)
    this.#to = Math.max(this.#to, sequence)
    if (again) this.#twice.set(eventSequence, sequence)
  }

  /** What is held from now on is not added behind what there is. */
  close(): void {
    for (const range of this.#ranges) range.open = false
    this.#ranges = this.#ranges.filter(({ from, to }) => from <= to)
  }

  /** Whether a record stands for a spilled delivery, unless that is in memory. */
  stands(sequence: number, { epoch, eventSequence, state }: Delivery): boolean {
    return state === "held" && this.covers(sequence) && sequence > (this.#before.get(eventSequence) ?? 0) &&
      !this.#beside.has(`${eventSequence}/${sequence}`) &&
      !this.#fences.some(([behind, newest]) => sequence > behind && epoch < newest)
  }

  /** Nothing up to a sequence stands for this event's delivery. */
  mask(eventSequence: number, sequence: number): void {
    this.#before.set(eventSequence, Math.max(sequence, this.#before.get(eventSequence) ?? 0))
  }

  /** This record alone stands for nothing. */
  maskBeside(eventSequence: number, sequence: number): void {
    this.#beside.add(`${eventSequence}/${sequence}`)
  }

  /** Takes one out by hand; `upTo`: the highest sequence there is. False: too many were. */
  take(eventSequence: number, upTo: number): boolean {
    if (this.#before.size >= masksMost) return false
    this.mask(eventSequence, upTo)
    this.count = Math.max(0, this.count - 1)
    return true
  }

  /** One that stood here is in memory now. */
  revived(eventSequence: number): void {
    this.count = Math.max(0, this.count - 1)
    const twice = this.#twice.get(eventSequence)
    if (twice !== undefined) this.mask(eventSequence, twice)
  }

  /** Everything up to a sequence was read. */
  passed(sequence: number): void {
    this.#ranges = this.#ranges.filter(({ open, to }) => open || to > sequence)
    for (const range of this.#ranges) range.from = Math.max(range.from, sequence + 1)
  }

  /** Forgets the masks and fences that concern only what was read. */
  prune(): void {
    const { from } = this
    for (const masks of [this.#before, this.#twice]) {
      for (const [event, sequence] of masks) if (sequence < from) masks.delete(event)
    }
    const newest = this.#fences.findLastIndex(([sequence]) => sequence < from)
    if (newest > 0) this.#fences.splice(0, newest)
  }
}

/** Decides for one webhook which of its held deliveries stay in memory. */
export class Overflow {
  spill: Spill | undefined
  /** The highest sequence at which a record may lie that left its delivery in memory. */
  #known: number
  readonly #fence: Fence | undefined
  readonly #most: number

  /** `known`: the highest sequence recorded so far. `fence`: a new spill's. */
  constructor(known: number, fence: Fence | undefined, { most } = heldLimits) {
    this.#known = known
    this.#fence = fence
    this.#most = most
  }

  /** The record that holds a delivery is acknowledged at `sequence`, and `held` are in memory. True: it is spilled. */
  takes(delivery: Delivery, sequence: number, held: number, again: boolean): boolean {
    const { eventSequence, webhookId, workspaceId } = delivery
    if (this.spill?.covers(sequence) !== true) {
      if (held < this.#most || sequence <= Math.max(this.#known, this.spill?.to ?? 0)) {
        this.#known = Math.max(this.#known, sequence)
        return false
      }
      if (this.spill === undefined) {
        this.spill = new Spill(workspaceId, webhookId)
        if (this.#fence !== undefined) this.spill.fence(this.#fence)
      }
      this.spill.begin(sequence)
    }
    this.spill?.add(eventSequence, sequence, again)
    return true
  }

  /** The record that holds a delivery is acknowledged at `sequence`, and its attempt goes on: it stays in memory, and nothing else stands for it. */
  stays({ eventSequence }: Delivery, sequence: number): void {
    if (this.spill?.covers(sequence) === true) this.spill.mask(eventSequence, sequence)
    else this.#known = Math.max(this.#known, sequence)
  }

  /** Drops the spill once all of it was read, or whatever is in it. */
  drop(): void {
    this.#known = Math.max(this.#known, this.spill?.to ?? 0)
    this.spill = undefined
  }
}
