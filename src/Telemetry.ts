/**
 * Every metric and span of hookline: its name, what it says, its unit and its label. Everybody may import this file; docs/operating.md says of
 * each what is normal, and a test compares the two.
 *
 * What must stay true: a label's values come from an enumeration of ours, never from a workspace, a webhook, a URL or a message, so that the
 * number of series is bounded and `/metrics` tells nothing of a customer. Counting is an addition to a field of a plain object, because it
 * is done ten times a delivery on the one thread (docs/adr/0002-callbacks-on-the-hot-path.md): 0.1 µs a delivery for all of it [measured].
 */
import { Effect, type Scope } from "effect"
import type { AttemptResult } from "./model/Attempt.ts"
import type { RecordKind } from "./model/Delivery.ts"
import { type RejectionReason, rejectionReasons } from "./model/Rejection.ts"

/** The one span, of one request to an endpoint. */
export const attemptSpan = "webhook.attempt"

/** How OpenTelemetry writes units (UCUM); in Prometheus the unit is in the name. */
type Unit = "s" | "By" | "1" | `{${string}}`

interface Description {
  readonly name: string
  readonly unit: Unit
  readonly help: string
  readonly label?: string
}

class Counter {
  readonly description: Description
  value = 0

  constructor(name: string, unit: Unit, help: string) {
    this.description = { name, unit, help }
  }

  add(count = 1): void {
    this.value += count
  }
}

class LabelledCounter<L extends string> {
  readonly description: Description
  readonly values: Record<L, number>

  /** `values`: a zero for each value of the label, so that a series exists before its first happening. */
  constructor(name: string, unit: Unit, help: string, label: string, values: Record<L, number>) {
    this.description = { name, unit, help, label }
    this.values = values
  }

  add(label: L, count = 1): void {
    this.values[label] += count
  }
}

class Histogram {
  readonly description: Description
  /** Upper bounds, inclusive and rising; above the last there is one more bucket. */
  readonly bounds: ReadonlyArray<number>
  readonly counts: Array<number>
  sum = 0
  count = 0

