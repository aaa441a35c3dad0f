import type { WebhookId, WorkspaceId } from "./Id.ts"

/** `enabled` delivers, `paused` holds, `disabled` suppresses. */
export type WebhookStatus = "enabled" | "paused" | "disabled"

/** A workspace's subscription as its facts on WEBHOOKS say it is. */
export interface Webhook {
  readonly id: WebhookId
  readonly workspaceId: WorkspaceId
  readonly url: string
  /** Exact types, `project.*` or `*`; never empty. */
  readonly events: ReadonlyArray<string>
  readonly description: string
  readonly state: WebhookStatus
  /** Why it is disabled, for a person; e.g. that its endpoint answered 410. */
  readonly disabledReason?: string
  /** Attempts in flight, 1 to 256; the setting's when absent. */
  readonly concurrency?: number
  /** Attempts a second. */
  readonly rateLimit?: number
  /** Names of the extra static headers; the values lie in SECRETS. */
  readonly headers: ReadonlyArray<string>
  /** Which sealed entries of SECRETS are in force. */
  readonly secretVersion: number
  readonly headersVersion?: number
  /** During a rotation's overlap: the former secret's version, and when (broker milliseconds) it ends. */
  readonly previousSecretVersion?: number
  readonly overlapUntil?: number
  /** Counts the facts of this webhook, from 1. */
  readonly revision: number
  /** Broker milliseconds. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly deleted: boolean
}
