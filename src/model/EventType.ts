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
  /** hookline's own (model/NoticeTypes.ts): nobody else publishes it, and `*` does not include it. */
  readonly reserved?: true
}

/** Both tokens satisfy the rule for ids (CONTRACT 4), without capitals and hyphens. */
const shape = /^[a-z0-9_]{1,64}\.[a-z0-9_]{1,64}$/

/** Entities of events about the delivery itself, which a platform can neither define nor publish. */
const reserved = /^(?:webhook|delivery)\./

/** The `project` of `project.created`. */
export const entityOf = (type: string): string => type.slice(0, type.indexOf("."))

/** Whether events of this type are hookline's own to publish, whatever their action. */
export const isReserved = (type: string): boolean => reserved.test(type)

/** Why a text cannot be an event type, as the end of a sentence. */
export const typeProblem = (text: string): string | undefined =>
  shape.test(text) ? undefined : "must be <entity>.<action>, each 1 to 64 characters of a-z, 0-9 and _"

/** Why a platform cannot define an event type, as the end of a sentence. */
export const definitionProblem = (text: string): string | undefined =>
  typeProblem(text) ??
    (isReserved(text)
      ? `must not begin with ${entityOf(text)}., which is reserved for hookline's own events`
      : undefined)
