import type { AuditResult } from "./AuditTime.ts"
import type { DashboardResult } from "./Dashboard.ts"
import type { DrainResult } from "./Drain.ts"
import type { HangingResult } from "./Hanging.ts"
import type { HistoryResult } from "./HistoryTime.ts"
import type { LatencyResult } from "./Latency.ts"
import type { ManyResult } from "./ManyWebhooks.ts"
import type { Options } from "./Options.ts"
import type { RateResult } from "./RateSteps.ts"
import type { SlowClientsResult } from "./SlowClients.ts"
import type { StartResult } from "./Start.ts"
import type { WaitingResult } from "./Waiting.ts"

/** What one run of the bench, or several, have found; parts that were not asked for are not there. */
export interface Results {
  readonly machine?: Readonly<Record<string, string | number>>
  readonly options?: Options
  /** W1, W2, W3, W9. */
  readonly drains?: ReadonlyArray<DrainResult>
  /** W4. */
  readonly latencies?: ReadonlyArray<LatencyResult>
  /** W5. */
  readonly rates?: ReadonlyArray<RateResult>
  /** W6. */
  readonly hanging?: ReadonlyArray<HangingResult>
  /** W7. */
  readonly waiting?: ReadonlyArray<WaitingResult>
  /** W8. */
  readonly many?: ReadonlyArray<ManyResult>
  readonly start?: StartResult
  readonly history?: HistoryResult
  readonly audit?: AuditResult
  readonly slowClients?: SlowClientsResult
  readonly dashboard?: DashboardResult
  /** Parts that could not be measured, and why. */
  readonly failures?: ReadonlyArray<{ readonly part: string; readonly message: string }>
}

/** Lists one behind the other; of what there is one of, the last. */
export const merged = (all: ReadonlyArray<Results>): Results =>
  all.reduce<Results>((sum, one) => {
    const both = Object.entries(one).map(([name, value]: [string, unknown]) => {
      const before: unknown = sum[name as keyof Results]
      return [name, Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value]
    })
    return { ...sum, ...Object.fromEntries(both) as Results }
  }, {})
