import { expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { AppendLog } from "../../../src/broker/AppendLog.ts"
import { KeyValue } from "../../../src/broker/KeyValue.ts"
import { Streams } from "../../../src/broker/Streams.ts"
import { partitionOf } from "../../../src/broker/Subjects.ts"
import { Topology } from "../../../src/broker/Topology.ts"
import { audit, AuditProgress } from "../../../src/ledger/audit/Audit.ts"
import { deliveryAt, webhooksAt } from "../../../src/ledger/replay/Past.ts"
import { replay, ReplayProgress, type ReplayQuery } from "../../../src/ledger/replay/Replay.ts"
import { readFacts, type ReplayedFact } from "../../../src/ledger/replay/ReplayedFact.ts"
import { bundled } from "../../../src/model/Catalogue.ts"
import { deliveryId, type WebhookId } from "../../../src/model/Id.ts"
import { replayJson, replayLine } from "../../../src/surface/cli/ReplayText.ts"
import {
  addWebhook,
  attempt,
  event,
  fact,
  match,
  nothing,
  start,
  stored,
  type Written
} from "../../support/auditing.ts"
import { brokerLayer } from "../../support/broker.ts"

const all: ReplayQuery = {
  from: undefined,
  to: undefined,
  workspace: undefined,
  webhook: undefined,
  type: undefined,
  kinds: []
}

const replayed = (query: Partial<ReplayQuery> = {}) =>
  Effect.gen(function*() {
    const shown: Array<ReplayedFact> = []
    yield* replay({ ...all, ...query }, new ReplayProgress(), (facts) => Effect.sync(() => void shown.push(...facts)))
    return shown
  })

/** Two webhooks, of which one is deleted, and two events: one fails once and then succeeds, one has numbers that JavaScript has not. */
const history = (): Written => {
  const written = nothing()
  addWebhook(written, start, "wh_crm")
  addWebhook(written, start, "wh_gone", ["task.*"])
  fact(written, start + 10, "wh_gone", "webhook.deleted", { revision: 2 })
  const first = event(written, start + 1000)
  const second = event(
    written,
    start + 2000,
    "task.created",
    `{"id":"evt_2",\n"data":{"n":12345678901234567890,"n":1.0}}`
  )
  attempt(written, attempt(written, match(written, first, "wh_crm"), 500), 200)
  attempt(written, match(written, second, "wh_crm"), 200)
  return written
}

it.scopedLive("shows everything in order, by each filter, and how things were", () =>
  Effect.gen(function*() {
    yield* stored(history())
    const { eventsCreated } = yield* Topology
    const { brokerTime } = yield* Effect.flatMap(Streams, (streams) => streams.state("EVENTS"))
    const facts = yield* replayed()
    expect(facts.map(({ kind }) => kind)).toEqual([
      "webhook.created",
      "webhook.created",
      "webhook.deleted",
      "event",
      "event",
      "attempt_failed",
      "succeeded",
      "succeeded"
    ])
    const kinds = (query: Partial<ReplayQuery>) => Effect.map(replayed(query), (facts) => facts.map(({ kind }) => kind))
    expect(yield* kinds({ workspace: "ws_1" })).toEqual(facts.map(({ kind }) => kind))
    expect(yield* kinds({ workspace: "ws_2" })).toEqual([])
    expect(yield* kinds({ webhook: "wh_gone" })).toEqual(["webhook.created", "webhook.deleted"])
    expect(yield* kinds({ type: "task.created" })).toEqual(["event", "succeeded"])
    expect(yield* kinds({ kinds: ["attempt_failed", "webhook.deleted"] })).toEqual([
      "webhook.deleted",
      "attempt_failed"
    ])
    expect(yield* kinds({ to: start })).toEqual([])
    expect(yield* kinds({ from: brokerTime + 60_000 })).toEqual([])

    // What JavaScript could not say again stands there as it was published.
    const lines = facts.map(replayJson)
    expect(lines[4]).toContain(`"body":{"id":"evt_2", "data":{"n":12345678901234567890,"n":1.0}}`)
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ workspace_id: "ws_1" })
    expect(replayLine(facts[5]!)).toMatch(
      /DELIVERIES-\d\.1 +attempt_failed +ws_1  project\.created  evt_1  wh_crm  dlv_\w+  attempt 1, status 500/
    )

    const now = brokerTime + 60_000
    expect((yield* webhooksAt(now, undefined)).map(({ deleted, id }) => [id, deleted])).toEqual([
      ["wh_crm", false],
      ["wh_gone", true]
    ])
    const deletedAt = facts[2]!.time
    const before = yield* webhooksAt(deletedAt - 1, "ws_1")
    expect(before.some(({ deleted }) => deleted)).toBe(false)
    const id = deliveryId(eventsCreated, 1, "wh_crm" as WebhookId)
    const ended = yield* deliveryAt(now, id, undefined)
    expect([ended?.delivery.state, ended?.delivery.attempt, ended?.records.length]).toEqual(["succeeded", 2, 2])
    expect((yield* deliveryAt(now, id, "ws_1"))?.records.length).toBe(2)
    expect(yield* deliveryAt(start, id, undefined)).toBe(undefined)
  }).pipe(Effect.provide(brokerLayer())), 30_000)

