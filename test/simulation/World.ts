import type { Chance } from "./Chance.ts"
import { Process } from "./Process.ts"

interface Timer {
  readonly at: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

const isBefore = (one: Timer, other: Timer): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order)

/** A run takes thousands of turns in all: who takes so many at one moment of time goes in circles. */
const mostTurns = 200_000

/**
 * Time and turns of a run. Nothing moves by itself: as long as a process has something to run, the chance says which goes next; when none has, time
 * goes on to the next timer. Effect's own TestClock needs a real timer for each wake-up, which takes 1 ms; a run has thousands.
 */
export class World {
  readonly chance: Chance
  /** Milliseconds since the run began, with fractions. */
  now = 0
  readonly processes = new Set<Process>()
  readonly #timers: Array<Timer> = []
  #order = 0
  /** What happened so far that is remembered, counted: the order of posts and of stored messages among each other. */
  #remembered = 0
  /** Turns taken. */
  turns = 0

  constructor(chance: Chance) {
    this.chance = chance
  }

  remember(): number {
    return this.#remembered++
  }

  process(name: string): Process {
    const process = new Process(this, name)
    this.processes.add(process)
    return process
  }

  /** Gives the function that cancels it. */
  after(milliseconds: number, run: () => void): () => void {
    return this.at(this.now + milliseconds, run)
  }

  /** As `after`, at a time: what keeps an order names its times, because a difference that is added again is not always the same time. */
  at(time: number, run: () => void): () => void {
    const timer: Timer = { at: Math.max(this.now, time), order: this.#order++, run, cancelled: false }
    const timers = this.#timers
    let at = timers.length
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = timers[above] as Timer
      if (!isBefore(timer, parent)) break
      timers[at] = parent
      at = above
    }
    timers[at] = timer
    return () => {
      timer.cancelled = true
    }
  }

  #next(): Timer | undefined {
    const timers = this.#timers
    const first = timers[0]
    const last = timers.pop()
    if (first === undefined || last === undefined || timers.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= timers.length) break
      if (below + 1 < timers.length && isBefore(timers[below + 1] as Timer, timers[below] as Timer)) below++
      if (!isBefore(timers[below] as Timer, last)) break
      timers[at] = timers[below] as Timer
      at = below
    }
    timers[at] = last
    return first
  }

  /** One turn of one process; false when none has anything to run. */
  #turn(): boolean {
    let ready: Process | undefined
    let several: Array<Process> | undefined
    for (const process of this.processes) {
      if (!process.isReady) continue
      if (ready === undefined) ready = process
      else (several ??= [ready]).push(process)
    }
    if (ready === undefined) return false
    this.turns++
    ;(several === undefined ? ready : this.chance.pick(several)).turn()
    return true
  }

  /** Until `isOver` (asked at each step of time) or a time. */
  async run(until: number, isOver: () => boolean = () => false): Promise<void> {
    for (;;) {
      let idle = 0
      const most = this.turns + mostTurns
      while (idle < 3) {
        if (this.#turn()) idle = 0
        else idle++
        if (this.turns > most) {
          const busy = [...this.processes].filter(({ isReady }) => isReady).map(({ name }) => name)
          throw new Error(`time stands still: ${busy.join(" and ")} always has something to do`)
        }
        // What a turn queued as microtasks runs before the next one, as it does on Node's event loop.
        await undefined
      }
      if (isOver()) return
      const next = this.#timers[0]
      if (next === undefined || next.at > until) {
        this.now = Math.max(this.now, until)
        return
      }
      this.now = Math.max(this.now, next.at)
      for (let due = this.#timers[0]; due !== undefined && due.at <= this.now; due = this.#timers[0]) {
        this.#next()
        if (!due.cancelled) {
          due.run()
          break
        }
      }
    }
  }
}
