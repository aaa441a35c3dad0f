import { Data, Either } from "effect"
import type { Catalogue } from "./Catalogue.ts"
import { entityOf, isReserved } from "./EventType.ts"
import { quotedType } from "./Printable.ts"
import type { Webhook } from "./Webhook.ts"

/** What a webhook asks for cannot be subscribed to; `field` is `events` or `events[i]`. */
export class SubscriptionInvalid extends Data.TaggedError("SubscriptionInvalid")<{
  readonly field: string
  readonly message: string
}> {}

/** What of an event decides who gets it. */
interface Matchable {
  readonly type: string
  /** Of an event of hookline itself: the webhook that it tells of. */
  readonly about?: string | undefined
}

/** Why a webhook gets an event, or does not. What its being paused or disabled makes of a match says model/Delivery.ts. */
export type Verdict = "matched" | "not_subscribed" | "own_notice" | "deleted"

/** `*`, `project.*`, or the type itself. hookline's own events are not in `*`. */
const subscribes = (events: ReadonlyArray<string>, type: string): boolean => {
  const family = `${entityOf(type)}.*`
  const inStar = !isReserved(type)
  return events.some((wanted) => wanted === type || wanted === family || (inStar && wanted === "*"))
}

/**
 * Whether a webhook of the event's workspace, as it was when the event was matched, is owed it, and why. The only place where this is decided:
 * for matching, for telling what became of an event, and for the audit.
 */
export const verdictOn = (webhook: Pick<Webhook, "id" | "events" | "deleted">, event: Matchable): Verdict =>
  webhook.deleted
    ? "deleted"
    : !subscribes(webhook.events, event.type)
    ? "not_subscribed"
    : event.about === webhook.id
    ? "own_notice"
    : "matched"

const problem = (wanted: string, catalogue: Catalogue): string | undefined => {
  if (wanted === "*" || catalogue.types.has(wanted)) return undefined
  if (!wanted.endsWith(".*")) return `${quotedType(wanted)} is not an event type of the catalogue`
  return catalogue.entities.has(wanted.slice(0, -2))
    ? undefined
    : `${quotedType(wanted)} matches no event type of the catalogue`
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
