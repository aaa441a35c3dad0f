import { Effect } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import type { StoredMessage } from "../../src/broker/Streams.ts"
import {
  deliverySubject,
  parseDeliverySubject,
  partitionOf,
  publishedSubject,
  webhookSubject
} from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { EventFold, type EventFoldState, type Quarantined } from "../../src/ledger/audit/EventFold.ts"
import { type Finding, Findings } from "../../src/ledger/audit/Findings.ts"
import { RecordFold } from "../../src/ledger/audit/RecordFold.ts"
import { RecordScanner } from "../../src/ledger/audit/RecordScan.ts"
import type { Position, Standing } from "../../src/ledger/audit/Standing.ts"
import { Subscribed } from "../../src/ledger/audit/Subscribed.ts"
import type { Tally } from "../../src/ledger/audit/Tally.ts"
import { misfits } from "../../src/ledger/Positions.ts"
import { encode } from "../../src/ledger/Record.ts"
import type { AttemptOutcome } from "../../src/model/Attempt.ts"
import { bundled } from "../../src/model/Catalogue.ts"
import { decide, type Delivery, type DeliveryRecord, type Happening, matched } from "../../src/model/Delivery.ts"
import { deliveryId, EventId, WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import { encodeFact, type WebhookFact } from "../../src/model/WebhookFacts.ts"
import { hour, minute, retries, start } from "./delivery.ts"

export const created = "2026-11-24T01:29:06.757348288Z"
const partitions = 16
const workspace = WorkspaceId.make("ws_1")
const partition = partitionOf(workspace, partitions)
const stream = "DELIVERIES-0"

/** The streams of a history that was made by hand, message by message. */
export interface Written {
  readonly webhooks: Array<StoredMessage>
  readonly events: Array<StoredMessage>
  readonly deliveries: Array<StoredMessage>
  readonly quarantined: Set<number>
  readonly duplicates: Map<number, number>
}

export const nothing = (): Written => ({
  webhooks: [],
  events: [],
  deliveries: [],
  quarantined: new Set(),
  duplicates: new Map()
})

const message = (to: Array<StoredMessage>, subject: string, time: number, data: string): number => {
  const sequence = to.length + 1
  to.push({ subject, sequence, time, data: Buffer.from(data), header: () => undefined })
  return sequence
}

export const webhook = (name: string) => WebhookId.make(name)

type Part<Type extends WebhookFact["type"]> = Omit<
  Extract<WebhookFact, { type: Type }>,
  "v" | "type" | "webhookId" | "workspaceId" | "at"
>

/** Appends a fact of a webhook; gives its sequence. */
export const fact = <Type extends WebhookFact["type"]>(
  { webhooks }: Written,
  time: number,
  id: string,
  type: Type,
  part: Part<Type>
): number => {
  const whole = {
    v: 1,
    type,
    webhookId: webhook(id),
    workspaceId: workspace,
    at: time,
    ...part
  } as unknown as WebhookFact
  return message(webhooks, webhookSubject(workspace, id), time, encodeFact(whole))
}

export const addWebhook = (written: Written, time: number, id: string, events: ReadonlyArray<string> = ["*"]): number =>
  fact(written, time, id, "webhook.created", {
    revision: 1,
    url: "https://crm.example.com/hook",
    events,
    description: "",
    headers: [],
    secretVersion: 1
  })

/** Appends an event; gives its sequence. */
export const event = (
  { events }: Written,
  time: number,
  type = "project.created",
  body: string = JSON.stringify({ id: `evt_${events.length + 1}`, data: {} })
): number => message(events, `ev.${partition}.${workspace}.${type}`, time, body)

/** A delivery of an event as it was matched. */
export const match = (
  written: Written,
  sequence: number,
  webhookId: string,
  change: Partial<Delivery> = {},
  epoch = 1
): Delivery => {
  const { subject, time } = written.events[sequence - 1] ?? { subject: "ev.0.ws_1.project.created", time: start }
  return {
    ...matched(
      {
        workspaceId: workspace,
        webhookId: webhook(webhookId),
        eventId: EventId.make(`evt_${sequence}`),
        eventType: subject.split(".").slice(3).join("."),
        eventSequence: sequence,
        webhookRevision: 1,
        webhooksSequence: written.webhooks.length,
        publishedAt: time,
        expiresAt: time + 30 * 24 * hour
      },
      time + 5,
      { retries, epoch }
    ),
    ...change
  }
}

export const record = ({ deliveries }: Written, record: DeliveryRecord): number =>
  message(
    deliveries,
    deliverySubject(partition, record.delivery.workspaceId, record.delivery.webhookId, record.kind),
    record.at,
    encode(record, created)
  )

/** What happens to a delivery, and its record; gives the delivery after it. */
export const happens = (
  written: Written,
  delivery: Delivery,
  happening: Happening,
  epoch = delivery.epoch
): Delivery => {
  const decision = decide(delivery, happening, { retries, epoch })
  if ("refused" in decision) throw new Error(`${happening.type} does not apply to ${delivery.state}`)
  if (decision.record !== undefined) record(written, decision.record)
  return decision.next
}

const outcome = (status: number, startedAt: number): AttemptOutcome => ({
  class: status === 200 ? "success" : "status",
  startedAt,
  latency: 12.5,
  status,
  ...(status === 200 ? { response: "ok" } : { error: `the endpoint answered ${status}` })
})

/** An attempt at its due time, or `late` after it. */
export const attempt = (
  written: Written,
  delivery: Delivery,
  status: number,
  late = 1,
  epoch = delivery.epoch
): Delivery => {
  const at = delivery.dueAt + late
  const begun = decide(delivery, { type: "started", at }, { retries, epoch })
  if ("refused" in begun) throw new Error(`no attempt from ${delivery.state}`)
  return happens(written, begun.next, { type: "finished", at: at + 13, outcome: outcome(status, at) }, epoch)
}

export interface Examined {
  readonly findings: ReadonlyArray<Finding>
  readonly kinds: ReadonlyArray<string>
  readonly counts: Tally["counts"]
  readonly lines: Tally["lines"]
  readonly records: RecordFold["counts"]
  readonly unplaced: ReadonlyArray<number>
}

interface Options {
  readonly floor?: number
  readonly epoch?: number
  readonly writtenAt?: number
  /** Of the lease; undefined: nobody has it. */
  readonly leasedSince?: number | undefined
  readonly clocksApart?: number
  readonly at?: number
  readonly first?: number
  /** There is no position. */
  readonly unplaced?: boolean
  readonly quarantineCompleteSince?: number
}

/** The folds of the audit over streams that were made by hand, halved and put together again from their dumps where that is asked. */
export const examine = (written: Written, options: Options = {}, resumed = false): Examined => {
  const last = written.events.at(-1)?.sequence ?? 0
  const range = { first: options.first ?? 1, last, streamLast: last, created }
  let findings = new Findings()
  let records = new RecordFold(range, findings)
  const scanner = new RecordScanner()
  const half = Math.floor(written.deliveries.length / 2)
  for (const [index, { data, sequence, subject }] of written.deliveries.entries()) {
    if (resumed && index === half) {
      findings = new Findings(structuredClone(findings.dump()))
      records = new RecordFold(range, findings, structuredClone(records.dump()))
    }
    const partition = Number(
      parseDeliverySubject(subject).pipe((place) => place._tag === "Some" ? place.value.partition : 0)
    )
    const problem = scanner.scan(data, (one) => records.take(one, partition, stream, sequence))
    if (problem !== undefined) throw new Error(problem)
  }
  const subscribed = new Subscribed()
  for (const one of written.webhooks) {
    const problem = subscribed.take(one)
    if (problem !== undefined) throw new Error(problem)
  }
  const position: Position = {
    floor: options.floor ?? last,
    epoch: options.epoch ?? 1,
    writtenAt: options.writtenAt ?? start
  }
  const standing: Standing = {
    partitions,
    positions: new Map(options.unplaced === true ? [] : [[partition, position], [misfits, position]]),
    leasedSince: "leasedSince" in options ? options.leasedSince : start,
    clocksApart: options.clocksApart ?? 0,
    at: options.at ?? start + 7 * 24 * hour
  }
  const quarantined: Quarantined = {
    sequences: written.quarantined,
    completeSince: options.quarantineCompleteSince ?? 0
  }
  const fold = (state?: EventFoldState) =>
    new EventFold(
      { range, records, subscribed, quarantined, standing, catalogue: bundled, findings },
      written.duplicates,
      state
    )
  let events = fold()
  for (const one of written.events.slice(range.first - 1)) {
    if (resumed && one.sequence === Math.ceil(last / 2)) events = fold(structuredClone(events.dump()))
    events.take(one)
  }
  events.finish(range.first)
  const { kept } = findings.dump()
  return {
    findings: kept,
    kinds: kept.map(({ kind }) => kind),
    counts: events.tally.counts,
    lines: events.tally.lines,
    records: records.counts,
    unplaced: events.unplaced
  }
}

/** The records of another broker's EVENTS with the ids that this one's deliveries have. */
const renamed = (data: Uint8Array, eventsCreated: string): string => {
  const record = JSON.parse(Buffer.from(data).toString()) as { event_seq: number; webhook_id: WebhookId }
  return JSON.stringify({ ...record, delivery_id: deliveryId(eventsCreated, record.event_seq, record.webhook_id) })
}

/** Puts streams that were made by hand onto a broker, message by message. */
export const stored = ({ deliveries, events, webhooks }: Written) =>
  Effect.gen(function*() {
    const log = yield* AppendLog
    const { eventsCreated } = yield* Topology
    for (const { data, subject } of [...webhooks, ...events]) {
      yield* log.append({ subject: publishedSubject(subject), data })
    }
    for (const { data, subject } of deliveries) {
      yield* log.append({ subject, data: renamed(data, eventsCreated) })
    }
  })

export { hour, minute, retries, start }
