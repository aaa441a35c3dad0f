import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as fc from "fast-check"
import { type AuditedRecord, RecordScanner } from "../../../src/ledger/audit/RecordScan.ts"
import { decode, encode, encodeDeferred } from "../../../src/ledger/Record.ts"
import type { AttemptOutcome, OutcomeClass } from "../../../src/model/Attempt.ts"
import type { Delivery, DeliveryRecord, DeliveryState, HoldReason, RecordKind } from "../../../src/model/Delivery.ts"
import { EventId, WebhookId, WorkspaceId } from "../../../src/model/Id.ts"
import { created } from "../../support/auditing.ts"

const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
const time = fc.integer({ min: 0, max: Date.parse("2100-01-01") })
const count = fc.nat({ max: 2_000_000_000 })
const states: ReadonlyArray<DeliveryState> = ["ready", "in_flight", "due", "held", "succeeded", "failed", "suppressed"]
const kinds: ReadonlyArray<RecordKind> = ["succeeded", "attempt_failed", "failed", "deferred", "suppressed", "retried"]
const classes: ReadonlyArray<OutcomeClass> = ["success", "status", "timeout", "dns", "connect", "protocol"]
const reasons: ReadonlyArray<HoldReason> = ["busy", "in_flight", "circuit", "paused"]

const delivery: fc.Arbitrary<Delivery> = fc.record({
  workspaceId: token.map((id) => WorkspaceId.make(id)),
  webhookId: token.map((id) => WebhookId.make(id)),
  eventId: token.map((id) => EventId.make(id)),
  eventType: fc.tuple(token, token).map((parts) => parts.join(".")),
  eventSequence: count,
  webhookRevision: count,
  webhooksSequence: count,
  state: fc.constantFrom(...states),
  round: count,
  attempt: count,
  roundAttempt: count,
  roundStart: time,
  dueAt: time,
  heldReason: fc.option(fc.constantFrom(...reasons), { nil: undefined }),
  heldSince: time,
  failReason: fc.option(fc.constantFrom("attempts", "expired", "circuit"), { nil: undefined }),
  publishedAt: time,
  expiresAt: time,
  epoch: count,
  step: count
})

const outcome: fc.Arbitrary<AttemptOutcome> = fc.record({
  class: fc.constantFrom(...classes),
  startedAt: time,
  latency: fc.double({ min: 0, max: 60_000, noNaN: true }),
  status: fc.integer({ min: 100, max: 599 }),
  error: fc.string({ unit: "binary" }),
  response: fc.string({ unit: "binary", maxLength: 4000 })
}, { requiredKeys: ["class", "startedAt", "latency"] })

const record: fc.Arbitrary<DeliveryRecord> = fc.record(
  { kind: fc.constantFrom(...kinds), at: time, delivery, outcome },
  { requiredKeys: ["kind", "at", "delivery"] }
)

const scanned = (data: Uint8Array): ReadonlyArray<AuditedRecord> | string => {
  const taken: Array<AuditedRecord> = []
  return new RecordScanner().scan(data, (one) => taken.push({ ...one })) ?? taken
}

/** The same by the way that everybody else reads. */
const decoded = (data: Uint8Array): ReadonlyArray<AuditedRecord> | string =>
  Either.match(decode(data), {
    onLeft: ({ detail }) => detail,
    onRight: (fact) =>
      fact.type !== "deliveries" ? `its subject says another kind than ${fact.type}` : fact.records.map((
        { at, delivery, kind, outcome }
      ): AuditedRecord => ({
        kind,
        at,
        workspaceId: delivery.workspaceId,
        webhookId: delivery.webhookId,
        eventId: delivery.eventId,
        eventType: delivery.eventType,
        eventSequence: delivery.eventSequence,
        state: delivery.state,
        attempt: delivery.attempt,
        round: delivery.round,
        dueAt: delivery.dueAt,
        heldReason: delivery.heldReason,
        heldSince: delivery.heldSince,
        failReason: delivery.failReason,
        expiresAt: delivery.expiresAt,
        webhookRevision: delivery.webhookRevision,
        webhooksSequence: delivery.webhooksSequence,
        epoch: delivery.epoch,
        step: delivery.step,
        startedAt: outcome?.startedAt
      }))
  })

describe("RecordScanner", () => {
  it("reads of every record what decode reads", () => {
    fc.assert(fc.property(record, (one) => {
      const data = Buffer.from(encode(one, created))
      expect(scanned(data)).toEqual(decoded(data))
    }))
  })

  it("reads of many deliveries in one record what decode reads", () => {
    fc.assert(fc.property(fc.array(record, { minLength: 1, maxLength: 30 }), (many) => {
      const data = Buffer.from(encodeDeferred(many, created))
      expect(scanned(data)).toEqual(decoded(data))
    }))
  })

  it("reads what another program wrote, with other white space, keys and times, as decode does", () => {
    fc.assert(fc.property(record, fc.integer({ min: 1, max: 3 }), fc.boolean(), (one, indent, reversed) => {
      const parsed = JSON.parse(encode(one, created)) as Record<string, unknown>
      const entries = Object.entries({ ...parsed, later_key: ["new"], due_at: "2026-11-24T02:29:52+01:00" })
      const data = Buffer.from(
        JSON.stringify(Object.fromEntries(reversed ? entries.toReversed() : entries), null, indent)
      )
      expect(scanned(data)).toEqual(decoded(data))
    }))
  })

  it("refuses what decode refuses, of a record with one byte of its head changed", () => {
    fc.assert(
      fc.property(record, fc.nat(), fc.nat({ max: 255 }), (one, place, byte) => {
        const text = encode(one, created)
        const head = text.indexOf(`"outcome":`) === -1 ? text.length : text.indexOf(`"outcome":`)
        const data = Buffer.from(text)
        data[place % head] = byte
        const [fast, slow] = [scanned(data), decoded(data)]
        if (typeof slow === "string") expect(typeof fast).toBe("string")
        else expect(fast).toEqual(slow)
      }),
      { numRuns: 2000 }
    )
  })
})
