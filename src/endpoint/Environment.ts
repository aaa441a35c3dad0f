import type { OpenLedger } from "../ledger/Ledger.ts"
import type { AttemptResult } from "../model/Attempt.ts"
import type { Delivery } from "../model/Delivery.ts"
import type { ParsedEvent } from "../model/Event.ts"
import type { WebhookId } from "../model/Id.ts"
import type { RetrySchedule } from "../model/RetrySchedule.ts"
import type { Webhook } from "../model/Webhook.ts"
import type { Expired } from "./Attempting.ts"
import type { Places } from "./Places.ts"
import type { HeldReader } from "./Spilling.ts"

export type Outcome = AttemptResult | Expired

/** What the engine is given by whoever owns the partitions. Its parts name what they take of it. */
export interface Environment {
  readonly ledger: OpenLedger
  /** Whether the lease holds. */
  readonly owns: () => boolean
  /** The epoch of a partition that is owned. */
  readonly epoch: (partition: number) => number
  /** The highest sequence recorded in the stream of a partition. */
  readonly recordedUpTo: (partition: number) => number
  readonly retries: RetrySchedule
  /** For webhooks that name no concurrency of their own. */
  readonly concurrency: number
  /** Attempts in flight in the process. */
  readonly places: Places
  /** The webhook as it is now; undefined once it is deleted. */
  readonly find: (webhookId: WebhookId) => Webhook | undefined
  /** Calls back once, perhaps at once, unless it is cancelled before by what it answers. */
  readonly attempt: (
    webhook: Webhook,
    delivery: Delivery,
    event: ParsedEvent | undefined,
    settle: (outcome: Outcome) => void
  ) => () => void
  /** Reads back what is held and not in memory. */
  readonly reader: HeldReader
  readonly keepBody: (eventSequence: number, event: ParsedEvent) => void
  /** Tells the operator of a bug. */
  readonly report: (problem: string) => void
  /** Asks for a sweep before its time. */
  readonly wake: () => void
}
