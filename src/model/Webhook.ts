import type { WebhookId, WorkspaceId } from "./Id.ts"

/** `enabled` delivers, `paused` holds, `disabled` suppresses. */
export type WebhookStatus = "enabled" | "paused" | "disabled"

/** A workspace's subscription as its facts on WEBHOOKS say it is. */
export interface Webhook {
  readonly id: WebhookId
  readonly workspaceId: WorkspaceId
  readonly url: string
  /** Exact types, `project.*` or `*`; never empty, but after deletion. */
  readonly events: ReadonlyArray<string>
  readonly description: string
  readonly state: WebhookStatus
  /** Why it is disabled, for a person; e.g. that its endpoint answered 410. */
  readonly disabledReason?: string
  /** Attempts in flight, 1 to 256; the setting's when absent. */
  readonly concurrency?: number
  /** Attempts a second. */
  readonly rateLimit?: number
  /** It was resumed at a rate: attempts a second of what was held at `resumedAt` (broker milliseconds). Both until it is paused, disabled or resumed again. */
  readonly drainRate?: number
  readonly resumedAt?: number
  /** Names of the extra static headers; the values lie in SECRETS. */
  readonly headers: ReadonlyArray<string>
  /** Which sealed entries of SECRETS are in force. */
  readonly secretVersion: number
  readonly headersVersion?: number
  /** During a rotation's overlap: the former secret's version, and when (broker milliseconds) it ends. */
  readonly previousSecretVersion?: number
  readonly overlapUntil?: number
  /** The highest version any of its facts referred to: a version up to here that is not in force never will be again. */
  readonly highestVersion: number
  /** Counts the facts of this webhook, from 1. */
  readonly revision: number
  /** Broker milliseconds. */
  readonly createdAt: number
  readonly updatedAt: number
  /** A deleted one keeps its id, URL and times, for the history's sake. */
  readonly deleted: boolean
}

/** Which versions of the secret sign an attempt (CONTRACT 5, rotation). */
export interface SecretsInForce {
  /** For the plain hex signature: stays on the old secret until the overlap ends. */
  readonly hex: number
  /** For the Standard Webhooks signature, the newest first. */
  readonly standard: readonly [number, ...ReadonlyArray<number>]
}

/** `now` in broker milliseconds; the overlap is over at `overlapUntil` itself. */
export const secretsInForce = (webhook: Webhook, now: number): SecretsInForce => {
  const { overlapUntil, previousSecretVersion: previous, secretVersion: current } = webhook
  return previous === undefined || overlapUntil === undefined || now >= overlapUntil
    ? { hex: current, standard: [current] }
    : { hex: previous, standard: [current, previous] }
}

/** The versions in SECRETS that its state refers to. */
export const versionsReferred = (webhook: Webhook): ReadonlyArray<number> =>
  [webhook.secretVersion, webhook.previousSecretVersion, webhook.headersVersion].filter((version) =>
    version !== undefined
  )
