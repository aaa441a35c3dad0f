import { sequenceAt } from "./Range.ts"
import { steps } from "./Series.ts"
import type { Sqlite, Value } from "./Sqlite.ts"

/** What the streams still hold. */
export interface Held {
  /** EVENTS' first sequence. */
  readonly firstEvent: number
  /** The first sequence of the DELIVERIES stream with a workspace's records. */
  readonly firstRecord: (workspaceId: string) => number
  /** When the oldest record of all DELIVERIES streams was written, and now: broker milliseconds. */
  readonly oldestRecord: number
  readonly now: number
}

/** So many rows are looked at in one go, about 10 ms. */
const rowsAtOnce = 1_000
/** Minutes are of interest for so long; hours for as long as DELIVERIES keeps records. */
const minutesKept = 2 * 86_400_000

/**
 * Forgets what the streams have forgotten, so that the tables are what a rebuild would make of them. A delivery goes with its last record; an event
 * that has left EVENTS goes with its last delivery.
 */
export class Retention {
  readonly #file: Sqlite
  /** Where looking for old deliveries goes on. */
  #lookedTo: readonly [event: Value, webhook: Value] = [0, 0]
  /** Events up to here are known to have left EVENTS. */
  #leftTo = 0

  constructor(file: Sqlite) {
    this.#file = file
  }

  /** One part, in a transaction of its own; true when there is more to do. */
  forget(held: Held): boolean {
    this.#file.exec("BEGIN")
    const more = [this.#deliveries(held), this.#events(held.firstEvent)]
    this.#told("duplicates", held.firstEvent)
    this.#told("quarantined", held.firstEvent)
    const series = this.#file.statement("DELETE FROM series WHERE seconds = ? AND start < ?")
    series.run([steps.minute, held.now - minutesKept])
    series.run([steps.hour, held.oldestRecord - steps.hour * 1000])
    this.#file.exec("COMMIT")
    return more.includes(true)
  }

  #deliveries({ firstRecord, oldestRecord }: Held): boolean {
    const rows = this.#file.statement(
      "SELECT d.event_sequence, d.webhook, d.record_sequence, w.id FROM deliveries d JOIN workspaces w ON w.number = d.workspace WHERE (d.event_sequence, d.webhook) > (?, ?) AND d.event_sequence < ? ORDER BY d.event_sequence, d.webhook LIMIT ?"
    ).all([...this.#lookedTo, sequenceAt(this.#file, oldestRecord), rowsAtOnce])
    for (const [event = 0, webhook = 0, record, workspace] of rows) {
      const oldest = firstRecord(String(workspace))
      const attempts = "DELETE FROM attempts WHERE event_sequence = ? AND webhook = ? AND record_sequence < ?"
      this.#file.statement(attempts).run([event, webhook, oldest])
      if (Number(record) >= oldest) continue
      this.#file.statement("DELETE FROM deliveries WHERE event_sequence = ? AND webhook = ?").run([event, webhook])
      this.#file.statement(
        "DELETE FROM events WHERE sequence = ?1 AND size IS NULL AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_sequence = ?1)"
      ).run([event])
    }
    const last = rows.length === rowsAtOnce ? rows.at(-1) : undefined
    this.#lookedTo = last === undefined ? [0, 0] : [last[0] ?? 0, last[1] ?? 0]
    return last !== undefined
  }

  #events(firstEvent: number): boolean {
    const rows = this.#file.statement(
      "SELECT sequence, EXISTS (SELECT 1 FROM deliveries WHERE event_sequence = events.sequence) FROM events WHERE sequence > ? AND sequence < ? ORDER BY sequence LIMIT ?"
    ).all([this.#leftTo, firstEvent, rowsAtOnce])
    for (const [sequence = 0, hasDeliveries] of rows) {
      const sql = hasDeliveries === 1
        ? "UPDATE events SET size = NULL WHERE sequence = ?"
        : "DELETE FROM events WHERE sequence = ?"
      this.#file.statement(sql).run([sequence])
    }
    this.#leftTo = Number(rows.at(-1)?.[0] ?? this.#leftTo)
    return rows.length === rowsAtOnce
  }

  #told(table: "duplicates" | "quarantined", firstEvent: number): void {
    this.#file.statement(
      `DELETE FROM ${table} WHERE event_sequence IN (SELECT event_sequence FROM ${table} WHERE event_sequence < ? LIMIT ?)`
    ).run([firstEvent, rowsAtOnce])
  }
}
