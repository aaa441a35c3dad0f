import { type Health, unknown } from "../../ledger/history/Health.ts"
import type { Answers } from "../../ledger/history/Questions.ts"
import { succeededOf } from "../../model/Struggling.ts"
import { type HealthInShort, shownHours } from "./contract/Webhooks.ts"
import { iso, isoOrNull } from "./Times.ts"

const none = Array.from({ length: shownHours }, () => 0)

/** The hours of the webhook at a place. */
const part = (figures: Uint32Array, place: number): ReadonlyArray<number> =>
  Array.from(figures.subarray(place * shownHours, (place + 1) * shownHours))

const inShort = (health: Health, hours: HealthInShort["hours"]): HealthInShort => {
  const recent = { attempts: health.recentCount, succeeded: succeededOf(health.recent) }
  return {
    recent,
    success_rate: recent.attempts === 0 ? null : Math.round(1000 * recent.succeeded / recent.attempts) / 1000,
    last_attempt_at: isoOrNull(health.lastAttemptAt),
    last_error: health.lastError ?? null,
    last_error_at: isoOrNull(health.lastErrorAt),
    hours
  }
}

/** By webhook; one that the history has not met yet had no attempt. */
export const healthsInShort = ({ failed, from, succeeded, webhooks }: Answers["overview"]) => {
  const places = new Map(webhooks.map(({ webhookId }, place) => [webhookId, place]))
  const start = iso(from)
  return (webhookId: string): HealthInShort => {
    const place = places.get(webhookId)
    return place === undefined
      ? inShort(unknown, { from: start, succeeded: none, failed: none })
      : inShort(webhooks[place]?.health ?? unknown, {
        from: start,
        succeeded: part(succeeded, place),
        failed: part(failed, place)
      })
  }
}
