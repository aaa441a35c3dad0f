/**
 * What a delivery costs, in counts: of messages to and from the broker, of decodes, matches, signatures and copies. Each is exact, on any machine under
 * any load, so that one more of anything fails here (docs/performance.md).
 */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect, TestClock } from "effect"
import { eventSubject } from "../../src/broker/Subjects.ts"
import { WorkspaceId } from "../../src/model/Id.ts"
import type { Webhooks } from "../../src/registry/Webhooks.ts"
import { eventually, servicesLayer, TestBroker } from "../support/broker.ts"
import { type Calls, countCalls } from "../support/calls.ts"
import { natsClient } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import { atRest } from "../support/until.ts"
import { type Wire, wire } from "../support/wire.ts"
import { folded, realTime, startWorker } from "../support/worker.ts"

/** Of each event, its `data` being so long; all of them come in one go. */
interface Workload {
  readonly workspace: string
  readonly events: number
  readonly webhooks: number
  readonly size: number
  /** Of each delivery the first attempt, and another follows after `retryAfter`. */
  readonly fails?: true
  /** A second passes, after which positions are written. */
  readonly passes?: true
}

/** Milliseconds, less than the second after which positions are written. */
const retryAfter = 100

const workloads: Readonly<Record<string, Workload>> = {
  "one webhook": { workspace: "ws_1", events: 500, webhooks: 1, size: 2_000 },
  "ten webhooks": { workspace: "ws_2", events: 100, webhooks: 10, size: 2_000 },
  "large events": { workspace: "ws_3", events: 20, webhooks: 1, size: 100_000 },
  "a failure and a retry": { workspace: "ws_4", events: 20, webhooks: 1, size: 2_000, fails: true },
  "a second": { workspace: "ws_5", events: 100, webhooks: 1, size: 2_000, passes: true }
}

const present = (counts: Calls): Calls => Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))

/** What one event costs. A retry reads its event again: what waits for its time is not kept in memory. */
const costOf = ({ fails, webhooks }: Workload): Calls => {
  const deliveries = webhooks
  const failures = fails === true ? deliveries : 0
  const attempts = deliveries + failures
  const records = attempts
  const readings = 1 + failures
  return present({
    "received event": 1,
    "sent ack": 1,
    "sent record succeeded": deliveries,
    "received answer to record succeeded": deliveries,
    "sent record attempt_failed": failures,
    "received answer to record attempt_failed": failures,
    "sent read EVENTS": failures,
    "received answer to read EVENTS": failures,
    // Decoded: by a reader that makes no values. Not one of them is parsed, nor is any record read back.
    "call src/model/Event.ts parseEvent": readings,
    "call src/model/JsonBytes.ts readText": readings,
    "call src/ledger/Record.ts encode": records,
    "stringify src/ledger/Record.ts": records,
    "stringify src/broker/JetStreamStreams.ts": failures,
    // The body is made once for all webhooks, and never copied after that.
    "call src/model/Envelope.ts envelope": readings,
    "copy src/model/Envelope.ts": readings,
    // Who gets it is looked up once; whether a webhook matches was worked out when webhooks or types were new.
    "call src/registry/Subscriptions.ts matching": 1,
    "call src/endpoint/Engine.ts offer": deliveries,
    "call src/endpoint/Transitions.ts #decide": attempts * 2,
    // Two signatures a request. The hashes are the event's identity and the delivery's id.
    "call src/outbound/Signature.ts signedHeaders": attempts,
    "hmac src/outbound/Signature.ts": attempts * 2,
    "hash src/model/Identity.ts": 1,
    "hash src/model/Id.ts": records
  })
}

/** Functions that must be called as often as the table says, or never. Others are free to change. */
const watched = [
  ...Object.keys(costOf({ workspace: "", events: 0, webhooks: 1, size: 0, fails: true })),
  "call src/ledger/Record.ts decode",
  "call src/ledger/Record.ts encodeDeferred",
  "call src/model/Matching.ts verdictOn"
]

