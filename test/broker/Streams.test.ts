import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Option } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { Connection } from "../../src/broker/Connection.ts"
import { type ConsumedMessage, Streams } from "../../src/broker/Streams.ts"
import {
  eventFilter,
  eventSubject,
  partitionOf,
  quarantineSubject,
  webhooksFilter,
  webhookSubject
} from "../../src/broker/Subjects.ts"
import { brokerLayer, eventually, TestBroker } from "../support/broker.ts"
import { natsClient } from "../support/publisher.ts"

const publish = (count: number, size = 10, workspace = (index: number) => `ws_${index % 20}`) =>
  Effect.flatMap(AppendLog, (log) =>
    Effect.forEach(
      Array.from({ length: count }, (_, index) => index),
      (index) => log.append({ subject: eventSubject(workspace(index), "project.created"), data: new Uint8Array(size) }),
      { concurrency: 500, discard: true }
    ))

const rising = (sequences: ReadonlyArray<number>): boolean =>
  sequences.every((sequence, index) => index === 0 || sequence > (sequences[index - 1] ?? 0))

describe("Streams", () => {
  it.scopedLive("reads single messages, times and states", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      const log = yield* AppendLog
      yield* publish(3)
      const state = yield* streams.state("EVENTS")
      expect(state).toMatchObject({ firstSequence: 1, lastSequence: 3, messages: 3 })
      expect(Number.isNaN(Date.parse(state.created))).toBe(false)
      const second = yield* Effect.flatten(streams.message("EVENTS", 2))
      expect(Math.abs(second.time - state.brokerTime)).toBeLessThan(30_000)
      expect(Option.isNone(yield* streams.message("EVENTS", 99))).toBe(true)
      expect(Option.isNone(yield* streams.last("WEBHOOKS", webhookSubject("ws_a", "wh_1")))).toBe(true)
      yield* log.append({ subject: webhookSubject("ws_a", "wh_1"), data: "1" })
      yield* log.append({ subject: webhookSubject("ws_a", "wh_1"), data: "2" })
      yield* log.append({ subject: webhookSubject("ws_a", "wh_2"), data: "3" })
      const last = yield* Effect.flatten(streams.last("WEBHOOKS", webhookSubject("ws_a", "wh_1")))
      expect(Buffer.from(last.data).toString()).toBe("2")
      expect(yield* streams.sequenceAt("EVENTS", 0)).toBe(1)
      expect(yield* streams.sequenceAt("EVENTS", state.brokerTime + 60_000)).toBe(4)
      expect(yield* streams.sequenceAt("WEBHOOKS", last.time)).toBeLessThanOrEqual(2)
      const next = (from: number) =>
        Effect.map(
          streams.next("WEBHOOKS", webhookSubject("ws_a", "wh_1"), from),
          Option.map(({ sequence }) => sequence)
        )
      expect([yield* next(0), yield* next(1), yield* next(2), yield* next(3)]).toEqual(
        [1, 1, 2].map(Option.some).concat(Option.none())
      )
      const [one, two] = ["wh_1", "wh_2"].map((id) => webhookSubject("ws_a", id))
      const subjects = (filter: string, most: number) => streams.subjects("WEBHOOKS", filter, most)
      expect(yield* subjects("webhooks.*.wh_1", 10)).toEqual({ names: [one], complete: true })
      expect(yield* subjects("webhooks.>", 2)).toEqual({ names: [one, two], complete: true })
      expect(yield* subjects("webhooks.>", 1)).toEqual({ names: [one], complete: false })
      expect(yield* subjects("webhooks.ws_b.>", 1)).toEqual({ names: [], complete: true })
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("scans a range, a filter and nothing", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      yield* publish(5000)
      const scan = (filter: string, from: number, to: number) =>
        Effect.gen(function*() {
          const sequences: Array<number> = []
          yield* streams.scan({
            stream: "EVENTS",
            filter,
            from,
            to,
            onMessage: (message) => void sequences.push(message.sequence)
          })
          return sequences
        })
      const all = yield* scan("ev.>", 1, 5000)
      expect(all).toEqual(Array.from({ length: 5000 }, (_, index) => index + 1))
      expect(yield* scan("ev.>", 100, 102)).toEqual([100, 101, 102])
      expect(yield* scan("ev.>", 4999, 1_000_000)).toEqual([4999, 5000])
      expect(yield* scan("events.>", 1, 5000)).toEqual([])
      expect(yield* scan("ev.>", 10, 9)).toEqual([])
      expect(yield* scan("ev.>", 6000, 7000)).toEqual([])
      const part: Array<number> = []
      yield* streams.scan({
        stream: "EVENTS",
        filter: "ev.>",
        from: 20,
        to: 5000,
        onMessage: ({ sequence }) => part.push(sequence),
        enough: () => part.length === 3
      })
      expect(part).toEqual([20, 21, 22])
      const partition = partitionOf("ws_0", 16)
      const one = yield* scan(eventFilter(partition), 1, 4000)
      const mine = all.filter((sequence) =>
        sequence <= 4000 && partitionOf(`ws_${(sequence - 1) % 20}`, 16) === partition
      )
      expect(one.length).toBe(mine.length)
      expect(rising(one)).toBe(true)
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("scans across a killed broker, in order and each once", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      const broker = yield* TestBroker
      yield* publish(20_000, 500)
      const sequences: Array<number> = []
      const half = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(streams.scan({
        stream: "EVENTS",
        filter: "ev.>",
        from: 1,
        to: 20_000,
        onMessage: ({ sequence }) => {
          sequences.push(sequence)
          if (sequence === 5000) Deferred.unsafeDone(half, Effect.void)
        }
      }))
      yield* Deferred.await(half)
      yield* broker.kill
      yield* broker.restart
      yield* Fiber.join(fiber)
      expect(sequences.length).toBe(20_000)
      expect(rising(sequences)).toBe(true)
    }).pipe(Effect.provide(brokerLayer({}, { sync: "always" }))))

  it.scopedLive("scans over gaps, also at the end", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      const log = yield* AppendLog
      const { nats } = yield* Connection
      const subject = quarantineSubject("ws_a", "not_json")
      yield* Effect.forEach(Array.from({ length: 10 }), () => log.append({ subject, data: "x" }), { discard: true })
      const manager = yield* Effect.promise(() => nats.jetstreamManager())
      for (const sequence of [1, 4, 9, 10]) {
        yield* Effect.promise(() => manager.streams.deleteMessage("QUARANTINE", sequence))
      }
      const sequences: Array<number> = []
      const onMessage = ({ sequence }: { readonly sequence: number }) => void sequences.push(sequence)
      yield* streams.scan({ stream: "QUARANTINE", filter: "quarantine.>", from: 1, to: 10, onMessage })
      expect(sequences).toEqual([2, 3, 5, 6, 7, 8])
    }).pipe(Effect.provide(brokerLayer())))

  it.scoped("takes real time under a test's clock", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      const broker = yield* TestBroker
      const connection = yield* Connection
      yield* publish(100)
      yield* broker.kill
      yield* broker.restart
      yield* eventually("a connection", connection.isConnected)
      let count = 0
      yield* streams.scan({ stream: "EVENTS", filter: "ev.>", from: 1, to: 100, onMessage: () => void count++ })
      expect(count).toBe(100)
    }).pipe(Effect.provide(brokerLayer({}, { sync: "always" }))))

  it.scopedLive("dies when the reader of a scan fails", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      yield* publish(3)
      const exit = yield* Effect.exit(streams.scan({
        stream: "EVENTS",
        filter: "ev.>",
        from: 1,
        to: 3,
        onMessage: () => {
          throw new Error("cannot fold this")
        }
      }))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("cannot fold this")
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("follows across a killed broker and a deleted consumer, in order and each once", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      const log = yield* AppendLog
      const broker = yield* TestBroker
      const connection = yield* Connection
      const seen: Array<number> = []
      const append = (index: number) => log.append({ subject: webhookSubject("ws_a", `wh_${index}`), data: "{}" })
      yield* append(0)
      yield* append(1)
      yield* streams.follow({
        stream: "WEBHOOKS",
        filter: webhooksFilter,
        from: 2,
        onMessage: ({ sequence }) => void seen.push(sequence)
      })
      yield* eventually("the second", () => seen.length === 1)
      yield* append(2)
      yield* eventually("the third", () => seen.length === 2)
      yield* broker.kill
      yield* broker.restart
      yield* eventually("a connection", connection.isConnected)
      yield* append(3)
      yield* eventually("the fourth", () => seen.length === 3)
      yield* streams.deleteConsumers("WEBHOOKS", (name) => name.startsWith("read-"))
      yield* append(4)
      yield* eventually("the fifth", () => seen.length === 4)
      expect(seen).toEqual([2, 3, 4, 5])
    }).pipe(Effect.provide(brokerLayer({}, { sync: "always" }))))

  it.scopedLive("follows at a pace, a part of what there is at each look while it is told to, and all of it after", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      yield* publish(500)
      const seen: Array<number> = []
      // How much had come at each look.
      const looks: Array<number> = []
      let most: number | undefined = 20
      yield* streams.follow({
        stream: "EVENTS",
        filter: "ev.>",
        from: 1,
        pace: {
          milliseconds: 20,
          most: () => {
            if (looks.at(-1) !== seen.length) looks.push(seen.length)
            return most
          }
        },
        onMessage: ({ sequence }) => void seen.push(sequence)
      })
      yield* eventually("some looks", () => looks.length >= 6)
      expect(looks.slice(0, 6)).toEqual([0, 20, 40, 60, 80, 100])
      most = undefined
      yield* eventually("the rest", () => seen.length === 500)
      expect(seen).toEqual(Array.from({ length: 500 }, (_, index) => index + 1))
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("leaves no consumer behind", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      yield* publish(10)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* streams.follow({ stream: "EVENTS", filter: "ev.>", from: 1, onMessage: () => undefined })
        yield* streams.consume({
          stream: "EVENTS",
          name: "p0-e1",
          filter: eventFilter(0),
          from: () => 1,
          onMessage: () => undefined
        })
        yield* streams.scan({ stream: "EVENTS", filter: "ev.>", from: 1, to: 10, onMessage: () => undefined })
      }))
      const left = Effect.gen(function*() {
        const names: Array<string> = []
        yield* streams.deleteConsumers("EVENTS", (name) => names.push(name) < 0)
        return names.length
      })
      expect(yield* Effect.repeat(left, { until: (count) => count === 0, times: 500 })).toBe(0)
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("consumes, pauses and resumes; bounded while paused", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      const taken: Array<ConsumedMessage> = []
      const consumption = yield* streams.consume({
        stream: "EVENTS",
        name: "p0-e1",
        filter: "ev.>",
        from: () => 1,
        onMessage: (message) => {
          taken.push(message)
          message.ack()
        }
      })
      consumption.pause()
      yield* publish(4000)
      yield* eventually("what was asked for", () => taken.length >= 900)
      expect(taken.length).toBeLessThanOrEqual(1000)
      consumption.resume()
      yield* eventually("the rest", () => taken.length === 4000)
      expect(rising(taken.map(({ sequence }) => sequence))).toBe(true)
      expect(taken.some(({ redelivered }) => redelivered)).toBe(false)
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("goes on consuming after the broker was killed, large messages too", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      const broker = yield* TestBroker
      const connection = yield* Connection
      const sequences = new Set<number>()
      const consumption = yield* streams.consume({
        stream: "EVENTS",
        name: "p0-e1",
        filter: "ev.>",
        from: () => 1,
        onMessage: (message) => {
          sequences.add(message.sequence)
          message.ack()
        }
      })
      yield* publish(200, 100_000)
      yield* eventually("the first", () => sequences.size === 200)
      yield* broker.kill
      yield* broker.restart
      yield* eventually("a connection", connection.isConnected)
      yield* publish(200, 100_000)
      yield* eventually("the others", () => sequences.size === 400)
      expect(yield* Deferred.isDone(consumption.lost)).toBe(false)
    }).pipe(Effect.provide(brokerLayer({}, { sync: "always" }))))

  it.scopedLive("says so when its consumer is deleted, and starts anew where it is told", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      yield* publish(10)
      const sequences: Array<number> = []
      const consume = (from: number) =>
        streams.consume({
          stream: "EVENTS",
          name: "p0-e1",
          filter: "ev.>",
          from: () => from,
          onMessage: ({ sequence }) => void sequences.push(sequence)
        })
      const first = yield* consume(1)
      yield* eventually("ten", () => sequences.length === 10)
      yield* streams.deleteConsumers("EVENTS", (name) => name === "p0-e1")
      expect(yield* Deferred.await(first.lost)).toContain("not there")
      yield* consume(8)
      yield* eventually("three more", () => sequences.length === 13)
      expect(sequences.slice(10)).toEqual([8, 9, 10])
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("says so when somebody else has changed its consumer, also when it was changed back", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      const consume = streams.consume({
        stream: "EVENTS",
        name: "p0-e1",
        filter: "ev.>",
        from: () => 1,
        onMessage: ({ ack }) => ack()
      })
      const client = yield* natsClient((yield* TestBroker).url)
      const { consumers } = yield* Effect.promise(() => client.jetstreamManager())
      const changed: ReadonlyArray<readonly [string, object]> = [
        ["filter_subject", { filter_subject: "ev.1.>" }],
        ["filter_subject, filter_subjects", { filter_subject: "", filter_subjects: ["ev.1.>", "ev.2.>"] }],
        ["max_ack_pending", { max_ack_pending: 1 }],
        ["max_deliver", { max_deliver: 1 }],
        ["headers_only", { headers_only: true }],
        ["inactive_threshold", { inactive_threshold: 3_600_000_000_000 }]
      ]
      for (const [fields, change] of changed) {
        yield* Effect.scoped(Effect.gen(function*() {
          const consumption = yield* consume
          yield* consumption.confirm
          const { config } = yield* Effect.promise(() => consumers.info("EVENTS", "p0-e1"))
          const update = (part: object) =>
            Effect.promise(async () => {
              const body = JSON.stringify({ stream_name: "EVENTS", config: { ...config, ...part } })
              const answer = await client.request("$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.p0-e1", body)
              expect(answer.json()).not.toHaveProperty("error")
            })
          yield* update(change)
          const found = `somebody has changed its ${fields}`
          expect((yield* Effect.flip(consumption.confirm)).detail).toBe(found)
          yield* update({})
          expect((yield* Effect.flip(consumption.confirm)).detail).toBe(found)
        }))
      }
      const replaced = yield* consume
      const { config } = yield* Effect.promise(() => consumers.info("EVENTS", "p0-e1"))
      yield* Effect.promise(async () => {
        await consumers.delete("EVENTS", "p0-e1")
        await consumers.add("EVENTS", { ...config, opt_start_seq: 5 })
      })
      expect(yield* Deferred.await(replaced.lost)).toBe("somebody has changed its opt_start_seq")
    }).pipe(Effect.provide(brokerLayer())))
})