/** Verdict, events and successes of a range. */
const of = (range: { readonly from?: number; readonly to?: number }) =>
  Effect.map(audit({ ...range, catalogue: bundled }, new AuditProgress()), ({ counts, verdict }) => [
    verdict,
    counts.events,
    counts.outcomes.succeeded
  ])

it.scopedLive("a real broker's streams are proven, and what is missing in them is named", () =>
  Effect.gen(function*() {
    const written = history()
    const [lost] = written.deliveries.splice(2, 1)
    yield* stored(written)
    const { eventsCreated, partitions } = yield* Topology
    const position = JSON.stringify({ v: 1, epoch: 1, floor: 2, webhooks_seq: 3, events_created: eventsCreated })
    yield* Effect.flatMap(KeyValue, (store) =>
      store.write("POSITIONS", `p${partitionOf("ws_1", partitions)}`, position, 0))
    const examined = audit({ catalogue: bundled }, new AuditProgress())
    const found = yield* examined
    expect(found.findings).toMatchObject([{
      kind: "missing",
      event_seq: 2,
      webhook_id: "wh_crm",
      workspace_id: "ws_1"
    }])
    expect(found.verdict).toBe("findings")
    yield* Effect.flatMap(AppendLog, (log) =>
      log.append({ subject: lost!.subject, data: lost!.data }))
    const whole = yield* examined
    expect([whole.verdict, whole.counts.outcomes.succeeded, whole.counts.records]).toEqual(["proven", 2, 3])
    expect(Option.isNone(yield* Effect.flatMap(Streams, (streams) => streams.last("KV_LEASES", "$KV.LEASES.worker"))))
      .toBe(true)
    expect(whole.worker_running).toBe(false)

    expect(yield* of({ to: start })).toEqual(["proven", 0, 0])
    expect(yield* of({ from: start })).toEqual(["proven", 2, 2])
    expect(
      yield* Effect.flip(audit({ catalogue: bundled, most: 1 }, new AuditProgress()))
    ).toMatchObject({ _tag: "AuditImpossible" })
  }).pipe(Effect.provide(brokerLayer())), 30_000)

it("JSON for a terminal has no controls, and says the same", () => {
  const controls = Array.from({ length: 33 }, (_, index) => String.fromCharCode(0x7f + index)).join("")
  const json = JSON.stringify({ text: `before${controls}behind`, [controls]: 1 })
  const line = replayJson({
    time: start,
    stream: "EVENTS",
    sequence: 1,
    kind: "event",
    workspaceId: "ws_1",
    webhookId: undefined,
    eventId: controls,
    eventType: undefined,
    deliveryId: undefined,
    json,
    base64: undefined
  })
  expect(line).toMatch(/^[\u0020-\u007e]+$/)
  expect(JSON.parse(line)).toMatchObject({ event_id: controls, body: JSON.parse(json) })
})

it("shows whatever anybody wrote into a stream", () => {
  const bodies = ["null", "1", "[]", `"text"`, "{}", `{"outcome":null}`, `{"deliveries":[null,1]}`, "no JSON", ""]
  const places = [
    ["EVENTS", "ev.3.ws_1.project.created"],
    ["WEBHOOKS", "webhooks.ws_1.wh_1"],
    ["QUARANTINE", "quarantine.ws_1.json"],
    ["DELIVERIES-1", "deliveries.1.ws_1.wh_1.failed"],
    ["DELIVERIES-1", "deliveries.1"]
  ] as const
  for (const [stream, subject] of places) {
    for (const body of bodies) {
      const message = { subject, sequence: 1, time: start, data: Buffer.from(body), header: () => "of no meaning" }
      for (const fact of readFacts(stream, message, "then")) {
        expect(replayLine(fact)).toContain(`${stream}.1`)
        expect(JSON.parse(replayJson(fact))).toMatchObject({ stream, sequence: 1 })
      }
    }
  }
})
