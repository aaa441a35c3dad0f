import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as fc from "fast-check"
import {
  decode,
  encode,
  encodeDeferred,
  encodeDuplicate,
  encodeRetryRequest,
  encodeTest,
  type Fact
} from "../../src/ledger/Record.ts"
import type { DeliveryRecord } from "../../src/model/Delivery.ts"
import { EventId, WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import { answered, delivery, start } from "../support/delivery.ts"

const created = "2026-01-01T00:00:00Z"
const read = (text: string) => decode(new TextEncoder().encode(text))
const records = (fact: Fact): ReadonlyArray<DeliveryRecord> => fact.type === "deliveries" ? fact.records : []

const time = fc.integer({ min: 0, max: 4_000_000_000_000 })
const arbitrary: fc.Arbitrary<DeliveryRecord> = fc.record({
  state: fc.constantFrom("due", "held", "succeeded", "failed", "suppressed"),
  heldReason: fc.constantFrom(undefined, "busy", "circuit", "paused"),
  failReason: fc.constantFrom(undefined, "attempts", "expired"),
  times: fc.tuple(time, time, time, time),
  response: fc.option(fc.string({ unit: "binary" }), { nil: undefined }),
  step: fc.nat()
}).map(({ failReason, heldReason, response, state, step, times }) => ({
  kind: "attempt_failed",
  at: times[0],
  delivery: delivery({
    state,
    heldReason,
    heldSince: heldReason === undefined ? 0 : times[1],
    failReason,
    dueAt: times[2],
    roundStart: times[3],
    step
  }),
  outcome: answered(500, { latency: 12.345, ...(response !== undefined && { response }) })
}))

describe("records", () => {
  it("come back as they were written", () => {
    fc.assert(fc.property(arbitrary, (record) => {
      expect(Either.map(read(encode(record, created)), records)).toEqual(Either.right([record]))
    }))
  })

  it("many deferred ones share a body", () => {
    const deferred = [1, 2, 3].map((eventSequence): DeliveryRecord => ({
      kind: "deferred",
      at: start,
      delivery: delivery({ eventSequence, state: "held", heldReason: "busy", heldSince: start })
    }))
    expect(Either.map(read(encodeDeferred(deferred, created)), records)).toEqual(Either.right(deferred))
  })

  it("a duplicate names the sequence that won", () => {
    const duplicate = {
      at: start,
      workspaceId: WorkspaceId.make("ws_1"),
      eventId: EventId.make("evt_1"),
      eventType: "task.created",
      eventSequence: 9,
      firstSequence: 4,
      epoch: 1
    }
    expect(read(encodeDuplicate(duplicate))).toEqual(
      Either.right({ type: "duplicate", workspaceId: "ws_1", eventId: "evt_1", eventSequence: 9, firstSequence: 4 })
    )
  })

  it.each([
    ["no JSON", "{"],
    ["another version", `{"v":2,"kind":"succeeded"}`],
    [
      "a field of the wrong type",
      encode({ kind: "succeeded", at: start, delivery: delivery() }, created).replace(`"step":0`, `"step":"0"`)
    ],
    [
      "an unknown state",
      encode({ kind: "succeeded", at: start, delivery: delivery() }, created).replace(
        `"state":"ready"`,
        `"state":"gone"`
      )
    ]
  ])("%s is unreadable, and said to be", (_, text) => {
    expect(Either.isLeft(read(text))).toBe(true)
  })

  it("a request for a retry comes back as it was written", () => {
    const request = {
      id: "r1",
      at: start,
      expiresAt: start + 10_000,
      seenSequence: 31,
      delivery: delivery({ state: "failed", failReason: "attempts", attempt: 5, step: 5 }),
      answerTo: "_INBOX.a.b"
    }
    expect(read(encodeRetryRequest(request, created))).toEqual(Either.right({ type: "retry_requested", request }))
  })

  it("a test event's attempt comes back as it was written", () => {
    const test = {
      at: start,
      workspaceId: WorkspaceId.make("ws_1"),
      webhookId: WebhookId.make("wh_1"),
      webhookRevision: 3,
      eventId: EventId.make("evt_test_1"),
      eventType: "project.created",
      outcome: answered(500, { error: "the endpoint answered 500", response: "down" })
    }
    expect(read(encodeTest(test))).toEqual(Either.right({ type: "test", test }))
  })

  it("a kind that is not known is told apart", () => {
    expect(read(`{"v":1,"kind":"later"}`)).toEqual(Either.right({ type: "other", kind: "later" }))
  })
})
