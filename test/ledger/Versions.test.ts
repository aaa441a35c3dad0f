/**
 * What every hookline that ever was has written is read for ever (docs/upgrading.md). The files in `versions` were written by the code of their time, of
 * the same history: whoever changes what is written adds a file, and changes none. Their events are of 2099, for a record is never of an event that
 * was published before the message that stands in its place.
 */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Layer, Option } from "effect"
import { readFileSync } from "node:fs"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { ObjectStore } from "../../src/broker/ObjectStore.ts"
import { deliverySubject, eventSubject, partitionOf } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { RecordScanner } from "../../src/ledger/audit/RecordScan.ts"
import { Positions } from "../../src/ledger/Positions.ts"
import {
  decode,
  encode,
  encodeDeferred,
  encodeDuplicate,
  encodeRetryRequest,
  encodeTest
} from "../../src/ledger/Record.ts"
import { Recovery } from "../../src/ledger/Recovery.ts"
import { Snapshots } from "../../src/ledger/Snapshots.ts"
import { type Delivery, evolve } from "../../src/model/Delivery.ts"
import type { Webhook } from "../../src/model/Webhook.ts"
import { decodeFact, encodeFact } from "../../src/model/WebhookFacts.ts"
import { evolve as evolveWebhook } from "../../src/model/WebhookLife.ts"
import { brokerLayer } from "../support/broker.ts"

/** When EVENTS was made, in all of them. */
const created = "2026-11-24T01:29:06.757348288Z"
const at = Date.parse("2026-11-24T01:29:52.084Z")
const published = Date.parse("2099-01-01T00:00:00Z")
const partition = partitionOf("ws_1", 16)
const newest = 3

const file = (name: string): string => readFileSync(new URL(`versions/${name}`, import.meta.url), "utf8")
const lines = (name: string): ReadonlyArray<string> => file(name).trim().split("\n")
const recordsOf = (version: number) => lines(`deliveries-${version}.jsonl`)
const read = (line: string) => Either.getOrThrowWith(decode(Buffer.from(line)), ({ detail }) => new Error(detail))
const kindOf = (line: string): string => String(JSON.parse(line).kind)

const states = (deliveries: Iterable<Delivery>) =>
  Object.fromEntries(Array.from(deliveries, ({ attempt, eventId, state }) => [eventId, [state, attempt]]))

/** What became of the deliveries; in the first version nobody could retry one by hand. */
const outcome = (version: number) => ({
  evt_1: ["succeeded", 1],
  evt_2: ["due", 1],
  evt_3: ["failed", 5],
  evt_4: ["held", 0],
  evt_5: ["held", 0],
  evt_6: ["suppressed", 0],
  ...(version > 1 && { evt_7: ["ready", 5] })
})

