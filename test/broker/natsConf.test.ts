import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { headers } from "nats"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import * as Broker from "../../src/broker/Broker.ts"
import { surveyBroker } from "../../src/broker/BrokerSurvey.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { Lease } from "../../src/broker/Lease.ts"
import { ObjectStore } from "../../src/broker/ObjectStore.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { eventFilter, partitionOf } from "../../src/broker/Subjects.ts"
import { Config, load } from "../../src/Config.ts"
import { login, passwords, refused, server, serverWith } from "../support/natsConf.ts"
import { until } from "./processes.ts"

describe("nats.conf", () => {
  it.scopedLive("lets each role do its work and no more", () =>
    Effect.gen(function*() {
      const { address, url } = yield* server
      const config = yield* load({ flags: {}, env: {}, dev: true })
      const broker = yield* Layer.build(
        Layer.provide(
          Broker.layer({ url: url("HOOKLINE"), name: "test" }),
          Layer.succeed(Config, config)
        )
      )
      yield* Effect.gen(function*() {
        const { append } = yield* AppendLog
        const streams = yield* Streams
        const values = yield* KeyValue
        const objects = yield* ObjectStore
        yield* append({ subject: "webhooks.ws.wh", data: "{}" })
        yield* append({ subject: "deliveries.0.ws.wh.succeeded", data: "{}" })
        yield* append({ subject: "quarantine._.not_json", data: "{" })
        const revision = yield* values.write("SECRETS", "ws.wh", "sealed", 0)
        expect(revision).toBeGreaterThan(0)
        yield* values.remove("SECRETS", "ws.wh")
        yield* objects.put("a", new Uint8Array(300_000))
        expect(Option.isSome(yield* objects.get("a"))).toBe(true)
        yield* objects.remove("a")
        yield* (yield* Lease).acquire("worker")
        expect((yield* surveyBroker()).streams.map(({ name }) => name)).toContain("QUARANTINE")

        const publisher = yield* login(address, "publisher", passwords.PUBLISHER)
        const ack = yield* Effect.promise(() => publisher.jetstream().publish("events.ws.project.created", "{}"))
        expect(ack.stream).toBe("EVENTS")
        let consumed = 0
        yield* streams.consume({
          stream: "EVENTS",
          name: "p0-e1",
          filter: eventFilter(partitionOf("ws", config.partitions)),
          from: () => 1,
          onMessage: (message) => {
            consumed += 1
            message.ack()
          }
        })
        yield* until(Effect.sync(() => consumed === 1))
        expect(yield* refused(async () => (await publisher.jetstreamManager()).streams.info("EVENTS"))).toBe(true)
        expect(yield* refused(() => publisher.jetstream().publish("webhooks.ws.wh", "{}", { timeout: 500 }))).toBe(true)

        const operator = yield* login(address, "operator", passwords.OPERATOR)
        const manager = yield* Effect.promise(() => operator.jetstreamManager())
        expect((yield* Effect.promise(() => manager.streams.info("EVENTS"))).state.messages).toBe(1)
        const reader = yield* Effect.promise(() => operator.jetstream().consumers.get("EVENTS"))
        expect((yield* Effect.promise(() => reader.next()))?.string()).toBe("{}")
        expect(yield* refused(() => manager.streams.purge("QUARANTINE"))).toBe(true)
        expect(yield* refused(() => manager.streams.delete("QUARANTINE"))).toBe(true)
        expect(yield* refused(() => manager.consumers.delete("EVENTS", "p0-e1"))).toBe(true)
        expect(yield* refused(() => operator.jetstream().publish("webhooks.ws.wh", "{}", { timeout: 500 }))).toBe(true)

        const own = yield* login(address, "hookline", passwords.HOOKLINE)
        const refusal = refused(async () => (await own.jetstreamManager()).streams.delete("QUARANTINE"))
        expect(yield* refusal).toBe(true)
        expect((yield* streams.state("QUARANTINE")).messages).toBe(1)
      }).pipe(Effect.provide(broker))
    }))

  it.scopedLive("says what keeps a publisher from hookline's own events: the permissions, and nothing else", () =>
    Effect.gen(function*() {
      const forbidding = /publish (\{ allow: \["events\.>"\], deny: [^}]*\})\.$/m
      const { address, url } = yield* serverWith((text) => {
        const permission = forbidding.exec(text)?.[1]
        if (permission === undefined) throw new Error("nats.conf does not say so")
        return text.replace(
          /^ {6}\{\n {8}user: publisher/m,
          `{ user: kept, password: k4eaf, permissions { publish ${permission}, subscribe { allow: ["_INBOX.>"] } } }\n$&`
        )
      })
      const config = yield* load({ flags: {}, env: {}, dev: true })
      yield* Layer.build(
        Layer.provide(
          Broker.layer({ url: url("HOOKLINE"), name: "test" }),
          Layer.succeed(Config, config)
        )
      )
      const options = headers()
      options.set("Hookline-Notice", "by hand")
      const publisher = yield* login(address, "publisher", passwords.PUBLISHER)
      const kept = yield* login(address, "kept", "k4eaf")
      for (const type of ["webhook.disabled", "delivery.failed"]) {
        const publish = (by: typeof kept) => () =>
          by.jetstream().publish(`events.ws.${type}`, "{}", { headers: options, timeout: 500 })
        expect([type, yield* refused(publish(publisher))]).toEqual([type, false])
        expect([type, yield* refused(publish(kept))]).toEqual([type, true])
      }
      const ack = yield* Effect.promise(() => kept.jetstream().publish("events.ws.project.created", "{}"))
      expect(ack.seq, "what was denied is not stored").toBe(3)
    }))
})
