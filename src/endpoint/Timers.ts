import type { Endpoint, Live } from "./Endpoint.ts"
import { Heap } from "./Heap.ts"

/** An endpoint's own timer: its rate has a token, its circuit may be probed. One that was overtaken by an earlier one does no harm. */
class Alarm {
  readonly endpoint: Endpoint
  readonly wakeAt: number

  constructor(endpoint: Endpoint, wakeAt: number) {
    this.endpoint = endpoint
    this.wakeAt = wakeAt
  }
}

/** What sleeps until a second: its deliveries may be gone by then, or be due at another time. */
class Sleepers {
  readonly endpoints: Array<Endpoint> = []
  readonly eventSequences: Array<number> = []
  readonly wakeAt: number

  constructor(wakeAt: number) {
    this.wakeAt = wakeAt
  }
}

const second = 1_000

/** How often the sweep comes round while something is ready, or while nothing may start. */
export const shortPause = 250
/** No timer sleeps longer: far below what one of Node's can. */
const longest = 24 * 3_600_000

/** What happens at a time: one heap and one sleep for everything that waits for its time. Broker milliseconds. */
export class Timers {
  readonly #heap = new Heap<Live | Alarm | Sleepers>((item) => item.wakeAt)
  readonly #sleepers = new Map<number, Sleepers>()
  readonly #wake: () => void
  /** When the next sweep is planned; 0 until the first. */
  #planned = 0
  /** When what is held is looked through next. */
  nextLong = 0

  /** `wake` asks for a sweep before the planned one. */
  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** A delivery that is due, or is looked at again, at a time. */
  delivery(live: Live, at: number): void {
    live.wakeAt = at
    this.#heap.push(live)
    this.sweepBy(at)
  }

  /** A delivery that is asleep and due at a time: woken with that second, not at it. */
  asleep(endpoint: Endpoint, eventSequence: number, dueAt: number): void {
    const wakeAt = dueAt - dueAt % second
    let sleepers = this.#sleepers.get(wakeAt)
    if (sleepers === undefined) {
      sleepers = new Sleepers(wakeAt)
      this.#sleepers.set(wakeAt, sleepers)
      this.#heap.push(sleepers)
      this.sweepBy(wakeAt)
    }
    sleepers.endpoints.push(endpoint)
    sleepers.eventSequences.push(eventSequence)
  }

  endpoint(endpoint: Endpoint, at: number): void {
    if (endpoint.alarmAt <= at) return
    endpoint.alarmAt = at
    this.#heap.push(new Alarm(endpoint, at))
    this.sweepBy(at)
  }

  /** There is something to look at by then. */
  sweepBy(at: number): void {
    if (at >= this.#planned) return
    this.#planned = at
    this.#wake()
  }

  /** A sweep begins: hands out what is due. What asks for another sweep meanwhile is in the answer of `plan`. */
  sweep(
    at: number,
    onDelivery: (live: Live) => void,
    onEndpoint: (endpoint: Endpoint) => void,
    onSleeper: (endpoint: Endpoint, eventSequence: number) => void
  ): void {
    this.#planned = Number.POSITIVE_INFINITY
    for (let item = this.#heap.peek(); item !== undefined && item.wakeAt <= at; item = this.#heap.peek()) {
      this.#heap.pop()
      if (item instanceof Alarm) {
        item.endpoint.alarmAt = Number.POSITIVE_INFINITY
        onEndpoint(item.endpoint)
      } else if (item instanceof Sleepers) {
        this.#sleepers.delete(item.wakeAt)
        item.endpoints.forEach((endpoint, index) => onSleeper(endpoint, item.eventSequences[index] as number))
      } else onDelivery(item)
    }
  }

  /** A sweep ends: in how many milliseconds the next one is, at the latest. */
  plan(at: number): number {
    this.#planned = Math.max(at + 1, Math.min(this.#planned, this.#heap.peek()?.wakeAt ?? Number.POSITIVE_INFINITY))
    return Math.min(this.#planned - at, longest)
  }
}