/**
 * What depends on time, or on how things fall together, and how much of it there may be. In real time: the lease's renewal every 2 s, signs of life of
 * the 22 consumers every 5 s, pulls that end after 30 s, pings every 10 s. In the worker's: what is written once a second, whatever was delivered in it.
 */
const boundsOf = ({ events, passes, size, webhooks }: Workload, seconds: number): Calls => {
  // Again at once where an answer was late.
  const renewals = 2 + Math.ceil(seconds)
  const pings = 1 + Math.floor(seconds / 10)
  // What comes while the end of WEBHOOKS is asked for is matched after the next answer, all of it.
  const fences = 2
  // One for 1,000, another when half of them have come.
  const pulls = Math.ceil(events / 500) + 17 * Math.floor(seconds / 30)
  const signs = 22 * Math.ceil(seconds / 5)
  const rounds = passes === true ? 1 : 0
  const asked = {
    "STREAM.INFO WEBHOOKS": fences + rounds,
    "STREAM.INFO EVENTS": renewals + rounds,
    "CONSUMER.INFO EVENTS": rounds,
    "write LEASES": renewals,
    // The partition's, and before and after the second how far failures were told of.
    "write POSITIONS": 3 * rounds,
    ...Object.fromEntries([0, 1, 2, 3].flatMap((index) => [
      [`STREAM.INFO DELIVERIES-${index}`, rounds],
      [`read DELIVERIES-${index}`, 2 * rounds]
    ]))
  }
  return {
    ...Object.fromEntries(
      Object.entries(asked).flatMap(([kind, most]) => [[`sent ${kind}`, most], [`received answer to ${kind}`, most]])
    ),
    "sent pull EVENTS": pulls,
    "stringify src/broker/Puller.ts": pulls,
    ...Object.fromEntries(
      ["EVENTS", "WEBHOOKS", ...[0, 1, 2, 3].map((index) => `DELIVERIES-${index}`)].map((
        stream
      ) => [`received answer to pull ${stream}`, signs])
    ),
    "sent PING": pings,
    "received PONG": pings,
    "received PING": pings,
    "sent PONG": pings,
    "parse src/broker/JetStreamApi.ts": fences + renewals + 8 * rounds,
    "stringify src/broker/JetStreamApi.ts": 2 * rounds,
    // A position, and what a lease says of its holder.
    "stringify effect/dist": 3 * rounds + renewals,
    // The client gathers a message that comes in several reads, of 64 KiB.
    "copy nats/lib": 2 + 2 * Math.ceil((events * size) / 65_536),
    // As many as an endpoint may have attempts at once.
    "call src/outbound/Connector.ts openConnection": 16 * webhooks
  }
}

const live = Clock.make()

interface Stage {
  readonly webhooks: typeof Webhooks.Service
  readonly publish: (workspace: string, ids: ReadonlyArray<string>, size: number) => Effect.Effect<void>
  readonly way: Wire
  readonly counting: Effect.Effect.Success<typeof countCalls>
}

const idle = (way: Wire) => atRest("the connection to the broker", way.total, 100)

/** The webhooks of a workload, each of which has had an event: secrets are opened and connections made. */
const prepare = ({ publish, webhooks, way }: Stage, { fails, webhooks: count, workspace }: Workload) =>
  Effect.gen(function*() {
    for (let index = 0; index < count; index++) {
      const seen = new Set(["first"])
      const { url } = yield* receiver((response, { id }) => {
        response.statusCode = fails === true && !seen.has(id) ? 500 : 200
        seen.add(id)
        response.end("ok")
      }, { keepArrivals: false })
      yield* webhooks.create(WorkspaceId.make(workspace), { url, events: ["task.created"] })
    }
    yield* publish(workspace, ["first"], 10)
    yield* eventually("the first deliveries", () => way.received("answer to record succeeded") >= count)
    way.take()
  })

