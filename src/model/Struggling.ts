/** Which webhooks are failing, and which have failed for so long that they are disabled: what is decided of their last attempts. */
import { isReserved } from "./EventType.ts"
import { type EventId, noticeId, type WebhookId } from "./Id.ts"
import { iso, type Notice, originOf } from "./Notice.ts"
import type { Webhook } from "./Webhook.ts"

/** What is remembered of a webhook's attempts. Times are broker milliseconds, of the attempts' starts. */
export interface RecentAttempts {
  /** One bit an attempt, the newest lowest, 1 for success. */
  readonly recent: number
  /** How many of the bits mean something. */
  readonly recentCount: number
  readonly lastAttemptAt: number | undefined
  readonly lastSuccessAt: number | undefined
  /** When the first of the failures since the last success began. Undefined: the last attempt succeeded, or there was none. */
  readonly failingSince: number | undefined
  readonly lastError: string | undefined
}

type Struggling = Pick<Webhook, "id" | "workspaceId" | "url" | "events">

/** An attempt that is older says nothing of today. */
const freshness = 3_600_000
const day = 86_400_000

/** So many attempts are remembered and looked at; with fewer nobody is told that it is failing. */
export const recentAttempts = 20

export const succeededOf = (recent: number): number => {
  let ones = 0
  for (let bits = recent; bits !== 0; bits &= bits - 1) ones++
  return ones
}

/** One a webhook and day of its last attempt, in UTC: told again on the same day, or after midnight of the same attempts, it is the same event. */
const failingId = (webhookId: WebhookId, lastAttemptAt: number): EventId =>
  noticeId("webhook.failing", webhookId, iso(lastAttemptAt).slice(0, 10))

/**
 * For a webhook of whose last 20 attempts less than half succeeded, where that is still so: of 11 failures and 9 successes after them it would be
 * wrong to say that the endpoint is failing. Of its state now nothing tells but its last attempt, so that this must have failed, and within the hour.
 * Nothing is lost by it: who looks does so every minute, and an endpoint that still fails has its next failure soon.
 *
 * Not for a webhook that takes nothing but hookline's own events: their deliveries make none.
 */
export const failingNotice = (
  webhook: Struggling,
  { failingSince, lastAttemptAt, lastError, lastSuccessAt, recent, recentCount }: RecentAttempts,
  now: number
): Notice | undefined => {
  const succeeded = succeededOf(recent)
  if (failingSince === undefined || recentCount < recentAttempts || succeeded * 2 >= recentAttempts) return undefined
  if (lastAttemptAt === undefined || now - lastAttemptAt > freshness) return undefined
  if (webhook.events.every(isReserved)) return undefined
  return {
    type: "webhook.failing",
    id: failingId(webhook.id, lastAttemptAt),
    workspaceId: webhook.workspaceId,
    at: lastAttemptAt,
    data: {
      webhook_id: webhook.id,
      ...originOf(webhook.url),
      attempts: recentAttempts,
      succeeded,
      failing_since: iso(failingSince),
      last_success_at: lastSuccessAt === undefined ? null : iso(lastSuccessAt),
      last_error: lastError ?? null
    }
  }
}

/** The last notice that a webhook was told of by. */
export type Told = Pick<Notice, "id" | "at">

/**
 * Those that can still keep a notice from being published again: its id is its day's, and attempts of that day are looked at for an hour after it.
 * What is older only takes memory: the webhook answers again, is disabled or deleted.
 */
export const stillTold = (told: ReadonlyMap<WebhookId, Told>, now: number): Map<WebhookId, Told> =>
  new Map([...told].filter(([, { at }]) => now - at <= day + freshness))

/**
 * Why a webhook is to be disabled: it had a failure at `failingSince`, one that is `patience` later or more, and no success between. Time alone
 * disables nothing: a webhook that nothing was sent to has not failed. Undefined: it stays.
 */
export const givenUp = (
  { failingSince, lastAttemptAt }: Pick<RecentAttempts, "failingSince" | "lastAttemptAt">,
  patience: number
): string | undefined =>
  failingSince === undefined || lastAttemptAt === undefined || lastAttemptAt - failingSince < patience
    ? undefined
    : `nothing but failures since ${iso(failingSince)}`
