import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { Connection } from "../../src/broker/Connection.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { eventSubject } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import type { HooklineConfig } from "../../src/Config.ts"
import { servicesLayer, TestBroker } from "../support/broker.ts"

const day = 86_400_000

const ensure = (overrides: Partial<HooklineConfig> = {}) =>
  Effect.flatMap(TestBroker, ({ url }) => Effect.provide(Topology, servicesLayer(url, overrides)))

const settingsOf = (stream: string) =>
  Effect.flatMap(TestBroker, ({ url }) =>
    Effect.gen(function*() {
      const { nats } = yield* Connection
      const manager = yield* Effect.promise(() => nats.jetstreamManager())
      return (yield* Effect.promise(() => manager.streams.info(stream))).config
    }).pipe(Effect.provide(Connection.layer({ url, name: "inspector" }))))

describe("Topology", () => {
  it.scopedLive("makes every stream and bucket, and finds the same again", () =>
    Effect.gen(function*() {
      const first = yield* ensure()
      expect(first).toMatchObject({ partitions: 16, deliveriesStreams: 4 })
      expect(Object.keys(first.created).sort()).toEqual([
        "DELIVERIES-0",
        "DELIVERIES-1",
        "DELIVERIES-2",
        "DELIVERIES-3",
        "EVENTS",
        "KV_API_KEYS",
        "KV_JOBS",
        "KV_LEASES",
        "KV_POSITIONS",
        "KV_SECRETS",
        "KV_SESSIONS",
        "OBJ_SNAPSHOTS",
        "QUARANTINE",
        "WEBHOOKS"
      ])
      expect(yield* ensure()).toEqual(first)
      expect(yield* settingsOf("EVENTS")).toMatchObject({
        discard: "new",
        max_msg_size: 1024 ** 2,
        max_age: 30 * day * 1e6,
        deny_delete: true,
        deny_purge: true,
        allow_direct: true
      })
      expect(yield* settingsOf("KV_LEASES")).toMatchObject({ max_age: 6e9, max_msgs_per_subject: 1 })
    }).pipe(Effect.provide(TestBroker.layer())))

  it.scopedLive("a stream stays the same one after a change of its settings and starts of the broker", () =>
    Effect.gen(function*() {
      const { kill, restart } = yield* TestBroker
      const first = yield* ensure()
      const again = Effect.zipRight(Effect.zipRight(kill, restart), ensure({ eventsMaxBytes: 9 * 1024 ** 3 }))
      // By itself the broker gives a changed stream another creation time at its next start.
      for (let start = 0; start < 3; start++) expect((yield* again).created).toEqual(first.created)
      const { url } = yield* TestBroker
      const state = yield* Effect.flatMap(Streams, (streams) => streams.state("EVENTS")).pipe(
        Effect.provide(servicesLayer(url, { eventsMaxBytes: 9 * 1024 ** 3 }))
      )
      expect(state.created).toBe(first.created["EVENTS"])
    }).pipe(Effect.provide(TestBroker.layer())))

  it.scopedLive("changes what may be changed, and keeps the messages", () =>
    Effect.gen(function*() {
      const { url } = yield* TestBroker
      yield* Effect.flatMap(AppendLog, (log) => log.append({ subject: eventSubject("ws_a", "a.b"), data: "{}" })).pipe(
        Effect.provide(servicesLayer(url))
      )
      yield* ensure({ eventsMaxAge: 10 * day, eventsMaxBytes: 50_000_000, deliveriesMaxAge: 20 * day })
      expect(yield* settingsOf("EVENTS")).toMatchObject({ max_age: 10 * day * 1e6, max_bytes: 50_000_000 })
      expect(yield* settingsOf("DELIVERIES-1")).toMatchObject({ max_age: 20 * day * 1e6 })
      const state = yield* Effect.flatMap(Streams, (streams) => streams.state("EVENTS")).pipe(
        Effect.provide(servicesLayer(url))
      )
      expect(state.messages).toBe(1)
    }).pipe(Effect.provide(TestBroker.layer())))

  it.scopedLive("names the stream, the setting and what to do where it cannot", () =>
    Effect.gen(function*() {
      yield* ensure()
      const partitions = yield* Effect.flip(ensure({ partitions: 8 }))
      expect(partitions).toMatchObject({ _tag: "TopologyMismatch", stream: "EVENTS", found: "16", wanted: "8" })
      expect(partitions.message).toContain("HOOKLINE_PARTITIONS")
      const fewer = yield* Effect.flip(ensure({ deliveriesStreams: 2 }))
      expect(fewer).toMatchObject({ _tag: "TopologyMismatch", found: "4", wanted: "2" })
      expect(fewer.message).toContain("HOOKLINE_DELIVERIES_STREAMS")
      const more = yield* Effect.flip(ensure({ deliveriesStreams: 8 }))
      expect(more).toMatchObject({ _tag: "TopologyMismatch", found: "4", wanted: "8" })
      const shorter = yield* Effect.flip(ensure({ deliveriesMaxAge: 31 * day }))
      expect(shorter.message).toContain("HOOKLINE_DELIVERIES_MAX_AGE")
      // Nothing was changed on the way.
      expect((yield* ensure()).partitions).toBe(16)
    }).pipe(Effect.provide(TestBroker.layer())))

  it.scopedLive("never lowers a limit below what is held", () =>
    Effect.gen(function*() {
      const { url } = yield* TestBroker
      yield* Effect.flatMap(AppendLog, (log) =>
        log.append({ subject: eventSubject("ws_a", "a.b"), data: new Uint8Array(100_000) })).pipe(
          Effect.provide(servicesLayer(url))
        )
      const mismatch = yield* Effect.flip(ensure({ eventsMaxBytes: 50_000 }))
      expect(mismatch.message).toContain("never thrown away")
    }).pipe(Effect.provide(TestBroker.layer())))

  it.scopedLive("completes what a kill left half made", () =>
    Effect.gen(function*() {
      const { url } = yield* TestBroker
      yield* ensure()
      yield* Effect.gen(function*() {
        const { nats } = yield* Connection
        const manager = yield* Effect.promise(() => nats.jetstreamManager())
        yield* Effect.promise(() => manager.streams.delete("DELIVERIES-3"))
      }).pipe(Effect.provide(Connection.layer({ url, name: "vandal" })))
      expect((yield* ensure()).deliveriesStreams).toBe(4)
    }).pipe(Effect.provide(TestBroker.layer())))
})

