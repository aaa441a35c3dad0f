import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Layer, Option } from "effect"
import { connect, headers } from "nats"
import { spawn } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import * as Broker from "../../src/broker/Broker.ts"
import { surveyBroker } from "../../src/broker/BrokerSurvey.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { Lease } from "../../src/broker/Lease.ts"
import { ObjectStore } from "../../src/broker/ObjectStore.ts"
import { locate, packaged } from "../../src/broker/ServerBinary.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { eventFilter, partitionOf } from "../../src/broker/Subjects.ts"
import { Config, load } from "../../src/Config.ts"
import { temporaryDirectory, until } from "./processes.ts"

const passwords = { HOOKLINE: "h4eaf", OPERATOR: "o4eaf", PUBLISHER: "p4eaf" }

/** The nats.conf of the top level with addresses and a store of the test's own, and what `change` makes of it. */
const serverWith = (change: (text: string) => string) =>
  Effect.gen(function*() {
    const directory = yield* temporaryDirectory
    const text = yield* Effect.promise(() => readFile(join(import.meta.dirname, "../../nats.conf"), "utf8"))
    const own = change(text)
      .replace(`"0.0.0.0:4222"`, `"127.0.0.1:-1"`)
      .replace(`"127.0.0.1:8222"`, `"127.0.0.1:-1"`)
      .replace(`"/data"`, JSON.stringify(join(directory, "store")))
    expect(own.match(/127\.0\.0\.1:-1/g)).toHaveLength(2)
    expect(own).not.toContain(`"/data"`)
    const file = join(directory, "nats.conf")
    yield* Effect.promise(() => writeFile(file, own))
    const binary = yield* locate({
      natsServer: undefined,
      path: process.env["PATH"] ?? "",
      packaged: packaged(),
      directory
    })
    const env = Object.fromEntries(
      Object.entries(passwords).map(([role, password]) => [`NATS_${role}_PASSWORD`, password])
    )
    let log = ""
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(binary.path, ["-c", file], { env, stdio: ["ignore", "ignore", "pipe"] })
        child.stderr.setEncoding("utf8").on("data", (part: string) => {
          log += part
        })
        return child
      }),
      (child) =>
        Effect.async<void>((resume) => {
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    return yield* until(Effect.sync(() => /client connections on (127\.0\.0\.1:\d+)/.exec(log)?.[1]))
  })

const server = serverWith((text) => text)

const login = (address: string, user: string, pass: string) =>
  Effect.acquireRelease(
    Effect.promise(() => connect({ servers: address, user, pass })),
    (nats) => Effect.promise(() => nats.close())
  )

const refused = (ask: () => Promise<unknown>) => Effect.map(Effect.either(Effect.tryPromise(ask)), Either.isLeft)

describe("nats.conf", () => {
  it.scopedLive("lets each role do its work and no more", () =>
    Effect.gen(function*() {
      const address = yield* server
      const config = yield* load({ flags: {}, env: {}, dev: true })
      const broker = yield* Layer.build(
        Layer.provide(
          Broker.layer({ url: `nats://hookline:${passwords.HOOKLINE}@${address}`, name: "test" }),
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
      const address = yield* serverWith((text) => {
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
          Broker.layer({ url: `nats://hookline:${passwords.HOOKLINE}@${address}`, name: "test" }),
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
