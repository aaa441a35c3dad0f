import type { AttemptOutcome } from "../../src/model/Attempt.ts"
import { type Delivery, matched } from "../../src/model/Delivery.ts"
import { EventId, WebhookId, WorkspaceId } from "../../src/model/Id.ts"

export const minute = 60_000
export const hour = 60 * minute
export const retries = { offsets: [0, 5 * minute, 30 * minute, 2 * hour, 24 * hour] }
export const rules = { retries, epoch: 7 }
export const start = 1_700_000_000_000

/** A delivery that was just matched, with what a test wants different. */
export const delivery = (change: Partial<Delivery> = {}): Delivery => ({
  ...matched(
    {
      workspaceId: WorkspaceId.make("ws_1"),
      webhookId: WebhookId.make("wh_1"),
      eventId: EventId.make("evt_1"),
      eventType: "project.created",
      eventSequence: 42,
      webhookRevision: 3,
      webhooksSequence: 9,
      publishedAt: start,
      expiresAt: start + 30 * 24 * hour
    },
    start,
    rules
  ),
  ...change
})

export const answered = (status: number, change: Partial<AttemptOutcome> = {}): AttemptOutcome => ({
  class: status === 200 ? "success" : "status",
  startedAt: start,
  latency: 100,
  status,
  ...change
})

export const unanswered = (change: Partial<AttemptOutcome> = {}): AttemptOutcome => ({
  class: "timeout",
  startedAt: start,
  latency: 30_000,
  error: "no answer within 30 s",
  ...change
})
