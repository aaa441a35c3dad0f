import type { AttemptOutcome } from "../../model/Attempt.ts"
import { add, count, empty, fromBytes, toBytes } from "./Latencies.ts"
import type { Sqlite } from "./Sqlite.ts"

/** The lengths of a step, seconds. */
export const steps = { minute: 60, hour: 3600 } as const

interface Step {
  readonly webhook: number
  readonly seconds: number
  readonly start: number
  succeeded: number
  failed: number
  readonly latencies: Uint32Array
}

/** Attempts by the minute and by the hour in which they started, as far as they came since the last commit. */
export class Series {
  readonly #file: Sqlite
  readonly #steps = new Map<string, Step>()

  constructor(file: Sqlite) {
    this.#file = file
  }

  attempted(webhook: number, outcome: AttemptOutcome): void {
    for (const seconds of [steps.minute, steps.hour]) {
      const length = seconds * 1000
      const start = Math.floor(outcome.startedAt / length) * length
      const key = `${webhook}/${seconds}/${start}`
      let step = this.#steps.get(key)
      if (step === undefined) {
        step = { webhook, seconds, start, succeeded: 0, failed: 0, latencies: empty() }
        this.#steps.set(key, step)
      }
      if (outcome.class === "success") step.succeeded++
      else step.failed++
      count(step.latencies, outcome.latency)
    }
  }

  write(): void {
    const read = this.#file.statement("SELECT latencies FROM series WHERE webhook = ? AND seconds = ? AND start = ?")
    const write = this.#file.statement(
      "INSERT INTO series VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed, latencies = excluded.latencies"
    )
    for (const { failed, latencies, seconds, start, succeeded, webhook } of this.#steps.values()) {
      const [before] = read.get([webhook, seconds, start]) ?? []
      if (before instanceof Uint8Array) add(latencies, fromBytes(before))
      write.run([webhook, seconds, start, succeeded, failed, toBytes(latencies)])
    }
    this.#steps.clear()
  }
}