  constructor(name: string, help: string, bounds: ReadonlyArray<number>) {
    this.description = { name, unit: "s", help }
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(seconds: number): void {
    const { bounds, counts } = this
    let index = 0
    while (index < bounds.length && seconds > (bounds[index] as number)) index++
    counts[index] = (counts[index] as number) + 1
    this.sum += seconds
    this.count++
  }
}

// --- what is counted as it happens

export const eventsPublished = new Counter(
  "hookline_events_published_total",
  "{event}",
  "Messages of EVENTS that the worker took up, however they were published (NATS, HTTP, released from quarantine); quarantined ones and duplicates among them."
)

export const httpEvents = new LabelledCounter(
  "hookline_http_events_total",
  "{event}",
  "Events sent to POST /v1/events and /v1/events/batch that were in order: stored, known to the broker already, or not acknowledged by it.",
  "result",
  { stored: 0, duplicate: 0, failed: 0 }
)

export const eventsQuarantined = new LabelledCounter<RejectionReason>(
  "hookline_events_quarantined_total",
  "{event}",
  "Messages that cannot be events and went to QUARANTINE.",
  "reason",
  Object.fromEntries(rejectionReasons.map((reason) => [reason, 0])) as Record<RejectionReason, number>
)

export const eventsDuplicate = new Counter(
  "hookline_events_duplicate_total",
  "{event}",
  "Events that repeat an identity (workspace, id) of the last 24 hours and make no second delivery."
)

export const deliveriesMatched = new Counter(
  "hookline_deliveries_matched_total",
  "{delivery}",
  "Deliveries made: one for each webhook that an event matched."
)

export const deliveryRecords = new LabelledCounter<RecordKind | "duplicate">(
  "hookline_delivery_records_total",
  "{record}",
  "Records that DELIVERIES has acknowledged; a deferred record counts once for each delivery in it.",
  "kind",
  { succeeded: 0, attempt_failed: 0, failed: 0, deferred: 0, suppressed: 0, retried: 0, duplicate: 0 }
)

const attempts = new LabelledCounter<AttemptResult["class"]>(
  "hookline_attempts_total",
  "{attempt}",
  "Attempts that ended, by what came of them; local, secret and shutdown are faults on our side that use up no attempt.",
  "outcome",
  {
    success: 0,
    status: 0,
    redirect: 0,
    timeout: 0,
    dns: 0,
    connect: 0,
    tls: 0,
    reset: 0,
    protocol: 0,
    address: 0,
    local: 0,
    secret: 0,
    shutdown: 0
  }
)

const attemptDuration = new Histogram(
  "hookline_attempt_duration_seconds",
  "What an attempt took, from the look-up to the end of the response; without faults on our side.",
  [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
)

/** An attempt ended, of whatever outcome. */
export const attempted = (result: AttemptResult): void => {
  attempts.add(result.class)
  if ("latency" in result) attemptDuration.observe(result.latency / 1_000)
}

export const appendDuration = new Histogram(
  "hookline_append_duration_seconds",
  "From writing a message to a stream to the broker's answer, for messages of every stream.",
  [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
)

export const appendsFailed = new LabelledCounter(
  "hookline_appends_failed_total",
  "{append}",
  "Messages that a stream did not take. A conflict is two writers at once, and one of them tries again.",
  "reason",
  { full: 0, conflict: 0, too_large: 0, refused: 0, unacknowledged: 0, disconnected: 0, no_stream: 0 }
)

export const brokerReconnects = new Counter(
  "hookline_broker_reconnects_total",
  "{reconnect}",
  "Times the connection to the broker broke and came back."
)

export const spans = new LabelledCounter(
  "hookline_spans_total",
  "{span}",
  "Spans exported, dropped because the queue was full, or failed to be exported; all zero while no traces are exported.",
  "result",
  { exported: 0, dropped: 0, failed: 0 }
)

export const metricExports = new LabelledCounter(
  "hookline_metric_exports_total",
  "{export}",
  "Exports of these metrics by OTLP; all zero while none are exported.",
  "result",
  { exported: 0, failed: 0 }
)

const counted = [
  eventsPublished,
  httpEvents,
  eventsQuarantined,
  eventsDuplicate,
  deliveriesMatched,
  deliveryRecords,
  attempts,
  attemptDuration,
  appendDuration,
  appendsFailed,
  brokerReconnects,
  spans,
  metricExports
]

// --- what is read when somebody asks

interface Read extends Omit<Description, "name"> {
  readonly type: "gauge" | "counter"
}

const read = {
  hookline_build_info: { type: "gauge", unit: "1", label: "version", help: "1, with hookline's version as a label." },
  hookline_ready: {
    type: "gauge",
    unit: "1",
    help: "1 when every check of /readyz is ok."
  },
  hookline_worker_state: {
    type: "gauge",
    unit: "1",
    label: "state",
    help: "1 for the state the worker is in."
  },
  hookline_worker_trouble: {
    type: "gauge",
    unit: "1",
    help: "1 while the worker starts no attempt though it should; /readyz says why."
  },
  hookline_broker_connected: { type: "gauge", unit: "1", help: "1 while there is a connection to the broker." },
  hookline_deliveries_live: {
    type: "gauge",
    unit: "{delivery}",
    label: "state",
    help: "Deliveries with something before them. Due waits for its time, held for its cause to go."
  },
  hookline_lanes: {
    type: "gauge",
    unit: "{lane}",
    label: "state",
    help:
      "Lanes of the endpoints with live deliveries: in_use is attempts in flight, each until its record is acknowledged."
  },
  hookline_attempts_slow: {
    type: "gauge",
    unit: "{attempt}",
    help: "Attempts in flight for more than 2 s."
  },
  hookline_places: {
    type: "gauge",
    unit: "{attempt}",
    label: "limit",
    help: "Attempts that may be in flight in the process: now, and at most."
  },
  hookline_endpoints: {
    type: "gauge",
    unit: "{endpoint}",
    help: "Endpoint actors in memory."
  },
  hookline_circuits_open: { type: "gauge", unit: "{circuit}", help: "Endpoints whose circuit is open." },
  hookline_events_open: {
    type: "gauge",
    unit: "{event}",
    help: "Events taken up that wait to be matched or for the first record of a delivery."
  },
  hookline_events_open_bytes: { type: "gauge", unit: "By", help: "The bodies of the open events." },
  hookline_history_lag_messages: {
    type: "gauge",
    unit: "{message}",
    help: "Messages of the streams that the history has not read yet."
  },
  hookline_stream_bytes: { type: "gauge", unit: "By", label: "stream", help: "What a stream holds." },
  hookline_stream_max_bytes: {
    type: "gauge",
    unit: "By",
    label: "stream",
    help: "What a stream may hold, beyond which it refuses; not there for one without a limit."
  },
  hookline_event_loop_busy_seconds_total: {
    type: "counter",
    unit: "s",
    help: "Time in which the thread was busy; its rate is the part of the time, 1 at most."
  },
  hookline_event_loop_lag_seconds: {
    type: "gauge",
    unit: "s",
    label: "figure",
    help: "How late timers were since these metrics were last read."
  },
  process_cpu_seconds_total: { type: "counter", unit: "s", help: "CPU time of the process, user and system." },
  process_resident_memory_bytes: { type: "gauge", unit: "By", help: "Memory of the process." },
  nodejs_heap_used_bytes: { type: "gauge", unit: "By", help: "Objects of the JavaScript heap." },
  process_start_time_seconds: { type: "gauge", unit: "s", help: "When the process started, in Unix time." }
} as const satisfies Record<string, Read>

type ReadName = keyof typeof read

/** Values by metric; of one with a label, by its values. */
export type Readings = {
  readonly [N in ReadName]?: (typeof read)[N] extends { readonly label: string } ? Readonly<Record<string, number>>
    : number
}

const readers = new Set<() => Readings>()

/**
 * Lets metrics be read for as long as the scope lives; where two read the same one, the newer is asked. Called about once a second at most, on
 * the thread that delivers. One that throws is passed over.
 */
export const register = (reader: () => Readings): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => readers.add(reader)),
      () => Effect.sync(() => readers.delete(reader))
    )
  )

