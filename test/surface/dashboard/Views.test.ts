import { describe, expect, it } from "vitest"
import { rejectionReasons } from "../../../src/model/Rejection.ts"
import type { Answer, EventType, PublishedEvent } from "../../../src/surface/dashboard/api/Contract.ts"
import { isBehind } from "../../../src/surface/dashboard/api/Queries.ts"
import { groupsOf } from "../../../src/surface/dashboard/event-types/Groups.ts"
import { inOrder, summary } from "../../../src/surface/dashboard/events/Explained.ts"
import { became, justAfter, newerThan, rowsOf } from "../../../src/surface/dashboard/events/Rows.ts"
import { hexDump } from "../../../src/surface/dashboard/quarantine/Hex.ts"
import { newerThan as newerEntries } from "../../../src/surface/dashboard/quarantine/Newest.ts"
import { reasons, typeOf } from "../../../src/surface/dashboard/quarantine/Reasons.ts"
import { nothingYet, plus } from "../../../src/surface/dashboard/quarantine/Released.ts"
import { bytes } from "../../../src/surface/dashboard/shared/Numbers.ts"
import { withNames } from "../../../src/surface/dashboard/verify/Names.ts"

/** What the dashboard's views decide without a browser. */

const none = { succeeded: 0, retrying: 0, failed: 0, held: 0, suppressed: 0, cancelled: 0 }
const event = (sequence: number, deliveries: Partial<PublishedEvent["deliveries"]> = {}): PublishedEvent => ({
  id: `evt_${sequence}`,
  sequence,
  event_type: "project.created",
  published_at: "2026-11-24T01:36:36.000Z",
  size: 2,
  outcome: "event",
  duplicate_of: null,
  quarantine_id: null,
  deliveries: { ...none, ...deliveries }
})

describe("the list of events", () => {
  it("takes newer knowledge of its rows, and no row that is newer", () => {
    const pages = [{ data: [event(9), event(8)] }, { data: [event(7)] }]
    const fresh = [{ data: [event(10), event(9, { failed: 1 })] }, undefined]
    const rows = rowsOf(pages, fresh)
    expect(rows.map(({ deliveries, sequence }) => [sequence, deliveries.failed])).toEqual([[9, 1], [8, 0], [7, 0]])
    expect([newerThan(rows[0], [event(11), event(10), event(9)]), newerThan(undefined, [event(1)])]).toEqual([2, 1])
  })

  it("says what became of an event, without what there is none of", () => {
    expect(became({ ...none, failed: 2, succeeded: 1 }).map(({ number, status }) => `${number} ${status}`)).toEqual([
      "1 succeeded",
      "2 failed"
    ])
  })

  it("asks for its rows anew up to just behind the first", () => {
    expect(justAfter("2026-11-24T01:36:00.000Z")).toBe("2026-11-24T01:36:00.001Z")
  })
})

type Explained = Answer<"events.explain">["webhooks"][number]
const explained = (id: string, reason: Explained["reason"], status?: NonNullable<Explained["delivery"]>["status"]) =>
  ({
    webhook_id: id,
    url: "",
    events: [],
    reason,
    message: "",
    delivery: status === undefined ? null : { status }
  }) as unknown as Explained

describe("the explanation of an event", () => {
  const all = [
    explained("gone", "deleted"),
    explained("other", "not_subscribed"),
    explained("well", "matched", "succeeded"),
    explained("bad", "matched", "failed")
  ]
  const cases: ReadonlyArray<readonly [ReadonlyArray<Explained>, string]> = [
    [[], "The workspace had no webhook then: nobody was owed it."],
    [all.slice(0, 1), "Nobody was owed it, of 1 webhook."],
    [all.slice(2, 3), "1 of 1 webhook was owed it, 1 has it."],
    [all, "2 of 4 webhooks were owed it, 1 has it."]
  ]

  it.each(cases)("in a sentence (%#)", (webhooks, said) => {
    expect(summary(webhooks)).toBe(said)
  })

  it("begins with what failed", () => {
    expect(inOrder(all).map(({ webhook_id: id }) => id)).toEqual(["bad", "well", "other", "gone"])
  })
})

