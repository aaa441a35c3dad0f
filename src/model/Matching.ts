import { Data, Either } from "effect"
import type { Catalogue } from "./Catalogue.ts"
import { entityOf } from "./EventType.ts"
import { printable } from "./Printable.ts"

/** What a webhook asks for cannot be subscribed to; `field` is `events` or `events[i]`. */
export class SubscriptionInvalid extends Data.TaggedError("SubscriptionInvalid")<{
  readonly field: string
  readonly message: string
}> {}

/**
 * Whether a webhook with these `events` is owed an event of this type: `*`, `project.*`, or the type itself. The only
 * place where this is decided.
 */
export const subscribes = (events: ReadonlyArray<string>, type: string): boolean => {
  const family = `${entityOf(type)}.*`
  return events.some((wanted) => wanted === type || wanted === "*" || wanted === family)
}

const problem = (wanted: string, catalogue: Catalogue): string | undefined => {
  if (wanted === "*" || catalogue.types.has(wanted)) return undefined
  if (!wanted.endsWith(".*")) return `"${printable(wanted)}" is not an event type of the catalogue`
  return catalogue.entities.has(wanted.slice(0, -2))
    ? undefined
    : `"${printable(wanted)}" matches no event type of the catalogue`
}

/**
 * The `events` that a webhook may have: not empty, each `*`, `<entity>.*` or a type of the catalogue. Answers them
 * without repetitions, in the order given; `*` beside others is kept as it is.
 */
export const validateSubscription = (
  events: ReadonlyArray<string>,
  catalogue: Catalogue
): Either.Either<ReadonlyArray<string>, SubscriptionInvalid> => {
  if (events.length === 0) {
    return Either.left(new SubscriptionInvalid({ field: "events", message: "must have at least one event type" }))
  }
  for (const [index, wanted] of events.entries()) {
    const message = problem(wanted, catalogue)
    if (message !== undefined) return Either.left(new SubscriptionInvalid({ field: `events[${index}]`, message }))
  }
  return Either.right([...new Set(events)])
}