const allReadings = (): Readings => {
  const all = {}
  for (const reader of readers) {
    try {
      Object.assign(all, reader())
    } catch {
      // What cannot be read now is not there: metrics must never be what fails.
    }
  }
  return all
}

// --- what everybody else sees

/** A metric and its values at one moment. */
export type Metric =
  & Description
  & (
    | { readonly type: "counter" | "gauge"; readonly samples: ReadonlyArray<readonly [label: string, value: number]> }
    | {
      readonly type: "histogram"
      readonly bounds: ReadonlyArray<number>
      /** Of each bucket alone, not cumulated; one more than there are bounds. */
      readonly counts: ReadonlyArray<number>
      readonly sum: number
      readonly count: number
    }
  )

const samplesOf = (value: number | Readonly<Record<string, number>>) =>
  typeof value === "number" ? [["", value] as const] : Object.entries(value)

/** All metrics that have a value now. */
export const snapshot = (): ReadonlyArray<Metric> => {
  const readings = allReadings()
  return [
    ...counted.map((metric): Metric => {
      if (!(metric instanceof Histogram)) {
        const samples = samplesOf(metric instanceof Counter ? metric.value : metric.values)
        return { ...metric.description, type: "counter", samples }
      }
      const { bounds, count, counts, description, sum } = metric
      return { ...description, type: "histogram", bounds, counts: [...counts], sum, count }
    }),
    ...(Object.keys(read) as ReadonlyArray<ReadName>).flatMap((name): ReadonlyArray<Metric> => {
      const value = readings[name]
      return value === undefined ? [] : [{ name, ...read[name], samples: samplesOf(value) }]
    })
  ]
}

/** Every metric there may be, for the documentation. */
export const described: ReadonlyArray<Description> = [
  ...counted.map(({ description }) => description),
  ...Object.entries(read).map(([name, description]: [string, Read]) => ({ name, ...description }))
]
