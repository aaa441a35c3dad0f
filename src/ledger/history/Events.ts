import { blockList, blockOf, blocks, inBlocks } from "./Blocks.ts"
import { type Asked, countsFrom, deliveriesOf, numberOfType, numberOfWorkspace } from "./Deliveries.ts"
import type { Answers, HistoricEvent, Questions, Repeats } from "./Questions.ts"
import { sequenceAt } from "./Range.ts"
import type { Sqlite, Value } from "./Sqlite.ts"

const selected = (index: string) =>
  `SELECT e.sequence, e.id, t.name, e.published_at, e.size, u.first_sequence, o.published_at, q.entry, q.reason FROM events e ${index} JOIN types t ON t.number = e.type LEFT JOIN duplicates u ON u.event_sequence = e.sequence LEFT JOIN events o ON o.sequence = u.first_sequence LEFT JOIN quarantined q ON q.event_sequence = e.sequence`

/** So many repeats of an event are counted, and so many shown. */
const mostRepeats = { counted: 1_000, shown: 20 }

const optional = (value: Value | undefined): number | undefined =>
  value === null || value === undefined ? undefined : Number(value)

const fromRow = (file: Sqlite, row: ReadonlyArray<Value>): HistoricEvent => {
  const duplicateOf = row[5] === null ? undefined : { sequence: Number(row[5]), publishedAt: optional(row[6]) }
  const quarantine = row[7] === null ? undefined : { entry: Number(row[7]), reason: String(row[8]) }
  return {
    sequence: Number(row[0]),
    id: String(row[1]),
    type: String(row[2]),
    publishedAt: Number(row[3]),
    size: optional(row[4]),
    outcome: duplicateOf !== undefined ? "duplicate" : quarantine !== undefined ? "quarantined" : "event",
    duplicateOf,
    quarantine,
    deliveries: countsFrom(
      file.statement("SELECT status, count(*) FROM deliveries WHERE event_sequence = ? GROUP BY status").all([
        row[0] ?? 0
      ])
    )
  }
}

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
    `${selected("")} WHERE e.workspace = ? ${
      type === undefined ? "" : "AND e.type = ?"
    } AND e.sequence >= ? AND e.sequence < ? ORDER BY e.sequence DESC LIMIT ?`
  ).all([workspace, ...(type === undefined ? [] : [type]), low, high, limit + 1])
  const data = rows.slice(0, limit).map((row) => fromRow(file, row))
  return { data, next: rows.length > limit ? String(data.at(-1)?.sequence) : undefined }
}

/** The event at a sequence of EVENTS, if it is of this workspace. */
export const eventAt = (file: Sqlite, workspace: number, sequence: number): HistoricEvent | undefined => {
  const row = file.statement(`${selected("")} WHERE e.sequence = ? AND e.workspace = ?`).get([sequence, workspace])
  return row === undefined ? undefined : fromRow(file, row)
}

const repeatsOf = (file: Sqlite, workspace: number, { id, sequence }: HistoricEvent): Repeats => {
  const ofBlock = file.statement(
    `SELECT e.sequence, t.name, e.published_at FROM events e INDEXED BY events_by_id CROSS JOIN duplicates u ON u.event_sequence = e.sequence JOIN types t ON t.number = e.type WHERE ${
      blockOf("e.sequence")
    } = ? AND e.id = ? AND e.workspace = ? AND e.sequence > ? AND u.first_sequence = ? ORDER BY e.sequence DESC LIMIT ?`
  )
  const found: Array<ReadonlyArray<Value>> = []
  for (const block of blockList(file)) {
    const left = mostRepeats.counted - found.length
    if (left > 0) found.push(...ofBlock.all([block, id, workspace, sequence, sequence, left]))
  }
  return {
    count: found.length,
    latest: found.slice(0, mostRepeats.shown).map(([sequence, type, publishedAt]) => ({
      sequence: Number(sequence),
      type: String(type),
      publishedAt: Number(publishedAt)
    }))
  }
}

/** The event of an id: of several the newest that repeats none, else the newest. */
export const event = (asked: Asked, { id, workspaceId }: Questions["event"]): Answers["event"] => {
  const { file } = asked
  const workspace = numberOfWorkspace(file, workspaceId)
  if (workspace === undefined) return undefined
  const row = file.statement(
    `${selected("INDEXED BY events_by_id")} WHERE ${
      inBlocks("e.sequence")
    } AND e.id = ? AND e.workspace = ? ORDER BY u.first_sequence IS NULL DESC, q.entry IS NULL DESC, e.sequence DESC LIMIT 1`
  ).get([blocks(file), id, workspace])
  if (row === undefined) return undefined
  const found = fromRow(file, row)
  return {
    event: found,
    repeats: repeatsOf(file, workspace, found),
    deliveries: deliveriesOf(asked, found.sequence)
  }
}