describe("the quarantine", () => {
  it("has words for every reason", () => {
    expect(Object.keys(reasons).sort()).toEqual([...rejectionReasons].sort())
  })

  it("finds the type in a subject", () => {
    expect(["events.ws_1.project.exploded", "events.ws_1.project", "events.ws_1.a.b.c"].map(typeOf)).toEqual([
      "project.exploded",
      undefined,
      undefined
    ])
  })

  it("shows bytes", () => {
    const base64 = Buffer.from([...Buffer.from("hook"), 0xff, 0, ...Buffer.from("0123456789ab")]).toString("base64")
    expect(hexDump(base64, 17)).toBe(
      "000000  68 6f 6f 6b ff 00 30 31 32 33 34 35 36 37 38 39  hook..0123456789\n" +
        `000010  61${" ".repeat(45)}  a\nand 1 bytes more`
    )
  })

  it("adds up the parts of a release", () => {
    const part = { released: [], still_rejected: 2, already_released: 1, next: null }
    expect(plus(plus(nothingYet, part), part)).toEqual({ released: 0, stillRejected: 4, alreadyReleased: 2 })
  })
})

const type = (type: string, description: string, reserved?: true): EventType => ({
  type,
  description,
  example: {},
  ...(reserved === undefined ? {} : { reserved })
})

describe("the catalogue", () => {
  const types = [
    type("webhook.failing", "own", true),
    type("task.created", "A new task"),
    type("project.created", "A new one")
  ]

  it.each(
    [
      ["", ["task", "project", "webhook"]],
      ["NEW  task", ["task"]],
      ["nothing", []]
    ] as const
  )("finds %j", (find, entities) => {
    expect(groupsOf(types, find).map(({ entity }) => entity)).toEqual(entities)
  })
})

const entries = (...ids: ReadonlyArray<string>) => ids.map((id) => ({ id }))

it("counts what came into quarantine since its list was asked for, as far as it looks", () => {
  expect([
    newerEntries({ id: "qrn_2" }, { data: entries("qrn_4", "qrn_3", "qrn_2"), next: "qrn_2" }),
    newerEntries({ id: "qrn_2" }, { data: entries("qrn_2"), next: null }),
    newerEntries({ id: "qrn_1" }, { data: entries("qrn_9", "qrn_8"), next: "qrn_8" }),
    newerEntries(undefined, { data: entries("qrn_1"), next: null }),
    newerEntries(undefined, { data: [], next: null })
  ]).toEqual([
    { found: 2, unsure: false },
    { found: 0, unsure: false },
    { found: 2, unsure: true },
    { found: 1, unsure: false },
    { found: 0, unsure: false }
  ])
})

it("puts the installation's header names into a sample, and changes nothing else", () => {
  const sample = "headers[\"webhook-id\"] \"webhook-signature\" x-webhook-signature my-webhook-idea webhook-timestamp"
  expect(withNames(sample, { hex: "x-acme", standardPrefix: "acme" })).toBe(
    "headers[\"acme-id\"] \"acme-signature\" x-acme my-webhook-idea acme-timestamp"
  )
  expect(withNames(sample, { hex: "x-webhook-signature", standardPrefix: "webhook" })).toBe(sample)
})

it("knows of an answer whether the history had not read everything yet", () => {
  expect([{ behind: 3 }, { data: [{ health: null }], behind: 0 }].map(isBehind)).toEqual([true, true])
  expect([{ behind: 0, data: [{ health: {} }, {}] }, { id: "wh_1" }, null, undefined].map(isBehind)).toEqual(
    [false, false, false, false]
  )
})

it("says sizes", () => {
  expect([0, 1023, 1024, 1024 ** 2 * 1.5].map(bytes)).toEqual(["0 B", "1023 B", "1.0 KiB", "1.5 MiB"])
})
