/** A JSON object as `JSON.parse` gives it. */
export type JsonObject = Readonly<Record<string, unknown>>

/** One kind of event that a platform's customers may subscribe to (CONTRACT 3). */
export interface EventType {
  /** `<entity>.<action>`. */
  readonly type: string
  readonly description: string
  /** The `data` of a typical event; test events are made from it. */
  readonly example: JsonObject
  /** JSON Schema (2020-12) that `data` must satisfy. */
  readonly schema?: JsonObject
}

/** Both tokens satisfy the rule for ids (CONTRACT 4), without capitals and hyphens. */
const shape = /^([a-z0-9_]{1,64})\.[a-z0-9_]{1,64}$/

/** Entities of events about the delivery itself, which a platform cannot define. */
const reserved: ReadonlySet<string> = new Set(["webhook", "delivery"])

/** The `project` of `project.created`. */
export const entityOf = (type: string): string => type.slice(0, type.indexOf("."))

/** Why a text cannot be an event type, as the end of a sentence. */
export const typeProblem = (text: string): string | undefined => {
  const entity = shape.exec(text)?.[1]
  if (entity === undefined) {
    return "must be <entity>.<action>, each 1 to 64 characters of a-z, 0-9 and _"
  }
  return reserved.has(entity) ? `must not begin with ${entity}., which is reserved` : undefined
}
