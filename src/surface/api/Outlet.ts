import { Effect, Option } from "effect"

/** What waits to be written to one client, at most; characters, which are bytes but for what is not ASCII. */
const limit = 1024 * 1024

/** Text on its way to one client, bounded. */
export class Outlet {
  #parts: Array<string> = []
  #length = 0
  #ended = false
  #refused = false
  readonly #filled = Effect.unsafeMakeLatch(false)
  readonly #drained = Effect.unsafeMakeLatch(true)

  /** False, and nothing done, when there is no room. A text larger than all of it goes through alone. */
  push(text: string): boolean {
    if (this.#length > 0 && this.#length + text.length > limit) {
      this.#refused = true
      return false
    }
    this.#parts.push(text)
    this.#length += text.length
    this.#drained.unsafeClose()
    this.#filled.unsafeOpen()
    return true
  }

  /** Ends what is taken, after what waits. */
  end(): void {
    this.#ended = true
    this.#filled.unsafeOpen()
  }

  get waits(): boolean {
    return this.#length > 0
  }

  /** Waits while it is more than half full, or has refused something, until all is taken. */
  readonly room: Effect.Effect<void> = Effect.suspend(() =>
    this.#refused || this.#length > limit / 2 ? this.#drained.await : Effect.void
  )

  /** All that waits, as soon as there is something; fails with none at the end. */
  readonly take: Effect.Effect<Uint8Array, Option.Option<never>> = Effect.zipRight(
    this.#filled.await,
    Effect.suspend(() => {
      if (this.#length === 0) return Effect.fail(Option.none())
      const text = this.#parts.join("")
      this.#parts = []
      this.#length = 0
      this.#refused = false
      if (!this.#ended) this.#filled.unsafeClose()
      this.#drained.unsafeOpen()
      return Effect.succeed(Buffer.from(text))
    })
  )
}
