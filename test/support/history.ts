import { type Asked, joins, select } from "../../src/ledger/history/Deliveries.ts"
import type { HistoricDelivery } from "../../src/ledger/history/Questions.ts"
import type { Sqlite } from "../../src/ledger/history/Sqlite.ts"

export const allDeliveries = (asked: Asked): ReadonlyArray<HistoricDelivery> =>
  select(asked, `${joins} ORDER BY d.event_sequence, w.id`, [])

/** Every table's rows in an order that does not depend on the numbers given out, numbers replaced by what they stand for. */
export const contents = (file: Sqlite): Readonly<Record<string, ReadonlyArray<unknown>>> => {
  const rows = (sql: string) => file.statement(sql).all([]).map((row) => row.map((value) => String(value)))
  const webhook = "(SELECT id FROM webhooks WHERE number = webhook)"
  const type = "(SELECT name FROM types WHERE number = type)"
  const workspace = "(SELECT id FROM workspaces WHERE number = workspace)"
  return {
    events: rows(`SELECT sequence, ${workspace}, ${type}, id, published_at, size FROM events ORDER BY sequence`),
    duplicates: rows("SELECT * FROM duplicates ORDER BY 1"),
    quarantined: rows("SELECT * FROM quarantined ORDER BY 1"),
    facts: rows(`SELECT sequence, ${webhook}, recorded_at, body FROM facts ORDER BY 1`),
    deliveries: rows(
      `SELECT event_sequence, ${webhook}, ${workspace}, ${type}, key, status, event_id, state, round, attempt, round_attempt, round_start, due_at, held_reason, held_since, fail_reason, published_at, expires_at, webhook_revision, webhooks_sequence, epoch, step, updated_at, record_sequence, last_class, last_status, last_latency, last_error FROM deliveries ORDER BY 1, 2`
    ),
    attempts: rows(
      `SELECT event_sequence, ${webhook}, attempt, epoch, record_sequence FROM attempts ORDER BY 1, 2, 3, 4`
    ),
    health: rows(
      "SELECT id, deleted, recent, recent_count, last_attempt_at, last_success_at, failing_since, last_error FROM webhooks ORDER BY id"
    ),
    series: rows(`SELECT ${webhook}, seconds, start, succeeded, failed, hex(latencies) FROM series ORDER BY 1, 2, 3`)
  }
}