const connect = (url: string) => Effect.scoped(Layer.build(Connection.layer({ url, name: "test" })))

describe("Connection", () => {
  it.scopedLive("says who does not answer, without the credentials", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(
        Effect.scoped(Layer.build(Connection.layer({ url: "nats://anna:hunter2@127.0.0.1:1", name: "test" })))
      )
      expect(failed.message).toContain("127.0.0.1:1")
      expect(failed.message).not.toContain("hunter2")
      const malformed = yield* Effect.flip(
        Effect.scoped(Layer.build(Connection.layer({ url: "http://a:b@c", name: "test" })))
      )
      expect(malformed.message).toContain("nats://user:password@host:4222")
    }))

  it.scopedLive("says at once that the credentials are wrong, and takes the right ones", () =>
    Effect.gen(function*() {
      const { port, url } = yield* TestBroker
      const refused = yield* Effect.timeout(Effect.flip(connect(`nats://anna:wrong@127.0.0.1:${port}`)), "5 seconds")
      expect(refused.message).toContain("credentials")
      expect((yield* Effect.flip(connect(`127.0.0.1:${port}`))).message).toContain("credentials")
      yield* connect(url)
      // Of several servers one is enough.
      yield* connect(`nats://anna:s3cret%2F@127.0.0.1:1,nats://127.0.0.1:${port}`)
    }).pipe(Effect.provide(TestBroker.layer({ login: { user: "anna", password: "s3cret%2F" } }))))

  it.scopedLive("is refused by a server without JetStream in words", () =>
    Effect.gen(function*() {
      const { url } = yield* TestBroker
      const failed = yield* Effect.flip(Layer.build(servicesLayer(url)))
      expect(failed.message).toContain("is JetStream on?")
    }).pipe(Effect.provide(TestBroker.layer({ jetStream: false }))))
})
