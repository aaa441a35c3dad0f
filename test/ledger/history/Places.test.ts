import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { answer } from "../../../src/ledger/history/Answering.ts"
import { makeIndexes, openHistory } from "../../../src/ledger/history/Layout.ts"
import { Projection } from "../../../src/ledger/history/Projection.ts"
import { type DeliveryStatus, statuses } from "../../../src/ledger/history/Status.ts"
import { encode } from "../../../src/ledger/Record.ts"
import type { DeliveryState } from "../../../src/model/Delivery.ts"
import { EventId, WebhookId, WorkspaceId } from "../../../src/model/Id.ts"
import { delivery, start } from "../../support/delivery.ts"

const created = "2026-01-01T00:00:00Z"
const second = 1000

interface Made {
  readonly sequence: number
  readonly workspace: string
  readonly type: string
  readonly id: string
  readonly deliveries: ReadonlyArray<{ readonly webhook: string; readonly state: DeliveryState }>
}

const states = ["due", "held", "succeeded", "failed", "suppressed"] as const
const statusOf: Readonly<Record<string, DeliveryStatus>> = {
  due: "retrying",
  held: "held",
  succeeded: "succeeded",
  failed: "failed",
  suppressed: "suppressed"
}

/** Events a second apart, 20,000 sequences from one to the next: they stand in several blocks. */
const events = fc.array(
  fc.record({
    workspace: fc.constantFrom("ws_a", "ws_b"),
    type: fc.constantFrom("task.created", "task.updated"),
    id: fc.constantFrom("evt_1", "evt_2", "evt_3", "evt_4"),
    deliveries: fc.uniqueArray(
      fc.record({ webhook: fc.constantFrom("1", "2", "3"), state: fc.constantFrom(...states) }),
      { selector: ({ webhook }) => webhook }
    )
  }),
  { maxLength: 25 }
).map((all) =>
  all.map(({ deliveries, ...event }, index): Made => ({
    ...event,
    sequence: 1 + index * 20_000,
    deliveries: deliveries.map(({ state, webhook }) => ({ state, webhook: `wh_${event.workspace}_${webhook}` }))
  }))
)

const question = fc.record({
  workspaceId: fc.constantFrom("ws_a", "ws_b"),
  webhook: fc.option(fc.constantFrom("1", "2", "3"), { nil: undefined }),
  status: fc.option(fc.constantFrom(...statuses), { nil: undefined }),
  eventType: fc.option(fc.constantFrom("task.created", "task.updated"), { nil: undefined }),
  eventId: fc.option(fc.constantFrom("evt_1", "evt_2"), { nil: undefined }),
  from: fc.option(fc.integer({ min: -1, max: 26 }), { nil: undefined }),
  to: fc.option(fc.integer({ min: -1, max: 26 }), { nil: undefined }),
  limit: fc.integer({ min: 1, max: 5 })
})

const timeOf = (sequence: number): number => start + (sequence - 1) / 20_000 * second

const withHistory = (made: ReadonlyArray<Made>, use: (asked: Parameters<typeof answer>[0]) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), "hookline-history-"))
  const names = ["EVENTS", "WEBHOOKS", "QUARANTINE", "DELIVERIES-0"]
  const file = openHistory(join(folder, "history.db"), new Map(names.map((name) => [name, created])))
  try {
    makeIndexes(file)
    const projection = new Projection(file, created)
    let records = 0
    for (const { deliveries, id, sequence, type, workspace } of made) {
      projection.take("EVENTS", {
        subject: `ev.0.${workspace}.${type}`,
        sequence,
        time: timeOf(sequence),
        data: Buffer.from(JSON.stringify({ id, data: {} })),
        header: () => undefined
      })
      for (const { state, webhook } of deliveries) {
        const kind = "deferred"
        const one = delivery({
          workspaceId: WorkspaceId.make(workspace),
          webhookId: WebhookId.make(webhook),
          eventId: EventId.make(id),
          eventType: type,
          eventSequence: sequence,
          publishedAt: timeOf(sequence),
          state
        })
        projection.take("DELIVERIES-0", {
          subject: `deliveries.0.${workspace}.${webhook}.${kind}`,
          sequence: ++records,
          time: start,
          data: Buffer.from(encode({ kind, at: start, delivery: one }, created)),
          header: () => undefined
        })
      }
    }
    projection.commit()
    use({
      file,
      eventsCreated: created,
      streamOf: () => "DELIVERIES-0",
      position: (stream) => projection.position(stream),
      writeFigures: () => projection.commit()
    })
  } finally {
    file.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

describe("pages of deliveries", () => {
  it("hold each delivery that the filters want once, those of newer events first, whatever the filters and the page's length", () => {
    fc.assert(
      fc.property(
        events,
        fc.array(question, { minLength: 1, maxLength: 12 }),
        (made, questions) =>
          withHistory(made, (asked) => {
            for (const { from, to, webhook, ...rest } of questions) {
              const webhookId = webhook === undefined ? undefined : `wh_${rest.workspaceId}_${webhook}`
              const times = {
                from: from === undefined ? undefined : start + from * second,
                to: to === undefined ? undefined : start + to * second
              }
              const wanted = made.flatMap(({ deliveries, id, sequence, type, workspace }) =>
                deliveries
                  .filter(({ state, webhook }) =>
                    workspace === rest.workspaceId &&
                    (webhookId === undefined || webhook === webhookId) &&
                    (rest.status === undefined || statusOf[state] === rest.status) &&
                    (rest.eventType === undefined || type === rest.eventType) &&
                    (rest.eventId === undefined || id === rest.eventId) &&
                    (times.from === undefined || timeOf(sequence) >= times.from) &&
                    (times.to === undefined || timeOf(sequence) < times.to)
                  )
                  .map(({ webhook }) => `${sequence} ${webhook}`)
              )
              const found: Array<string> = []
              const sequences: Array<number> = []
              let cursor: string | undefined
              do {
                const page = answer(asked, "deliveries", { ...rest, ...times, webhookId, cursor })
                expect(page.data.length).toBeLessThanOrEqual(rest.limit)
                for (const { delivery: { eventSequence, webhookId } } of page.data) {
                  found.push(`${eventSequence} ${webhookId}`)
                  sequences.push(eventSequence)
                }
                cursor = page.next
              } while (cursor !== undefined)
              expect(found.toSorted()).toEqual(wanted.toSorted())
              expect(sequences).toEqual(sequences.toSorted((left, right) => right - left))
            }
          })
      ),
      { numRuns: 80 }
    )
  })
})
