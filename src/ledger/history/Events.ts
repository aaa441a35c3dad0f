import { type Asked, countsFrom, deliveriesOf, numberOfType, numberOfWorkspace } from "./Deliveries.ts"
import type { Answers, HistoricEvent, Questions } from "./Questions.ts"
import { sequenceAt } from "./Range.ts"
import type { Sqlite, Value } from "./Sqlite.ts"

const columns =
  "e.sequence, e.id, t.name, e.published_at, e.size, u.first_sequence, q.entry, q.reason FROM events e JOIN types t ON t.number = e.type LEFT JOIN duplicates u ON u.event_sequence = e.sequence LEFT JOIN quarantined q ON q.event_sequence = e.sequence"

const optional = (value: Value | undefined): number | undefined =>
  value === null || value === undefined ? undefined : Number(value)

const fromRow = (file: Sqlite, row: ReadonlyArray<Value>): HistoricEvent => ({
  sequence: Number(row[0]),
  id: String(row[1]),
  type: String(row[2]),
  publishedAt: Number(row[3]),
  size: optional(row[4]),
  duplicateOf: optional(row[5]),
  quarantine: row[6] === null ? undefined : { entry: Number(row[6]), reason: String(row[7]) },
  deliveries: countsFrom(
    file.statement("SELECT status, count(*) FROM deliveries WHERE event_sequence = ? GROUP BY status").all([
      row[0] ?? 0
    ])
  )
})

/** Newest first. */
export const events = (asked: Asked, question: Questions["events"]): Answers["events"] => {
  const { file } = asked
  const { cursor, eventType, from, limit, to, workspaceId } = question
  const workspace = numberOfWorkspace(file, workspaceId)
  const type = eventType === undefined ? undefined : numberOfType(file, eventType)
  if (workspace === undefined || (eventType !== undefined && type === undefined)) return { data: [], next: undefined }
  const low = from === undefined ? 0 : sequenceAt(file, from)
  const high = Math.min(
    to === undefined ? Number.MAX_SAFE_INTEGER : sequenceAt(file, to),
    cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor)
  )
  const rows = file.statement(
    `SELECT ${columns} WHERE e.workspace = ? ${
      type === undefined ? "" : "AND e.type = ?"
    } AND e.sequence >= ? AND e.sequence < ? ORDER BY e.sequence DESC LIMIT ?`
  ).all([workspace, ...(type === undefined ? [] : [type]), low, high, limit + 1])
  const data = rows.slice(0, limit).map((row) => fromRow(file, row))
  return { data, next: rows.length > limit ? String(data.at(-1)?.sequence) : undefined }
}

/** The event of an id: of several the newest that repeats none, else the newest. With everything that explains what became of it. */
export const event = (asked: Asked, { id, workspaceId }: Questions["event"]): Answers["event"] => {
  const { file } = asked
  const workspace = numberOfWorkspace(file, workspaceId)
  if (workspace === undefined) return undefined
  const row = file.statement(
    `SELECT ${columns} WHERE e.workspace = ? AND e.id = ? ORDER BY u.first_sequence IS NULL DESC, q.entry IS NULL DESC, e.sequence DESC LIMIT 1`
  ).get([workspace, id])
  if (row === undefined) return undefined
  const found = fromRow(file, row)
  const facts = file.statement(
    "SELECT f.sequence, f.recorded_at, f.body FROM facts f JOIN webhooks w ON w.number = f.webhook WHERE w.workspace = ? ORDER BY f.sequence"
  ).all([workspace])
  return {
    event: found,
    deliveries: deliveriesOf(asked, found.sequence),
    facts: facts.map(([sequence, recordedAt, body]) => ({
      sequence: Number(sequence),
      recordedAt: Number(recordedAt),
      body: String(body)
    }))
  }
}