describe.each([1, 2, 3])("records of DELIVERIES, version %i", (version) => {
  it("are folded to what they said", () => {
    const known = new Map<string, Delivery>()
    for (const fact of recordsOf(version).map(read)) {
      if (fact.type !== "deliveries") continue
      for (const record of fact.records) {
        const { eventId } = record.delivery
        known.set(eventId, evolve(known.get(eventId), record))
        expect(record.delivery.publishedAt).toBe(published)
      }
    }
    expect(states(known.values())).toEqual(outcome(version))
    const others = recordsOf(version).map(read).filter(({ type }) => type !== "deliveries")
    expect(others).toMatchObject([
      ...(version > 1
        ? [{ type: "retry_requested", request: { id: "r1", delivery: { eventId: "evt_7", state: "failed" } } }]
        : []),
      { type: "duplicate", eventSequence: 8, firstSequence: 1 },
      ...(version > 2 ? [{ type: "test", test: { eventId: "evt_test_1", outcome: { status: 500 } } }] : [])
    ])
  })

  it("are read by the audit as by everything else", () => {
    const scanner = new RecordScanner()
    for (const line of recordsOf(version)) {
      const fact = read(line)
      if (fact.type !== "deliveries") continue
      const taken: Array<unknown> = []
      const { delivery } = fact.records[0]!
      expect(scanner.scan(Buffer.from(line), ({ attempt, dueAt, state }) => taken.push({ attempt, dueAt, state })))
        .toBeUndefined()
      expect([kindOf(line), taken.length]).toEqual([kindOf(line), fact.records.length])
      expect(taken[0]).toEqual({ attempt: delivery.attempt, dueAt: delivery.dueAt, state: delivery.state })
    }
  })

  const layer = Layer.mergeAll(Recovery.layer.pipe(Layer.provideMerge(Snapshots.layer)), Positions.layer).pipe(
    Layer.provideMerge(brokerLayer())
  )

  it.scopedLive.each([false, true])(
    "are what a worker goes on from; with the snapshot of its time: %s",
    (kept) =>
      Effect.gen(function*() {
        const { append } = yield* AppendLog
        for (let event = 1; event <= 8; event++) {
          yield* append({ subject: eventSubject("ws_1", "task.created"), data: `{"id":"evt_${event}","data":{}}` })
        }
        for (const line of recordsOf(version)) {
          const webhook = kindOf(line) === "duplicate" ? "_" : "wh_1"
          yield* append({ subject: deliverySubject(partition, "ws_1", webhook, kindOf(line)), data: line })
        }
        const topology = yield* Topology
        if (kept) {
          // It is of these streams.
          const text = file(`snapshot-${version}.jsonl`)
          const head = JSON.parse(text.slice(0, text.indexOf("\n")))
          const own = JSON.stringify({ ...head, created: topology.created })
          const name = `p${partition}-0000000001-${String(head.s0).padStart(16, "0")}`
          yield* (yield* ObjectStore).put(name, Buffer.from(own + text.slice(text.indexOf("\n"))))
          expect(Option.isSome(yield* (yield* Snapshots).newest(`p${partition}`))).toBe(true)
        }
        const recovered = yield* (yield* Recovery).recover(partition, 5, 1)
        expect(recovered.snapshotSequence).toBe(kept ? recordsOf(version).length : 0)
        const spilled = kept && version > 2
        expect(recovered.spills.map(({ count }) => count)).toEqual(spilled ? [2] : [])
        const { evt_2, evt_4, evt_5, evt_7 } = outcome(version)
        expect(states(recovered.live)).toEqual({
          evt_2,
          ...(!spilled && { evt_4, evt_5 }),
          ...(evt_7 !== undefined && { evt_7 })
        })
        const settled = [...recovered.settled].map(([event, webhooks]) => [event, ...webhooks])
        expect(settled).toEqual([[6, "wh_1"], ...(version > 1 ? [[7, "wh_1"]] : [])])
        // The next record of each can be written, and says the same.
        for (const delivery of recovered.live) {
          expect(delivery.publishedAt).toBe(published)
          const next = encode({ kind: "deferred", at, delivery }, topology.eventsCreated)
          expect(read(next)).toEqual({ type: "deliveries", records: [{ kind: "deferred", at, delivery }] })
        }
      }).pipe(Effect.provide(layer))
  )
})

describe("what is written today", () => {
  it("are the records of the newest version, byte for byte: who changes one adds a version", () => {
    for (const line of recordsOf(newest)) {
      const fact = read(line)
      const written = fact.type === "retry_requested"
        ? encodeRetryRequest(fact.request, created)
        : fact.type === "test"
        ? encodeTest(fact.test)
        : fact.type === "duplicate"
        ? encodeDuplicate({ ...fact, at, eventType: "task.created", epoch: 1 })
        : fact.type === "deliveries" && fact.records.length > 1
        ? encodeDeferred(fact.records, created)
        : fact.type === "deliveries"
        ? encode(fact.records[0]!, created)
        : ""
      expect(written).toBe(line)
    }
    for (const line of lines("webhooks-2.jsonl")) {
      expect(encodeFact(Either.getOrThrow(decodeFact(Buffer.from(line))))).toBe(line)
    }
  })
})

