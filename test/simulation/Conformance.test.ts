/** The model's store and nats-server, asked the same: what one answers the other does. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { AppendFailed, AppendLog } from "../../src/broker/AppendLog.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { type ConsumedMessage, Streams } from "../../src/broker/Streams.ts"
import { brokerLayer, eventually } from "../support/broker.ts"
import { Chance } from "./Chance.ts"
import { runOn, type Site } from "./Hookline.ts"
import { configOf } from "./Hookline.ts"
import { Endpoints } from "./model/Endpoints.ts"
import { Link } from "./model/Link.ts"
import { ModelBroker } from "./model/ModelBroker.ts"
import { services } from "./model/Services.ts"
import { World } from "./World.ts"

type Question = Effect.Effect<unknown, never, AppendLog | KeyValue | Streams>

const append = (message: Parameters<AppendLog["Type"]["append"]>[0]) =>
  Effect.flatMap(
    AppendLog,
    (log) => log.append(message).pipe(Effect.catchAll((error: AppendFailed) => Effect.succeed(error.reason)))
  )

const sequences = (messages: ReadonlyArray<{ readonly sequence: number }>) => messages.map(({ sequence }) => sequence)

/** Each is asked once of a fresh broker, in this order. */
const table: ReadonlyArray<readonly [string, Question]> = [
  ["a sequence counts from 1", append({ subject: "webhooks.ws_a.wh_1", data: "1" })],
  ["an id is stored once", append({ subject: "webhooks.ws_a.wh_1", data: "2", messageId: "a" })],
  ["its repeat is a duplicate, whatever it says", append({ subject: "webhooks.ws_a.wh_2", data: "3", messageId: "a" })],
  ["a subject as expected", append({ subject: "webhooks.ws_a.wh_1", data: "4", expectedLastSubjectSequence: 2 })],
  ["one that has moved", append({ subject: "webhooks.ws_a.wh_1", data: "5", expectedLastSubjectSequence: 2 })],
  [
    "a subject that is not there yet",
    append({ subject: "webhooks.ws_a.wh_3", data: "6", expectedLastSubjectSequence: 0 })
  ],
  [
    "a duplicate before what is expected",
    append({ subject: "webhooks.ws_a.wh_1", data: "7", messageId: "a", expectedLastSubjectSequence: 99 })
  ],
  ["an event gets its partition", append({ subject: "events.ws_a.project.created", data: "{}" })],
  ["a misfit stays", append({ subject: "events.ws_a.shapeless", data: "{}" })],
  ["a subject of nobody", append({ subject: "nobody.listens", data: "{}" })],
  [
    "what is stored",
    Effect.gen(function*() {
      const streams = yield* Streams
      const found: Array<string> = []
      for (const stream of ["WEBHOOKS", "EVENTS"]) {
        const { lastSequence } = yield* streams.state(stream)
        const onMessage = (
          { data, header, sequence, subject }: Parameters<Parameters<typeof streams.scan>[0]["onMessage"]>[0]
        ) => void found.push(`${sequence} ${subject} ${Buffer.from(data).toString()} ${header("Nats-Msg-Id")}`)
        for (const filter of stream === "EVENTS" ? ["ev.>", "events.>"] : ["webhooks.>", "webhooks.*.wh_1"]) {
          yield* streams.scan({ stream, filter, from: 1, to: lastSequence, onMessage })
        }
      }
      return found
    }).pipe(Effect.orDie)
  ],
  [
    "the newest, the next and none",
    Effect.gen(function*() {
      const streams = yield* Streams
      const of = Option.map(({ sequence }: { readonly sequence: number }) => sequence)
      return [
        of(yield* streams.last("WEBHOOKS", "webhooks.ws_a.wh_1")),
        of(yield* streams.last("WEBHOOKS", "webhooks.ws_a.wh_9")),
        of(yield* streams.next("WEBHOOKS", "webhooks.*.wh_1", 2)),
        of(yield* streams.next("WEBHOOKS", "webhooks.*.wh_1", 4)),
        of(yield* streams.message("WEBHOOKS", 2)),
        of(yield* streams.message("WEBHOOKS", 99)),
        yield* streams.subjects("WEBHOOKS", "webhooks.>", 2),
        yield* streams.sequenceAt("WEBHOOKS", 0)
      ]
    }).pipe(Effect.orDie)
  ],
  [
    "a key is compared and set",
    Effect.gen(function*() {
      const store = yield* KeyValue
      const write = (revision: number) =>
        store.write("POSITIONS", "p0", "x", revision).pipe(Effect.catchAll((error) => Effect.succeed(error._tag)))
      const answers = [yield* write(0), yield* write(0), yield* write(1), yield* write(1)]
      const found = yield* store.get("POSITIONS", "p0")
      yield* store.remove("POSITIONS", "p0")
      const gone = yield* store.get("POSITIONS", "p0")
      const keys = yield* store.keys("POSITIONS")
      return [answers, Option.map(found, ({ revision }) => revision), Option.isNone(gone), keys, yield* write(0)]
    }).pipe(Effect.orDie)
  ],
  [
    "a consumer begins where it should, and a second of its name begins anew",
    Effect.scoped(Effect.gen(function*() {
      const streams = yield* Streams
      yield* Effect.forEach([1, 2, 3], () => append({ subject: "events.ws_b.task.created", data: "{}" }))
      const consume = (from: number) =>
        Effect.scoped(Effect.gen(function*() {
          const got: Array<ConsumedMessage> = []
          const options = { stream: "EVENTS", name: "p-e1", filter: "ev.>", from: () => from }
          yield* streams.consume({ ...options, onMessage: (message) => void got.push(message) })
          yield* Effect.repeat(Effect.sleep("5 millis"), { until: () => got.at(-1)?.sequence === 5 })
          for (const message of got) message.ack()
          return [sequences(got), got.some(({ redelivered }) => redelivered)]
        }))
      return [yield* consume(1), yield* consume(4)]
    })).pipe(Effect.orDie)
  ]
]

const onModel = async (): Promise<ReadonlyArray<unknown>> => {
  const world = new World(new Chance(1))
  const broker = new ModelBroker(world, { partitions: 16, deliveriesStreams: 4 })
  const process = world.process("test")
  const site: Site = {
    broker,
    inboxes: new Map(),
    endpoints: new Endpoints(broker, 1_000),
    config: configOf({}),
    snapshotRecords: 1,
    unexpected: (problem) => {
      throw new Error(problem)
    },
    trace: () => {}
  }
  const answers: Array<unknown> = []
  const all = Effect.forEach(table, ([, question]) => Effect.map(question, (answer) => answers.push(answer)))
  const fiber = runOn(
    process,
    site,
    Effect.provide(all, services(broker, new Link(process, broker.weather), new Map()))
  )
  let over = false
  fiber.addObserver(() => {
    over = true
  })
  await world.run(60_000, () => over)
  return answers
}

describe("the model of the broker", () => {
  it.scopedLive("answers as nats-server does", () =>
    Effect.gen(function*() {
      const real: Array<unknown> = []
      for (const [, question] of table) real.push(yield* question)
      const model = yield* Effect.promise(onModel)
      yield* eventually("all answers", () => model.length === table.length)
      for (const [index, [what]] of table.entries()) expect([what, model[index]]).toEqual([what, real[index]])
    }).pipe(Effect.provide(brokerLayer())))
})
