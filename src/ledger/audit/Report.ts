import type { Finding, FindingKind, FindingsState } from "./Findings.ts"
import type { EventRange, RecordCounts } from "./RecordFold.ts"
import type { CheckedCounts } from "./SealCheck.ts"
import type { Standing } from "./Standing.ts"
import type { EventCounts, Line } from "./Tally.ts"

/** What an audit says; JSON, so in the words of the wire. docs/auditing.md explains each. */
export interface Report {
  /** `proven`: nothing is missing. `findings`: something is. `unknown`: nothing was found, and not everything could be looked at. */
  readonly verdict: "proven" | "findings" | "unknown"
  /** Why not everything could be told. */
  readonly unknown: ReadonlyArray<string>
  readonly from: string | null
  readonly to: string | null
  /** When the broker was asked how far everything is. */
  readonly at: string
  readonly event_range: { readonly first_seq: number; readonly last_seq: number }
  readonly worker_running: boolean
  readonly counts: {
    readonly events: number
    readonly webhooks: number
    readonly messages: number
    readonly records: number
    readonly deliveries: number
    readonly outcomes: Pick<EventCounts, "succeeded" | "failed" | "suppressed" | "cancelled">
    readonly live: Pick<EventCounts, "due" | "held" | "ready" | "open">
    readonly either_way: number
    readonly duplicates: number
    readonly quarantined: number
    readonly aged: number
    readonly outside: number
    readonly repeated_records: number
    readonly repeated_attempts: number
    readonly overtaken_records: number
  }
  readonly sealed: CheckedCounts & {
    readonly seals: number
    /** SHA-256 of the last seal's bytes; keep it elsewhere, and nobody can make all seals anew. */
    readonly last: string | null
  }
  readonly finding_counts: Readonly<Partial<Record<FindingKind, number>>>
  /** The first 1,000 of a kind. */
  readonly findings: ReadonlyArray<Finding>
  /** What is live, was cancelled, or may have been owed or not: the first 1,000 of each. */
  readonly deliveries: ReadonlyArray<Line>
}

interface Parts {
  readonly from: number | undefined
  readonly to: number | undefined
  readonly range: EventRange
  readonly standing: Standing
  readonly unknown: ReadonlyArray<string>
  readonly records: RecordCounts
  readonly events: EventCounts
  readonly lines: ReadonlyArray<Line>
  readonly findings: FindingsState
  readonly webhooks: number
  readonly sealed: Report["sealed"]
}

const iso = (time: number | undefined): string | null => time === undefined ? null : new Date(time).toISOString()

export const report = (parts: Parts): Report => {
  const { events, findings, records } = parts
  const { cancelled, due, failed, held, open, ready, succeeded, suppressed } = events
  const found = findings.kept.length > 0
  return {
    verdict: found ? "findings" : parts.unknown.length > 0 ? "unknown" : "proven",
    unknown: parts.unknown,
    from: iso(parts.from),
    to: iso(parts.to),
    at: new Date(parts.standing.at).toISOString(),
    event_range: { first_seq: parts.range.first, last_seq: parts.range.last },
    worker_running: parts.standing.leasedSince !== undefined,
    counts: {
      events: events.events,
      webhooks: parts.webhooks,
      messages: records.messages,
      records: records.records,
      deliveries: succeeded + failed + suppressed + cancelled + due + held + ready + open,
      outcomes: { succeeded, failed, suppressed, cancelled },
      live: { due, held, ready, open },
      either_way: events.either_way,
      duplicates: events.duplicates,
      quarantined: events.quarantined,
      aged: events.aged,
      outside: records.outside,
      repeated_records: records.repeatedRecords,
      repeated_attempts: records.repeatedAttempts,
      overtaken_records: records.overtaken
    },
    sealed: parts.sealed,
    finding_counts: findings.counts,
    findings: findings.kept,
    deliveries: parts.lines
  }
}
