/** Webhooks with more held deliveries than are kept in memory. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { eventSubject } from "../../src/broker/Subjects.ts"
import type { WorkerStatus } from "../../src/dispatch/Worker.ts"
import { heldLimits } from "../../src/ledger/Spill.ts"
import type { Delivery } from "../../src/model/Delivery.ts"
import { brokerLayer, eventually } from "../support/broker.ts"
import { product } from "../support/product.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { type Receiver, receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import { asking, recorded, testsOn } from "../support/retries.ts"
import { addWebhook as addWebhookTo, untilHeld } from "../support/until.ts"
import { addWebhook, realTime, startWorker, until } from "../support/worker.ts"

const publishAll = (count: number) =>
  Effect.flatMap(AppendLog, (log) =>
    Effect.forEach(
      Array.from({ length: count }, (_, index) => index),
      (index) => log.append({ subject: eventSubject("ws_1", "task.created"), data: `{"id":"evt_${index}","data":{}}` }),
      { concurrency: 1_000, discard: true }
    )).pipe(Effect.orDie)

/** The newest record of each delivery of ws_1, and the sequence up to which they were read. */
const read = Effect.map(recorded, ({ lastSequence, records }) => {
  const newest = new Map<string, Delivery>()
  for (const { delivery } of records) newest.set(delivery.eventId, delivery)
  return { newest, count: records.length, lastSequence }
})

const states = Effect.map(read, ({ newest }) => {
  const counts: Record<string, number> = {}
  for (const { state } of newest.values()) counts[state] = (counts[state] ?? 0) + 1
  return counts
})

type Status = { readonly status: () => WorkerStatus }

const untilLive = (worker: Status, live: number, limit?: number) =>
  until(`${live} live`, Effect.sync(() => worker.status().live === live), limit)

/** A record of up to 500 comes or stays as a whole, and what is on its way to its record is in memory too. */
const most = heldLimits.most + 1_000
const untilBounded = (worker: Status) =>
  until(`at most ${most} in memory`, Effect.sync(() => worker.status().inMemory <= most))

const repeats = (endpoint: Receiver) => Array.from(endpoint.seen).filter(([, count]) => count > 1)

const test = testsOn(brokerLayer({ masterKeys }, { sync: "2m" }), 60_000)

const quiet = { keepArrivals: false }