describe.each([1, 2])("facts of WEBHOOKS, version %i", (version) => {
  it("are folded to what they said", () => {
    let webhook: Webhook | undefined
    const life: Array<unknown> = []
    for (const line of lines(`webhooks-${version}.jsonl`)) {
      webhook = evolveWebhook(
        webhook,
        Either.getOrThrowWith(decodeFact(Buffer.from(line)), (detail) => new Error(detail))
      )
      life.push([webhook?.state, webhook?.deleted, webhook?.secretVersion, webhook?.headersVersion, webhook?.rateLimit])
    }
    expect(life).toEqual([
      ["enabled", false, 1, 2, undefined],
      ["enabled", false, 1, undefined, 50],
      ["paused", false, 1, undefined, 50],
      ["enabled", false, 1, undefined, 50],
      ["enabled", false, 3, undefined, 50],
      ["disabled", false, 3, undefined, 50],
      ["enabled", false, 3, undefined, 50],
      ["enabled", true, 3, undefined, undefined]
    ])
  })
})

describe("positions", () => {
  it.scopedLive.each([1, 2])("of version %i are claimed", (version) =>
    Effect.gen(function*() {
      const { append } = yield* AppendLog
      const { eventsCreated } = yield* Topology
      for (let event = 1; event <= 8; event++) {
        yield* append({ subject: eventSubject("ws_1", "task.created"), data: `{"id":"evt_${event}","data":{}}` })
      }
      const stored = file(`position-${version}.json`).replace(created, eventsCreated)
      yield* (yield* KeyValue).write("POSITIONS", `p${partition}`, stored, 0)
      const { formerEpoch, position } = yield* (yield* Positions).claim(`p${partition}`, 0)
      expect([formerEpoch, position]).toEqual([1, { epoch: 2, floor: 5, webhooksSequence: 1, marks: {} }])
    }).pipe(Effect.provide(Positions.layer.pipe(Layer.provideMerge(brokerLayer())))))
})

describe("what a later version has written", () => {
  it.scopedLive("is no snapshot, and stops a position", () =>
    Effect.gen(function*() {
      const { created } = yield* Topology
      const text = file(`snapshot-${newest}.jsonl`)
      const end = text.indexOf("\n")
      const later = { ...JSON.parse(text.slice(0, end)), created, v: 99 }
      const name = `p${partition}-0000000001-0000000000000009`
      yield* (yield* ObjectStore).put(name, Buffer.from(JSON.stringify(later) + text.slice(end)))
      expect(Option.isNone(yield* (yield* Snapshots).newest(`p${partition}`))).toBe(true)
      yield* (yield* KeyValue).write("POSITIONS", "p3", file("position-2.json").replace(`"v":1`, `"v":99`), 0)
      expect((yield* Effect.flip((yield* Positions).claim("p3", 0))).message).toContain(
        "POSITIONS p3 does not fit the streams: unreadable"
      )
    }).pipe(Effect.provide(Layer.merge(Snapshots.layer, Positions.layer).pipe(Layer.provideMerge(brokerLayer())))))

  it("is no record and no fact, and whoever reads them is told", () => {
    const [record = ""] = recordsOf(newest)
    expect(decode(Buffer.from(record.replace(`"v":1`, `"v":2`)))).toMatchObject({ left: { detail: "version 2" } })
    const [fact = ""] = lines("webhooks-2.jsonl")
    expect(Either.isLeft(decodeFact(Buffer.from(fact.replace(`"v":1`, `"v":2`))))).toBe(true)
    expect(Either.isRight(decodeFact(Buffer.from(fact.replace(`"v":1`, `"v":1,"later":{}`))))).toBe(true)
    expect(Either.isRight(decode(Buffer.from(record.replace(`"v":1`, `"v":1,"later":{}`))))).toBe(true)
  })
})
