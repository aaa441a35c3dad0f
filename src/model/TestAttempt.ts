import type { AttemptOutcome } from "./Attempt.ts"
import type { EventId, WebhookId, WorkspaceId } from "./Id.ts"

/** The name of the header, `true`, by which an endpoint knows a test event; no static header and no brand may take it. */
export const testHeader = "x-webhook-test"

/** The one request of a test event (CONTRACT 7). It belongs to no delivery: nothing retries it, and no health or circuit counts it. */
export interface TestAttempt {
  /** Broker milliseconds. */
  readonly at: number
  readonly workspaceId: WorkspaceId
  readonly webhookId: WebhookId
  readonly webhookRevision: number
  readonly eventId: EventId
  readonly eventType: string
  readonly outcome: AttemptOutcome
}
