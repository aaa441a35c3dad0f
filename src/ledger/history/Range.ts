import type { Sqlite } from "./Sqlite.ts"

/**
 * The first sequence of EVENTS at or after a time, one more than the last when there is none. Times rise with sequences, so it is found by halving:
 * an index by time would cost every event one more entry.
 */
export const sequenceAt = (file: Sqlite, time: number): number => {
  // Two look-ups: asked for both at once, SQLite reads the whole table.
  const [first] = file.statement("SELECT min(sequence) FROM events").get([]) ?? []
  const [last] = file.statement("SELECT max(sequence) FROM events").get([]) ?? []
  if (typeof first !== "number" || typeof last !== "number") return 1
  const at = file.statement("SELECT sequence, published_at FROM events WHERE sequence >= ? ORDER BY sequence LIMIT 1")
  let low = first
  let high = last + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [sequence, published] = at.get([middle]) ?? []
    if (typeof sequence !== "number" || Number(published) >= time) high = middle
    else low = sequence + 1
  }
  return low
}