const measure = ({ counting, publish, way }: Stage, workload: Workload) =>
  Effect.gen(function*() {
    const { events, fails, passes, size, webhooks, workspace } = workload
    // What the workloads before it have left to be written.
    if (passes === true) {
      yield* TestClock.adjust("1 second")
      yield* eventually("every position", () => way.received("answer to write POSITIONS") >= 18)
    }
    yield* idle(way)
    way.take()
    const began = live.unsafeCurrentTimeMillis()
    way.hold()
    yield* publish(workspace, Array.from({ length: events }, (_, index) => `evt_${index}`), size)
    yield* eventually("all events", () => way.received("event") === events)
    yield* counting.begin(size)
    way.release()
    if (fails === true) {
      yield* eventually("the failures", () => way.received("answer to record attempt_failed") >= events * webhooks)
      yield* TestClock.adjust(retryAfter)
    }
    yield* eventually("the deliveries", () =>
      way.received("answer to record succeeded") >= events * webhooks && way.sent("ack") >= events)
    if (passes === true) {
      yield* TestClock.adjust("1 second")
      yield* eventually("a position", () =>
        way.received("answer to CONSUMER.INFO EVENTS") > 0)
    }
    yield* idle(way)
    const { received, sent } = way.take()
    const called = yield* counting.end
    const counts: Record<string, number> = {}
    for (const [kind, { messages }] of sent) counts[`sent ${kind}`] = messages
    for (const [kind, { messages }] of received) counts[`received ${kind}`] = messages
    Object.assign(counts, called)
    return { counts, received, sent, seconds: (live.unsafeCurrentTimeMillis() - began) / 1_000 }
  })

/** What an event of the workload cost, but for what is bounded. */
const perEvent = (counts: Calls, bounds: Calls, { events }: Workload): Calls =>
  present(Object.fromEntries(
    Object.entries(counts)
      .filter(([name]) => !(name in bounds) && !name.includes(" test/"))
      .filter(([name]) => !name.startsWith("call ") || watched.includes(name))
      .map(([name, count]) => [name, count / events])
  ))

describe("what a delivery costs", () => {
  it.scoped("is counted, exactly", () =>
    Effect.gen(function*() {
      // The worker's time stands still, so that nothing is done because of it.
      yield* realTime
      const broker = yield* TestBroker
      const way = yield* wire(broker.port)
      const publisher = yield* natsClient(broker.url)
      const publish: Stage["publish"] = (workspace, ids, size) =>
        Effect.promise(() => {
          const text = "x".repeat(size)
          for (const id of ids) {
            publisher.publish(eventSubject(workspace, "task.created"), `{"id":"${id}","data":{"text":"${text}"}}`)
          }
          return publisher.flush()
        })

      yield* Effect.gen(function*() {
        const { webhooks } = yield* startWorker
        const counting = yield* countCalls
        const stage: Stage = { counting, publish, way, webhooks }
        for (const workload of Object.values(workloads)) yield* prepare(stage, workload)
        expect((yield* counting.end)["call src/model/Matching.ts verdictOn"]).toBeGreaterThan(0)

        for (const [name, workload] of Object.entries(workloads)) {
          const { counts, received, seconds, sent } = yield* measure(stage, workload)
          const bounds = boundsOf(workload, seconds)
          expect.soft(perEvent(counts, bounds, workload), name).toEqual(costOf(workload))
          for (const [kind, most] of Object.entries(bounds)) {
            expect.soft(counts[kind] ?? 0, `${name}: ${kind}`).toBeLessThanOrEqual(most)
          }
          // The event comes once, and what is recorded of it does not grow with it.
          expect.soft(received.get("event")?.bytes, name).toBeLessThan(workload.events * (workload.size + 200))
          expect.soft(sent.get("record succeeded")?.bytes, name).toBeLessThan(
            workload.events * workload.webhooks * 1_100
          )
        }

        const delivered = Object.values(workloads).reduce(
          (sum, { events, webhooks }) => sum + (events + 1) * webhooks,
          0
        )
        const all = yield* folded
        expect(all.filter(({ state }) => state === "succeeded")).toHaveLength(delivered)
        expect((yield* counting.end)["call src/ledger/Record.ts decode"]).toBeGreaterThan(0)
      }).pipe(Effect.provide(servicesLayer(way.url, { masterKeys, retrySchedule: [0, retryAfter] })))
    }).pipe(Effect.provide(TestBroker.layer({ sync: "2m" }))))
})
