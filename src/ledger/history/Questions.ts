import type { Delivery } from "../../model/Delivery.ts"
import type { EventOutcome, Reason } from "../../model/Explanation.ts"
import type { WebhookId } from "../../model/Id.ts"
import type { Health } from "./Health.ts"
import type { DeliveryStatus } from "./Status.ts"

/** What can be asked of the history. Times are broker milliseconds; `cursor` is what a page gave. */

interface Page {
  readonly limit: number
  readonly cursor?: string | undefined
}

interface Range {
  /** From this time on; before that one. When the event was published. */
  readonly from?: number | undefined
  readonly to?: number | undefined
}

interface DeliveriesQuestion extends Page, Range {
  readonly workspaceId: string
  readonly webhookId?: string | undefined
  readonly status?: DeliveryStatus | undefined
  readonly eventType?: string | undefined
  readonly eventId?: string | undefined
}

interface EventsQuestion extends Page, Range {
  readonly workspaceId: string
  readonly eventType?: string | undefined
}

interface StatsQuestion {
  readonly workspaceId: string
  /** All of the workspace's without one. */
  readonly webhookId?: string | undefined
  /** 60 or 3600. */
  readonly seconds: number
  readonly from: number
  readonly to: number
}

interface ExplainQuestion {
  readonly workspaceId: string
  readonly sequence: number
  /** Of an event of hookline itself: the webhook that it tells of. Only its body says so, which the history does not hold. */
  readonly about: WebhookId | undefined
}

/** What a recovery re-sends. */
interface RecoverableQuestion {
  readonly workspaceId: string
  readonly webhookId: string
  readonly statuses: ReadonlyArray<DeliveryStatus>
  readonly from: number
  readonly to: number
}

/** A delivery as its records say it is. */
export interface HistoricDelivery {
  readonly id: string
  readonly delivery: Delivery
  readonly status: DeliveryStatus
  readonly updatedAt: number
  /** Of the newest record, in the workspace's DELIVERIES stream. */
  readonly recordSequence: number
  /** The last attempt; undefined when there was none. */
  readonly last: {
    readonly class: string
    readonly status: number | undefined
    readonly latency: number
    readonly error: string | undefined
  } | undefined
}

interface DeliveryDetail {
  readonly delivery: HistoricDelivery
  /** The records of its attempts, the first attempt first: at most the last 100. */
  readonly attempts: ReadonlyArray<number>
  /** Up to which sequence of its DELIVERIES stream the records are known. */
  readonly seenSequence: number
}

export type Counts = Readonly<Record<DeliveryStatus, number>>

export interface HistoricEvent {
  readonly sequence: number
  readonly id: string
  readonly type: string
  readonly publishedAt: number
  /** Bytes as published; undefined once the event has left EVENTS. */
  readonly size: number | undefined
  readonly outcome: EventOutcome
  /** The event whose id it repeats. */
  readonly duplicateOf: {
    readonly sequence: number
    /** Undefined once it has left the history. */
    readonly publishedAt: number | undefined
  } | undefined
  /** The entry in QUARANTINE, and why it is there. */
  readonly quarantine: { readonly entry: number; readonly reason: string } | undefined
  readonly deliveries: Counts
}

/** What repeated an event's id and is owed to nobody. */
export interface Repeats {
  /** Counted up to 1,000. */
  readonly count: number
  /** Newest first: at most 20. */
  readonly latest: ReadonlyArray<Pick<HistoricEvent, "sequence" | "type" | "publishedAt">>
}

interface EventDetail {
  readonly event: HistoricEvent
  readonly repeats: Repeats
  readonly deliveries: ReadonlyArray<HistoricDelivery>
}

/** Why a webhook got an event, or did not, and what of it decided that: as it was then. */
interface ExplainedWebhook {
  readonly webhookId: WebhookId
  readonly url: string
  readonly events: ReadonlyArray<string>
  readonly reason: Reason
}

export interface Step {
  readonly start: number
  readonly succeeded: number
  readonly failed: number
  readonly p50: number | undefined
  readonly p95: number | undefined
}

interface HealthAnswer {
  readonly health: Health
  readonly counts: Counts
  /** Of the last 24 hours. */
  readonly day: Omit<Step, "start">
}

/** How the webhooks of a workspace fare, in short. */
interface Overview {
  /** When the first of the hours began. */
  readonly from: number
  readonly webhooks: ReadonlyArray<{ readonly webhookId: string; readonly health: Health }>
  /**
   * Attempts by the hour in which they began, the oldest first: so many numbers as hours were asked for, for one webhook after the other. In one piece,
   * because many small ones take longer from process to process than they took to be found.
   */
  readonly succeeded: Uint32Array
  readonly failed: Uint32Array
}

/** A webhook whose last attempt failed. */
interface Struggling {
  readonly workspaceId: string
  readonly webhookId: string
  readonly health: Health
}

interface PageOf<A> {
  readonly data: ReadonlyArray<A>
  readonly next: string | undefined
}

export interface Questions {
  readonly deliveries: DeliveriesQuestion
  readonly delivery: { readonly workspaceId: string; readonly id: string }
  readonly events: EventsQuestion
  readonly event: { readonly workspaceId: string; readonly id: string }
  readonly explain: ExplainQuestion
  readonly health: { readonly workspaceId: string; readonly webhookId: string; readonly now: number }
  readonly stats: StatsQuestion
  /** Those of whose events it knows, in the order of their ids: beginning with `prefix`, behind `after`. */
  readonly workspaces: { readonly prefix: string; readonly after: string; readonly limit: number }
  /** All webhooks of a workspace, not deleted, with so many hours: the last is the one that `now` is in. */
  readonly overview: { readonly workspaceId: string; readonly now: number; readonly hours: number }
  readonly recoverableCount: RecoverableQuestion
  /** In the order of their events, from behind `after` on. */
  readonly recoverable: RecoverableQuestion & { readonly after: number; readonly limit: number }
  readonly struggling: { readonly limit: number; readonly cursor?: string | undefined }
}

export interface Answers {
  readonly deliveries: PageOf<HistoricDelivery>
  readonly delivery: DeliveryDetail | undefined
  readonly events: PageOf<HistoricEvent>
  readonly event: EventDetail | undefined
  /** Every webhook that the workspace has or had, in the order of creation. */
  readonly explain: ReadonlyArray<ExplainedWebhook> | undefined
  readonly health: HealthAnswer
  readonly stats: ReadonlyArray<Step>
  readonly workspaces: ReadonlyArray<string>
  readonly overview: Overview
  readonly recoverableCount: { readonly count: number; readonly first: ReadonlyArray<string> }
  readonly recoverable: {
    readonly deliveries: ReadonlyArray<HistoricDelivery>
    readonly seenSequence: number
    /** Up to which sequence of EVENTS the events are known: times are found by them. */
    readonly seenEvents: number
    /** Where to go on; undefined: there is no more. */
    readonly after: number | undefined
  }
  readonly struggling: PageOf<Struggling>
}
