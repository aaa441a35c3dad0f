import type { AttemptOutcome } from "../../model/Attempt.ts"
import { type RecentAttempts, recentAttempts } from "../../model/Struggling.ts"
import type { Sqlite, Value } from "./Sqlite.ts"

/** What the last attempts of a webhook say of its endpoint. */
export interface Health extends RecentAttempts {
  /** When the attempt of `lastError` began, broker milliseconds. */
  readonly lastErrorAt: number | undefined
}

/** Of a webhook without an attempt. */
export const unknown: Health = {
  recent: 0,
  recentCount: 0,
  lastAttemptAt: undefined,
  lastSuccessAt: undefined,
  failingSince: undefined,
  lastError: undefined,
  lastErrorAt: undefined
}

/** Folds one more attempt. */
const attempted = (health: Health, outcome: AttemptOutcome): Health => {
  const succeeded = outcome.class === "success"
  const { startedAt } = outcome
  return {
    recent: ((health.recent << 1) | (succeeded ? 1 : 0)) & (2 ** recentAttempts - 1),
    recentCount: Math.min(recentAttempts, health.recentCount + 1),
    lastAttemptAt: startedAt,
    lastSuccessAt: succeeded ? startedAt : health.lastSuccessAt,
    failingSince: succeeded ? undefined : health.failingSince ?? startedAt,
    lastError: succeeded ? health.lastError : outcome.error,
    lastErrorAt: succeeded ? health.lastErrorAt : startedAt
  }
}

/** Of the table `webhooks`. */
export const columns =
  "recent, recent_count, last_attempt_at, last_success_at, failing_since, last_error, last_error_at"

const optional = (value: Value | undefined): number | undefined =>
  value === null || value === undefined ? undefined : Number(value)

/** Reads the columns above, in their order. */
export const fromRow = (row: ReadonlyArray<Value>): Health => ({
  recent: Number(row[0]),
  recentCount: Number(row[1]),
  lastAttemptAt: optional(row[2]),
  lastSuccessAt: optional(row[3]),
  failingSince: optional(row[4]),
  lastError: row[5] === null || row[5] === undefined ? undefined : String(row[5]),
  lastErrorAt: optional(row[6])
})

/** The health of the webhooks that were attempted since the last commit. */
export class Healths {
  readonly #file: Sqlite
  readonly #changed = new Map<number, Health>()

  constructor(file: Sqlite) {
    this.#file = file
  }

  attempted(webhook: number, outcome: AttemptOutcome): void {
    this.#changed.set(webhook, attempted(this.#changed.get(webhook) ?? this.#read(webhook), outcome))
  }

  #read(webhook: number): Health {
    const row = this.#file.statement(`SELECT ${columns} FROM webhooks WHERE number = ?`).get([webhook])
    return row === undefined ? unknown : fromRow(row)
  }

  write(): void {
    const update = this.#file.statement(`UPDATE webhooks SET (${columns}) = (?, ?, ?, ?, ?, ?, ?) WHERE number = ?`)
    for (const [webhook, health] of this.#changed) {
      update.run([
        health.recent,
        health.recentCount,
        health.lastAttemptAt ?? null,
        health.lastSuccessAt ?? null,
        health.failingSince ?? null,
        health.lastError ?? null,
        health.lastErrorAt ?? null,
        webhook
      ])
    }
    this.#changed.clear()
  }
}