describe("more held than is kept in memory", () => {
  test(
    "25,000 of a paused webhook: a bounded part in memory, after a restart too; resumed, each is delivered once",
    Effect.gen(function*() {
      const endpoint = yield* receiver(undefined, quiet)
      const events = 25_000
      const webhook = yield* Effect.scoped(Effect.gen(function*() {
        const { webhooks, worker } = yield* startWorker
        const added = yield* addWebhook(webhooks, endpoint.url)
        yield* webhooks.pause(added.workspaceId, added.id)
        yield* publishAll(events)
        yield* untilLive(worker, events, 20_000)
        yield* untilBounded(worker)
        return added
      }))
      const { webhooks, worker } = yield* startWorker
      expect(worker.status().live).toBe(events)
      expect(worker.status().inMemory).toBeLessThanOrEqual(most)
      expect(endpoint.seen.size).toBe(0)
      yield* webhooks.resume(webhook.workspaceId, webhook.id)
      yield* until("some", Effect.sync(() => endpoint.seen.size > events / 3), 20_000)
      expect(worker.status().inMemory).toBeLessThanOrEqual(most)
      yield* untilLive(worker, 0, 30_000)
      expect(endpoint.seen.size).toBe(events)
      expect(repeats(endpoint)).toEqual([])
      expect(yield* states).toEqual({ succeeded: events })
    })
  )

  test(
    "disabled: each is suppressed, once",
    Effect.gen(function*() {
      const endpoint = yield* receiver(undefined, quiet)
      const { webhooks, worker } = yield* startWorker
      const { id, workspaceId } = yield* addWebhook(webhooks, endpoint.url)
      yield* webhooks.pause(workspaceId, id)
      yield* publishAll(13_000)
      yield* untilLive(worker, 13_000, 20_000)
      yield* webhooks.disable(workspaceId, id)
      yield* untilLive(worker, 0, 20_000)
      const { count, newest } = yield* read
      expect(newest.size).toBe(13_000)
      expect(count).toBe(2 * 13_000)
      expect(yield* states).toEqual({ suppressed: 13_000 })
      expect(endpoint.seen.size).toBe(0)
    })
  )

  test(
    "deleted: nothing is appended, now and after a restart",
    Effect.gen(function*() {
      const endpoint = yield* receiver(undefined, quiet)
      yield* Effect.scoped(Effect.gen(function*() {
        const { webhooks, worker } = yield* startWorker
        const { id, workspaceId } = yield* addWebhook(webhooks, endpoint.url)
        yield* webhooks.pause(workspaceId, id)
        yield* publishAll(13_000)
        yield* untilLive(worker, 13_000, 20_000)
        yield* webhooks.remove(workspaceId, id)
        yield* untilLive(worker, 0)
      }))
      const { worker } = yield* startWorker
      expect(worker.status().live).toBe(0)
      expect(yield* states).toEqual({ held: 13_000 })
      expect((yield* read).count).toBe(13_000)
      expect(endpoint.seen.size).toBe(0)
    })
  )

  test(
    "one that is not in memory is retried by hand: it is attempted at once, and once",
    Effect.gen(function*() {
      const endpoint = yield* receiver(undefined, quiet)
      const asked = yield* asking
      const { webhooks, worker } = yield* startWorker
      const { id, workspaceId } = yield* addWebhook(webhooks, endpoint.url)
      yield* webhooks.pause(workspaceId, id)
      yield* publishAll(13_000)
      yield* untilLive(worker, 13_000, 20_000)
      yield* until("a record of each", Effect.map(read, ({ newest }) => newest.size === 13_000))
      yield* webhooks.resume(workspaceId, id, 0.5)
      const { lastSequence, newest } = yield* read
      const seen = newest.get("evt_12999")
      if (seen === undefined) throw new Error("it has no record")
      const ask = asked(seen, lastSequence)
      expect(yield* ask).toBe("accepted")
      yield* eventually("its attempt", () => endpoint.seen.has("evt_12999"))
      expect(yield* ask).toBe("overtaken")
      expect(endpoint.seen.size).toBeLessThan(20)
      yield* webhooks.resume(workspaceId, id)
      yield* untilLive(worker, 0, 30_000)
      expect(endpoint.seen.size).toBe(13_000)
      expect(repeats(endpoint)).toEqual([])
    })
  )

  it.scoped("expired: each gets its record, those too that are not in memory", () =>
    Effect.gen(function*() {
      yield* realTime
      const endpoint = yield* receiver(undefined, quiet)
      const { webhooks, worker } = yield* startWorker
      const { id, workspaceId } = yield* addWebhook(webhooks, endpoint.url)
      yield* webhooks.pause(workspaceId, id)
      yield* publishAll(13_000)
      yield* untilLive(worker, 13_000, 20_000)
      yield* TestClock.adjust("2 hours")
      yield* TestClock.adjust("2 minutes")
      yield* untilLive(worker, 0, 20_000)
      expect(yield* states).toEqual({ failed: 13_000 })
    }).pipe(
      Effect.scoped,
      Effect.provide(brokerLayer({ masterKeys, eventsMaxAge: 3 * 3_600_000 }, { sync: "2m" }))
    ), 60_000)

  it.scopedLive(
    "kill -9 while 25,000 drain: all are delivered, and no more than was in flight twice",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver(undefined, quiet)
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
        const { id } = yield* addWebhookTo(hookline, { url: endpoint.url })
        const act = (what: string) => hookline.api("POST", `/v1/webhooks/${id}/${what}`)
        yield* act("pause")
        const client = yield* natsClient(hookline.natsUrl())
        yield* publishMany(client, {
          workspace: "ws_1",
          type: "task.created",
          prefix: "evt_",
          count: 25_000,
          width: 1_000
        })
        const events = 25_000 + (yield* untilHeld(hookline, id, "probe_"))
        yield* act("resume")
        for (const part of [3_000, 9_000, 16_000]) {
          yield* eventually(`${part} of them`, () => endpoint.seen.size > part)
          yield* hookline.kill
          yield* hookline.start
        }
        yield* eventually("all of them", () => endpoint.seen.size === events, 30_000)
        expect(repeats(endpoint).length).toBeLessThanOrEqual(3 * 2 * 16)
      }),
    60_000
  )
})
