import type { EventType } from "../api/Contract.ts"

export interface Group {
  readonly entity: string
  readonly types: ReadonlyArray<EventType>
}

/** Those that have every word of `find` in their name or description, by entity in the catalogue's order, hookline's own last. */
export const groupsOf = (types: ReadonlyArray<EventType>, find: string): ReadonlyArray<Group> => {
  const words = find.toLowerCase().split(/\s+/).filter((word) => word !== "")
  const found = types.filter(({ description, type }) => {
    const text = `${type} ${description}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
  const groups = new Map<string, Array<EventType>>()
  for (
    const type of [
      ...found.filter(({ reserved }) => reserved !== true),
      ...found.filter(({ reserved }) => reserved)
    ]
  ) {
    const entity = type.type.split(".")[0] ?? type.type
    groups.set(entity, [...groups.get(entity) ?? [], type])
  }
  return [...groups].map(([entity, types]) => ({ entity, types }))
}
