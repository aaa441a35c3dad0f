import type { Environment } from "./Environment.ts"

/** Whether anything may be begun, or recorded, in the name of the owner. */
export class Ownership {
  readonly #env: Pick<Environment, "ledger" | "owns">
  /** HAND OVER: nothing more is started. */
  stopping = false
  /** LOST: nothing is recorded from here on, whatever still ends. */
  abandoned = false

  constructor(env: Pick<Environment, "ledger" | "owns">) {
    this.#env = env
  }

  get isEnding(): boolean {
    return this.stopping || this.abandoned
  }

  /** No lease, no POST; no ledger, no POST. */
  get isWell(): boolean {
    return this.#env.owns() && this.#env.ledger.trouble() === undefined
  }
}
