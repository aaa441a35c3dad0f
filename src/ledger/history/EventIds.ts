import { blockList, blockOf } from "./Blocks.ts"
import type { Sqlite } from "./Sqlite.ts"

/** So many publications of one id are looked at, the newest: a publisher may give all its events the same. */
const most = 1_000

interface Published {
  /** Each event that counts, the newest first; one may be gone that others repeat. */
  readonly events: ReadonlyArray<number>
  /** The newest of all, a repeat or not. */
  readonly newest: number | undefined
}

/** Where an id was published, by sequence. */
export const publishedAs = (file: Sqlite, workspace: number, id: string): Published => {
  const ofBlock = file.statement(
    `SELECT e.sequence, u.first_sequence FROM events e INDEXED BY events_by_id LEFT JOIN duplicates u ON u.event_sequence = e.sequence WHERE ${
      blockOf("e.sequence")
    } = ? AND e.id = ? AND e.workspace = ? ORDER BY e.sequence DESC LIMIT ?`
  )
  const found = new Set<number>()
  let newest: number | undefined
  let looked = 0
  for (const block of blockList(file)) {
    if (looked >= most) break
    const rows = ofBlock.all([block, id, workspace, most - looked])
    looked += rows.length
    newest ??= rows[0] === undefined ? undefined : Number(rows[0][0])
    for (const [sequence, first] of rows) found.add(Number(first ?? sequence))
  }
  return { events: [...found].toSorted((left, right) => right - left), newest }
}
