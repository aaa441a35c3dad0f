import { describe, expect, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { answer } from "../../../src/ledger/history/Answering.ts"
import { makeIndexes, openHistory } from "../../../src/ledger/history/Layout.ts"
import { Projection } from "../../../src/ledger/history/Projection.ts"
import { encode, encodeDuplicate } from "../../../src/ledger/Record.ts"
import { EventId, WebhookId, WorkspaceId } from "../../../src/model/Id.ts"
import { encodeFact, type WebhookFact } from "../../../src/model/WebhookFacts.ts"
import { delivery, start } from "../../support/delivery.ts"

const created = "2026-01-01T00:00:00Z"
const workspaceId = WorkspaceId.make("ws_1")
const second = 1000

/** A history with what its streams say: each message is the next of its stream, a second after the one before. */
const withHistory = (use: (history: ReturnType<typeof historyIn>) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), "hookline-history-"))
  const history = historyIn(join(folder, "history.db"))
  try {
    use(history)
  } finally {
    history.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const historyIn = (path: string) => {
  const ends = new Map(["EVENTS", "WEBHOOKS", "QUARANTINE", "DELIVERIES-0"].map((name) => [name, 0]))
  const file = openHistory(path, new Map([...ends.keys()].map((name) => [name, created])))
  makeIndexes(file)
  const projection = new Projection(file, created)
  const add = (
    stream: string,
    subject: string,
    data: string,
    headers: Readonly<Record<string, string>> = {}
  ): number => {
    const sequence = (ends.get(stream) ?? 0) + 1
    ends.set(stream, sequence)
    projection.take(stream, {
      subject,
      sequence,
      time: start + sequence * second,
      data: Buffer.from(data),
      header: (name) => headers[name]
    })
    return sequence
  }
  const asked = {
    file,
    eventsCreated: created,
    streamOf: () => "DELIVERIES-0",
    position: (stream: string) => projection.position(stream),
    writeFigures: () => projection.commit()
  }
  const event = (id: string, type = "task.created") =>
    add("EVENTS", `ev.0.${workspaceId}.${type}`, JSON.stringify({ id, data: {} }))
  return {
    event,
    /** An event that repeats the one at `firstSequence`. */
    repeat: (id: string, firstSequence: number, type = "task.created") => {
      const sequence = event(id, type)
      const eventId = EventId.make(id)
      add(
        "DELIVERIES-0",
        `deliveries.0.${workspaceId}._.duplicate`,
        encodeDuplicate({
          at: start,
          workspaceId,
          eventId,
          eventType: type,
          eventSequence: sequence,
          firstSequence,
          epoch: 1
        })
      )
      return sequence
    },
    fact: (name: string, type: "webhook.paused" | "webhook.deleted" | "webhook.created", revision = 1) => {
      const common = { v: 1, workspaceId, webhookId: WebhookId.make(name), revision, at: start } as const
      const fact: WebhookFact = type === "webhook.created"
        ? {
          ...common,
          type,
          url: `https://${name}.example/`,
          events: ["*"],
          description: "",
          headers: [],
          secretVersion: 1
        }
        : { ...common, type }
      return add("WEBHOOKS", `webhooks.${workspaceId}.${name}`, encodeFact(fact))
    },
    owed: (name: string, id: string, eventSequence: number, webhooksSequence: number) => {
      const state = delivery({
        workspaceId,
        webhookId: WebhookId.make(name),
        eventId: EventId.make(id),
        eventType: "task.created",
        eventSequence,
        webhooksSequence,
        step: 1
      })
      return add(
        "DELIVERIES-0",
        `deliveries.0.${workspaceId}.${name}.deferred`,
        encode({ kind: "deferred", at: start, delivery: state }, created)
      )
    },
    show: (id: string) => answer(asked, "event", { workspaceId, id }),
    list: () => answer(asked, "events", { workspaceId, limit: 100 }).data,
    reasons: (sequence: number, about?: string, of: string = workspaceId) => {
      const explained = answer(asked, "explain", {
        workspaceId: of,
        sequence,
        about: about === undefined ? undefined : WebhookId.make(about)
      })
      return explained && Object.fromEntries(explained.map(({ reason, webhookId }) => [webhookId, reason]))
    },
    commit: () => projection.commit(),
    close: () => {
      projection.commit()
      file.close()
    }
  }
}

describe("what is said of an event", () => {
  it("explains each webhook that was owed it as of its own match, though a crash came between them", () =>
    withHistory(({ event, fact, owed, reasons }) => {
      fact("wh_a", "webhook.created")
      const before = fact("wh_gone", "webhook.created")
      const sequence = event("evt_1")
      owed("wh_a", "evt_1", sequence, before)
      // Matched again after the crash: what was made meanwhile is owed it too.
      const after = fact("wh_b", "webhook.created")
      owed("wh_b", "evt_1", sequence, after)
      fact("wh_a", "webhook.paused", 2)
      fact("wh_b", "webhook.deleted", 2)
      fact("wh_gone", "webhook.deleted", 2)
      fact("wh_late", "webhook.created")
      fact("wh_late", "webhook.deleted", 2)
      expect(reasons(sequence)).toEqual({
        wh_a: "matched",
        wh_gone: "matched",
        wh_b: "matched",
        wh_late: "created_later"
      })
      expect(reasons(sequence, undefined, "ws_2")).toBe(undefined)
      expect(reasons(sequence + 1)).toBe(undefined)
    }))

  it("without a delivery as of its acknowledgement, and of hookline's own events not to whom they are about", () =>
    withHistory(({ event, fact, reasons }) => {
      fact("wh_a", "webhook.created")
      const sequence = event("evt_1")
      fact("wh_a", "webhook.paused", 2)
      fact("wh_b", "webhook.created")
      expect(reasons(sequence)).toEqual({ wh_a: "matched", wh_b: "created_later" })
      expect(reasons(sequence, "wh_a")).toEqual({ wh_a: "own_notice", wh_b: "created_later" })
    }))

  it("names what repeats it, the newest first, and a repeat names what it repeats", () =>
    withHistory(({ event, fact, list, reasons, repeat, show }) => {
      fact("wh_a", "webhook.created")
      const first = event("evt_1")
      expect(show("evt_1")?.repeats).toEqual({ count: 0, latest: [] })
      const repeat1 = repeat("evt_1", first)
      event("evt_other")
      const third = repeat("evt_1", first, "task.deleted")
      expect(show("evt_1")).toMatchObject({
        event: { sequence: first, outcome: "event", duplicateOf: undefined },
        repeats: {
          count: 2,
          latest: [
            { sequence: third, type: "task.deleted", publishedAt: start + third * second },
            { sequence: repeat1, type: "task.created", publishedAt: start + repeat1 * second }
          ]
        }
      })
      const duplicateOf = { sequence: first, publishedAt: start + first * second }
      expect(list().map((one) => [one.sequence, one.outcome, one.duplicateOf])).toEqual([
        [third, "duplicate", duplicateOf],
        [third - 1, "event", undefined],
        [repeat1, "duplicate", duplicateOf],
        [first, "event", undefined]
      ])
      expect(reasons(third)).toEqual({ wh_a: "duplicate" })
      expect(reasons(first)).toEqual({ wh_a: "matched" })

      // After more than a day the id is a new event's: the repeats before are none of it.
      const again = event("evt_1")
      expect(show("evt_1")).toMatchObject({ event: { sequence: again }, repeats: { count: 0 } })
      const last = repeat("evt_1", again)
      expect(show("evt_1")?.repeats).toMatchObject({ count: 1, latest: [{ sequence: last }] })
    }))

  it("says that what a repeat repeats has left, and of many repeats shows a few and counts no more than it says", () =>
    withHistory(({ event, list, repeat, show }) => {
      repeat("evt_0", 9_999)
      expect(list()).toMatchObject([{ outcome: "duplicate", duplicateOf: { sequence: 9_999, publishedAt: undefined } }])
      expect(show("evt_0")).toMatchObject({ event: { outcome: "duplicate" }, repeats: { count: 0 } })
      const first = event("evt_1")
      for (let count = 1; count <= 1_002; count++) repeat("evt_1", first)
      const repeats = show("evt_1")?.repeats
      expect(repeats?.count).toBe(1_000)
      expect(repeats?.latest.map(({ sequence }) => sequence)).toEqual(
        Array.from({ length: 20 }, (_, index) => first + 1_002 - index)
      )
    }))
})
