import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { StoredMessage } from "../../../src/broker/Streams.ts"
import { deliverySubject } from "../../../src/broker/Subjects.ts"
import { makeIndexes, openHistory } from "../../../src/ledger/history/Layout.ts"
import { Projection } from "../../../src/ledger/history/Projection.ts"
import { Retention } from "../../../src/ledger/history/Retention.ts"
import { encode, encodeDuplicate } from "../../../src/ledger/Record.ts"
import { EventId, WebhookId, WorkspaceId } from "../../../src/model/Id.ts"
import { answered, delivery, start } from "../../support/delivery.ts"
import { contents } from "../../support/history.ts"

const created = "2026-01-01T00:00:00Z"
const streams = new Map(["EVENTS", "WEBHOOKS", "QUARANTINE", "DELIVERIES-0"].map((name) => [name, created]))
const minute = 60_000

const message = (subject: string, sequence: number, time: number, data: string): StoredMessage => ({
  subject,
  sequence,
  time,
  data: Buffer.from(data),
  header: () => undefined
})

const event = (sequence: number): readonly [string, StoredMessage] => [
  "EVENTS",
  message(`ev.0.ws_1.task.created`, sequence, start + sequence * minute, `{"id":"evt_${sequence}","data":{}}`)
]

/** An attempt of event `of`, written as the `sequence`th record. */
const record = (of: number, sequence: number, step: number, webhook: string): readonly [string, StoredMessage] => {
  const at = start + sequence * minute
  const failed = step % 2 === 0
  const state = delivery({
    workspaceId: WorkspaceId.make("ws_1"),
    webhookId: WebhookId.make(webhook),
    eventId: EventId.make(`evt_${of}`),
    eventType: "task.created",
    eventSequence: of,
    publishedAt: start + of * minute,
    state: failed ? "due" : "succeeded",
    attempt: step,
    step
  })
  const kind = failed ? "attempt_failed" : "succeeded"
  const outcome = answered(failed ? 500 : 200, { startedAt: at, latency: 10 * step })
  return [
    "DELIVERIES-0",
    message(
      deliverySubject(0, "ws_1", webhook, kind),
      sequence,
      at,
      encode({ kind, at, delivery: state, outcome }, created)
    )
  ]
}

const withFile = <A>(use: (open: () => ReturnType<typeof openHistory>) => A): A => {
  const folder = mkdtempSync(join(tmpdir(), "hookline-history-"))
  let count = 0
  const files: Array<ReturnType<typeof openHistory>> = []
  try {
    return use(() => {
      const file = openHistory(join(folder, `${count++}.db`), streams)
      makeIndexes(file)
      files.push(file)
      return file
    })
  } finally {
    for (const file of files) file.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const filled = (
  file: ReturnType<typeof openHistory>,
  messages: ReadonlyArray<readonly [string, StoredMessage]>,
  firstEvent: number
) => {
  const projection = new Projection(file, created)
  projection.firstEvent = firstEvent
  for (const [stream, one] of messages) projection.take(stream, one)
  projection.commit()
  return file
}

describe("retention of the history", () => {
  /** Events, and records of them that come later: by number of event, how many records behind it. */
  const script = fc.record({
    events: fc.integer({ min: 1, max: 12 }),
    records: fc.array(fc.tuple(fc.nat(11), fc.constantFrom("wh_a", "wh_b")), { maxLength: 30 }),
    firstEvent: fc.integer({ min: 1, max: 14 }),
    firstRecord: fc.integer({ min: 1, max: 32 })
  })

  it("leaves what a rebuild from what the streams still hold would make", () => {
    fc.assert(
      fc.property(script, ({ events, firstEvent, firstRecord, records }) =>
        withFile((open) => {
          const steps = new Map<string, number>()
          const all = [
            ...Array.from({ length: events }, (_, index) => event(index + 1)),
            ...records.map(([of, webhook], index) => {
              const sequence = (of % events) + 1
              const step = (steps.get(`${sequence}/${webhook}`) ?? 0) + 1
              steps.set(`${sequence}/${webhook}`, step)
              return record(sequence, index + 1, step, webhook)
            }),
            [
              "DELIVERIES-0",
              message(
                deliverySubject(0, "ws_1", "_", "duplicate"),
                records.length + 1,
                start,
                encodeDuplicate({
                  at: start,
                  workspaceId: WorkspaceId.make("ws_1"),
                  eventId: EventId.make("evt_1"),
                  eventType: "task.created",
                  eventSequence: 1,
                  firstSequence: 1,
                  epoch: 1
                })
              )
            ] as const
          ]
          const file = filled(open(), all, 1)
          const retention = new Retention(file)
          const held = {
            firstEvent,
            firstRecord: () => firstRecord,
            oldestRecord: start + 1000 * minute,
            now: start + 1000 * minute
          }
          for (let more = true; more;) more = retention.forget(held)
          const left = all.filter(([stream, { sequence }]) =>
            sequence >= (stream === "EVENTS" ? firstEvent : firstRecord)
          )
          const rebuilt = contents(filled(open(), left, firstEvent))
          const kept = contents(file)
          // How a webhook fares and its figures are kept by time, not by record.
          for (const table of ["events", "deliveries", "attempts"]) expect(kept[table], table).toEqual(rebuilt[table])
        })),
      { numRuns: 60 }
    )
  })

  it("a message that comes again changes nothing", () =>
    withFile((open) => {
      const messages = [event(1), event(2), record(1, 1, 1, "wh_a"), record(2, 2, 2, "wh_a")]
      const once = filled(open(), messages, 1)
      const before = contents(once)
      expect(contents(filled(once, messages, 1))).toEqual(before)
    }))
})
