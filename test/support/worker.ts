import { Clock, Context, Duration, Effect, Layer, TestClock } from "effect"
import { delivery } from "../../src/Application.ts"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { BrokerClock } from "../../src/broker/BrokerClock.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { deliveriesStream, eventSubject } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { Config } from "../../src/Config.ts"
import { Worker } from "../../src/dispatch/Worker.ts"
import { bundled } from "../../src/model/Catalogue.ts"
import { type Delivery, evolve } from "../../src/model/Delivery.ts"
import { WorkspaceId } from "../../src/model/Id.ts"
import { Webhooks } from "../../src/registry/Webhooks.ts"
import { eachRecord } from "./records.ts"

const live = Clock.make()

/** Waits in real time until an effect says so: what a real broker and real endpoints do takes its time, whatever the test's clock says. */
export const until = <E, R>(
  what: string,
  condition: Effect.Effect<boolean, E, R>,
  limit = 10_000
): Effect.Effect<void, E, R> =>
  Effect.gen(function*() {
    const deadline = live.unsafeCurrentTimeMillis() + limit
    while (!(yield* condition)) {
      if (live.unsafeCurrentTimeMillis() > deadline) {
        return yield* Effect.die(new Error(`waited ${limit} ms for: ${what}`))
      }
      yield* live.sleep(Duration.millis(5))
    }
  })

/** Sets the test's clock to the real time, which the broker's messages carry. */
export const realTime = TestClock.setTime(live.unsafeCurrentTimeMillis())

/** A worker on the broker that is there, its time being the test's. Closing the scope hands over, as a graceful stop does. */
export const startWorker = Effect.gen(function*() {
  const config = yield* Config
  const context = yield* Layer.build(Layer.fresh(delivery(config, bundled)).pipe(Layer.provide(BrokerClock.layer)))
  const worker = Context.get(context, Worker)
  yield* until("the worker runs", Effect.sync(() => worker.status().state === "running"))
  return { webhooks: Context.get(context, Webhooks), worker }
})

export const addWebhook = (webhooks: Context.Tag.Service<Webhooks>, url: string, events = ["*"]) =>
  webhooks.create(WorkspaceId.make("ws_1"), { url, events }).pipe(Effect.map(({ webhook }) => webhook), Effect.orDie)

export const publish = (type: string, id: string) =>
  Effect.flatMap(
    AppendLog,
    (log) => log.append({ subject: eventSubject("ws_1", type), data: JSON.stringify({ id, data: {} }) })
  ).pipe(Effect.orDie)

/** Every delivery as its records leave it. */
export const folded: Effect.Effect<ReadonlyArray<Delivery>, never, Streams | Topology> = Effect.suspend(() => {
  const known = new Map<string, Delivery>()
  return eachRecord((record) => {
    const key = `${record.delivery.webhookId}/${record.delivery.eventSequence}`
    known.set(key, evolve(known.get(key), record))
  }).pipe(Effect.map(() => [...known.values()]))
}).pipe(Effect.orDie)

/** How many records there are on all DELIVERIES streams. */
export const records: Effect.Effect<number, never, Streams | Topology> = Effect.gen(function*() {
  const streams = yield* Streams
  const { deliveriesStreams } = yield* Topology
  const states = yield* Effect.forEach(
    Array.from({ length: deliveriesStreams }, (_, index) => deliveriesStream(index, deliveriesStreams)),
    (stream) => streams.state(stream)
  )
  return states.reduce((sum, { messages }) => sum + messages, 0)
}).pipe(Effect.orDie)
