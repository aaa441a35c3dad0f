import { Clock, Duration, Effect, type Scheduler } from "effect"
import type { World } from "./World.ts"

type State = "running" | "frozen" | "dead"

/**
 * An operating system's process: its own event loop (Effect's scheduler), its own clock, and an end without a word. One that is frozen (SIGSTOP) runs
 * nothing, and what came meanwhile when it goes on; one that is dead (SIGKILL) never runs anything again, no finalizer either.
 */
export class Process implements Scheduler.Scheduler, Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  readonly name: string
  readonly world: World
  state: State = "running"
  /** The machine's wall clock less the time of the world: it jumps. */
  wallOffset = 1_700_000_000_000
  /** What comes from outside, in order. */
  #inbox: Array<() => void> = []
  #tasks: Array<() => void> = []
  #turnsLeft: number | undefined
  #turnsUp: () => void = () => {}
  /** Fibers that began and did not end. */
  fibers = 0
  /** When it asked for the renewal of the lease that was acknowledged last. */
  renewedAt = Number.NEGATIVE_INFINITY
  /** The latest broker time that its clock has shown. */
  latestTime = Number.NEGATIVE_INFINITY
  /** Whether it has ever measured the broker's time. */
  knowsTime = false

  constructor(world: World, name: string) {
    this.world = world
    this.name = name
  }

  get isReady(): boolean {
    return this.state === "running" && (this.#tasks.length > 0 || this.#inbox.length > 0)
  }

  turn(): void {
    // Fibers go in the order in which they became ready, as Effect's own scheduler has them; what comes from outside comes between any two.
    const external = this.#inbox.length > 0 && (this.#tasks.length === 0 || this.world.chance.happens(0.5))
    const run = (external ? this.#inbox : this.#tasks).shift()
    run?.()
    if (this.#turnsLeft !== undefined && --this.#turnsLeft <= 0) this.#turnsUp()
  }

  /** Calls back between two turns, so many turns later. */
  afterTurns(turns: number, then: () => void): void {
    this.#turnsLeft = turns
    this.#turnsUp = () => {
      this.#turnsLeft = undefined
      then()
    }
  }

  /** Something for its event loop; nothing for a dead one. */
  deliver(run: () => void): void {
    if (this.state !== "dead") this.#inbox.push(run)
  }

  freeze(): void {
    if (this.state === "running") this.state = "frozen"
  }

  thaw(): void {
    if (this.state === "frozen") this.state = "running"
  }

  kill(): void {
    this.state = "dead"
    this.#inbox = []
    this.#tasks = []
    this.world.processes.delete(this)
  }

  timer(milliseconds: number, run: () => void): () => void {
    if (!Number.isFinite(milliseconds)) return () => {}
    let cancelled = false
    const cancel = this.world.after(milliseconds, () =>
      this.deliver(() => {
        if (!cancelled) run()
      }))
    return () => {
      cancelled = true
      cancel()
    }
  }

  // --- Effect's scheduler

  scheduleTask(task: () => void): void {
    if (this.state !== "dead") this.#tasks.push(task)
  }

  shouldYield(fiber: Parameters<Scheduler.Scheduler["shouldYield"]>[0]): number | false {
    return fiber.currentOpCount > 2048 ? 0 : false
  }

  // --- Effect's clock

  unsafeCurrentTimeMillis(): number {
    return Math.floor(this.world.now + this.wallOffset)
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(Math.round(this.world.now * 1000)) * 1000n
  }

  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const cancel = this.timer(Duration.toMillis(duration), () => resume(Effect.void))
      return Effect.sync(cancel)
    })
  }
}
