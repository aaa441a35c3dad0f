import type { Sqlite } from "./Sqlite.ts"

/** The sequences and times of the first and the last event that is known. */
const ends = (file: Sqlite) => {
  // Two look-ups: asked for both at once, SQLite reads the whole table.
  const [first] = file.statement("SELECT min(sequence) FROM events").get([]) ?? []
  const [last, publishedAt] =
    file.statement("SELECT sequence, published_at FROM events ORDER BY sequence DESC LIMIT 1").get([]) ?? []
  return typeof first === "number" && typeof last === "number"
    ? { first, last, lastAt: Number(publishedAt) }
    : undefined
}

/**
 * The first sequence of EVENTS at or after a time, one more than the last when there is none. Times rise with sequences, so it is found by halving:
 * an index by time would cost every event one more entry.
 */
export const sequenceAt = (file: Sqlite, time: number): number => {
  const known = ends(file)
  if (known === undefined) return 1
  const at = file.statement("SELECT sequence, published_at FROM events WHERE sequence >= ? ORDER BY sequence LIMIT 1")
  let low = known.first
  let high = known.last + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [sequence, published] = at.get([middle]) ?? []
    if (typeof sequence !== "number" || Number(published) >= time) high = middle
    else low = sequence + 1
  }
  return low
}

/** Before which sequence an event is from before a time. Beyond what is known there is no bound: what is read next may be from before it. */
export const endAt = (file: Sqlite, time: number): number => {
  const known = ends(file)
  return known === undefined || known.lastAt < time ? Number.MAX_SAFE_INTEGER : sequenceAt(file, time)
}
