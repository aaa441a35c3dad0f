import type { WebhookId } from "./Id.ts"
import { verdictOn } from "./Matching.ts"
import type { Webhook } from "./Webhook.ts"
import type { WebhookFact } from "./WebhookFacts.ts"
import { evolve } from "./WebhookLife.ts"

/**
 * Why a webhook got an event, or did not. `matched`, and what its state made of a match: `disabled` (suppressed), `paused` (held). `duplicate` and
 * `quarantined`: nobody got it, whatever they subscribe to.
 */
export type Reason =
  | "matched"
  | "disabled"
  | "paused"
  | "not_subscribed"
  | "own_notice"
  | "created_later"
  | "deleted"
  | "duplicate"
  | "quarantined"

/** `duplicate`: its id repeats another's, and it is owed to nobody; `quarantined`: it was refused. */
export type EventOutcome = "event" | "duplicate" | "quarantined"

export interface Explanation {
  readonly reason: Reason
  /** As it was when the event was matched; of one created later, as it was created. */
  readonly webhook: Webhook
}

/** A change of a webhook where it stands in WEBHOOKS. */
export interface RecordedFact {
  readonly sequence: number
  /** Broker milliseconds. */
  readonly recordedAt: number
  readonly fact: WebhookFact
}

export interface Explained {
  readonly type: string
  /** Of an event of hookline itself: the webhook that it tells of. */
  readonly about?: WebhookId | undefined
  readonly outcome: EventOutcome
  /**
   * Each webhook that was owed it, with the sequence up to which WEBHOOKS was known when it was matched, as its delivery's record carries it. A
   * crash between the matches of one event lets it be matched again, and what was not recorded before then carries a later one.
   */
  readonly owed: ReadonlyMap<WebhookId, number>
  /**
   * The same of the event, for webhooks that were not owed it. Without any delivery it matched nobody and has no record: then as it was when the
   * event was acknowledged.
   */
  readonly matchedAt: { readonly sequence: number } | { readonly time: number }
}

const stateReasons = { enabled: "matched", paused: "paused", disabled: "disabled" } as const

/** Each webhook of the workspace, in the order of creation. `facts` of the workspace, in the order of WEBHOOKS. */
export const explain = (event: Explained, facts: ReadonlyArray<RecordedFact>): ReadonlyArray<Explanation> => {
  const { matchedAt, owed } = event
  const isBefore = ({ fact, recordedAt, sequence }: RecordedFact) => {
    const own = owed.get(fact.webhookId)
    if (own !== undefined) return sequence <= own
    return "sequence" in matchedAt ? sequence <= matchedAt.sequence : recordedAt <= matchedAt.time
  }
  const webhooks = new Map<WebhookId, { state: Webhook; readonly late: boolean }>()
  for (const one of facts) {
    const known = webhooks.get(one.fact.webhookId)
    const before = isBefore(one)
    if (known !== undefined && !before) continue
    const state = evolve(known?.state, one.fact)
    if (state !== undefined) webhooks.set(one.fact.webhookId, { state, late: !before })
  }
  return Array.from(webhooks.values(), ({ late, state }) => ({ webhook: state, reason: reasonOf(event, state, late) }))
}

const reasonOf = ({ about, outcome, type }: Explained, webhook: Webhook, createdLater: boolean): Reason => {
  if (outcome !== "event") return outcome
  if (createdLater) return "created_later"
  const verdict = verdictOn(webhook, { type, about })
  return verdict === "matched" ? stateReasons[webhook.state] : verdict
}
