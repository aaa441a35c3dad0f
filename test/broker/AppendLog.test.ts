import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Exit } from "effect"
import { type Appended, type AppendFailed, AppendLog } from "../../src/broker/AppendLog.ts"
import { Connection } from "../../src/broker/Connection.ts"
import { Streams } from "../../src/broker/Streams.ts"
import {
  deliverySubject,
  eventSubject,
  headerNames,
  quarantineSubject,
  webhookSubject
} from "../../src/broker/Subjects.ts"
import { brokerLayer, eventually, TestBroker } from "../support/broker.ts"

const created = eventSubject("ws_a", "project.created")
const reasonOf = (result: Either.Either<Appended, AppendFailed>): string =>
  Either.match(result, { onLeft: (failed) => failed.reason, onRight: () => "stored" })

describe("AppendLog", () => {
  it.scopedLive("stores once for a message id, with headers and bytes as they were", () =>
    Effect.gen(function*() {
      const log = yield* AppendLog
      const streams = yield* Streams
      const data = new Uint8Array([0, 255, 13, 10, 123])
      const message = { subject: created, data, messageId: "ws_a/evt_1", headers: { [headerNames.released]: "qrn_7" } }
      expect(yield* log.append(message)).toEqual({ sequence: 1, duplicate: false })
      expect(yield* log.append(message)).toEqual({ sequence: 1, duplicate: true })
      const stored = yield* Effect.flatten(streams.message("EVENTS", 1))
      expect([...stored.data]).toEqual([...data])
      expect(stored.header(headerNames.messageId)).toBe("ws_a/evt_1")
      expect(stored.header(headerNames.released)).toBe("qrn_7")
      expect(stored.header("Nats-Nothing")).toBeUndefined()
      expect((yield* streams.state("EVENTS")).lastSequence).toBe(1)
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("tells a lost race, an oversized message and a subject without a stream apart", () =>
    Effect.gen(function*() {
      const log = yield* AppendLog
      const subject = webhookSubject("ws_a", "wh_1")
      const at = (expectedLastSubjectSequence: number) =>
        Effect.either(log.append({ subject, data: "{}", expectedLastSubjectSequence }))
      expect(reasonOf(yield* at(0))).toBe("stored")
      expect(reasonOf(yield* at(0))).toBe("conflict")
      expect(reasonOf(yield* at(7))).toBe("conflict")
      expect(reasonOf(yield* at(1))).toBe("stored")
      const sized = (bytes: number) => Effect.either(log.append({ subject: created, data: new Uint8Array(bytes) }))
      expect(reasonOf(yield* sized(1024 ** 2 - 200))).toBe("stored")
      expect(reasonOf(yield* sized(1024 ** 2 + 1))).toBe("too_large")
      expect(reasonOf(yield* sized(2 * 1024 ** 2 + 1))).toBe("too_large")
      expect(reasonOf(yield* Effect.either(log.append({ subject: "nobody.listens", data: "" })))).toBe("no_stream")
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("refuses when the stream is full, and keeps what it has", () =>
    Effect.gen(function*() {
      const log = yield* AppendLog
      const streams = yield* Streams
      const results = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => index),
        () => Effect.either(log.append({ subject: created, data: new Uint8Array(10_000) }))
      )
      expect(reasonOf(results[0] ?? Either.left(results[0] as never))).toBe("stored")
      expect(reasonOf(results[19] ?? Either.left(results[19] as never))).toBe("full")
      expect((yield* streams.state("EVENTS")).firstSequence).toBe(1)
    }).pipe(Effect.provide(brokerLayer({ eventsMaxBytes: 100_000 }))))

  it.scopedLive("settles every append when the broker is killed, and works again when it is back", () =>
    Effect.gen(function*() {
      const log = yield* AppendLog
      const streams = yield* Streams
      const broker = yield* TestBroker
      const stored = new Set<string>()
      const reasons = new Set<string>()
      let sent = 0
      let settled = 0
      let stop = false
      const next = () => {
        if (stop) return
        const messageId = `record-${sent++}`
        log.unsafeAppend(
          { subject: deliverySubject(3, "ws_a", "wh_1", "succeeded"), data: "{}", messageId },
          (result) => {
            settled++
            if ("_tag" in result) reasons.add(result.reason)
            else stored.add(messageId)
            next()
          }
        )
      }
      for (let index = 0; index < 200; index++) next()
      yield* eventually("some appends", () => stored.size > 1000)
      yield* broker.kill
      yield* eventually("a refusal", () => reasons.size > 0)
      stop = true
      yield* eventually("every append to be settled", () => settled === sent, 8000)
      expect([...reasons].every((reason) => ["unacknowledged", "disconnected", "no_stream"].includes(reason))).toBe(
        true
      )
      expect(reasonOf(yield* Effect.either(log.append({ subject: created, data: "{}" })))).toBe("disconnected")

      yield* broker.restart
      const connection = yield* Connection
      yield* eventually("a connection", connection.isConnected)
      expect((yield* log.append({ subject: created, data: "{}" })).sequence).toBe(1)
      const ids = new Set<string>()
      const { lastSequence } = yield* streams.state("DELIVERIES-3")
      yield* streams.scan({
        stream: "DELIVERIES-3",
        filter: "deliveries.3.>",
        from: 1,
        to: lastSequence,
        onMessage: (message) => void ids.add(message.header(headerNames.messageId) ?? "")
      })
      expect([...stored].filter((id) => !ids.has(id))).toEqual([])
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("gives up after 5 s on a broker that is frozen", () =>
    Effect.gen(function*() {
      const log = yield* AppendLog
      const broker = yield* TestBroker
      yield* broker.freeze
      const result = yield* Effect.either(log.append({ subject: created, data: "{}" })).pipe(
        Effect.ensuring(broker.thaw)
      )
      expect(reasonOf(result)).toBe("unacknowledged")
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("lets nothing but tokens near the wire", () =>
    Effect.gen(function*() {
      const log = yield* AppendLog
      const streams = yield* Streams
      const hostile = [
        "a 0\r\n\r\nPUB events.ws_b.project.created 2\r\n{}\r\n",
        "a b",
        "a.b",
        "*",
        ">",
        "",
        "é",
        "a\u0000",
        "a".repeat(65)
      ]
      for (const text of hostile) {
        expect(() => eventSubject(text, "project.created")).toThrow()
        expect(() => eventSubject("ws_a", `project.${text}`)).toThrow()
        expect(() => webhookSubject("ws_a", text)).toThrow()
        expect(() => deliverySubject(0, "ws_a", "wh", text)).toThrow()
        expect(() => quarantineSubject(text, "not_json")).toThrow()
      }
      for (
        const subject of [
          "events.a b.c.d",
          "events.a.*.c",
          "events.>",
          "events..b.c",
          "events.a\r\nPUB x 0\r\n",
          "$JS.API.INFO",
          ""
        ]
      ) {
        expect(Exit.isFailure(yield* Effect.exit(log.append({ subject, data: "{}" })))).toBe(true)
      }
      const header = { [headerNames.reason]: "x\r\nNats-Rollup: all" }
      expect(Exit.isFailure(yield* Effect.exit(log.append({ subject: created, data: "{}", headers: header })))).toBe(
        true
      )
      expect(Exit.isFailure(yield* Effect.exit(log.append({ subject: created, data: "{}", messageId: "a\r\nb" }))))
        .toBe(true)
      // What came before on the connection is what is stored after, and nothing else.
      expect((yield* log.append({ subject: created, data: "{}" })).sequence).toBe(1)
      for (const stream of ["WEBHOOKS", "QUARANTINE", "DELIVERIES-0"]) {
        expect((yield* streams.state(stream)).messages).toBe(0)
      }
    }).pipe(Effect.provide(brokerLayer())))
})
