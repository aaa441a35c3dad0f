import type { Sqlite } from "./Sqlite.ts"

/**
 * What is spread evenly, as ids and hashes are, would go into one index at random: with millions of entries every insert changes a page of its own,
 * which costs more than all the rest. Such an index begins with the block of the event's sequence, 65,536 to a block, so that new entries fall among
 * the newest; a look-up asks for every block, about 3 µs each.
 */
const bits = 16

/** The block of a sequence, in SQL: an index on it and a look-up must say the same. */
export const blockOf = (sequence: string): string => `${sequence} >> ${bits}`

/** A condition with what `blocks` gives as its value. */
export const inBlocks = (sequence: string): string => `${blockOf(sequence)} IN (SELECT value FROM json_each(?))`

const end = (file: Sqlite, side: "min" | "max"): number | undefined => {
  const ends = [`SELECT ${side}(sequence) FROM events`, `SELECT ${side}(event_sequence) FROM deliveries`]
    .flatMap((sql) => file.statement(sql).get([]) ?? [])
    .filter((value) => typeof value === "number")
  return ends.length === 0 ? undefined : Math[side](...ends)
}

/** All blocks, the newest first. */
export const blockList = (file: Sqlite): ReadonlyArray<number> => {
  const first = end(file, "min")
  const last = end(file, "max")
  if (first === undefined || last === undefined) return []
  // Sequences have more than 32 bits.
  const [low, high] = [Math.floor(first / 2 ** bits), Math.floor(last / 2 ** bits)]
  return Array.from({ length: high - low + 1 }, (_, index) => high - index)
}

export const blocks = (file: Sqlite): string => JSON.stringify(blockList(file))
