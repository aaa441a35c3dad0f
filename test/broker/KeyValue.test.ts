import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Connection } from "../../src/broker/Connection.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { ObjectStore } from "../../src/broker/ObjectStore.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { brokerLayer, eventually, TestBroker } from "../support/broker.ts"

const text = (entry: Option.Option<{ readonly value: Uint8Array }>) =>
  Option.getOrUndefined(Option.map(entry, ({ value }) => Buffer.from(value).toString()))

describe("KeyValue", () => {
  it.scopedLive("writes only over the revision that was read", () =>
    Effect.gen(function*() {
      const store = yield* KeyValue
      expect(Option.isNone(yield* store.get("POSITIONS", "p0"))).toBe(true)
      const first = yield* store.write("POSITIONS", "p0", "one", 0)
      expect((yield* Effect.flip(store.write("POSITIONS", "p0", "zero", 0)))._tag).toBe("RevisionConflict")
      const second = yield* store.write("POSITIONS", "p0", "two", first)
      expect((yield* Effect.flip(store.write("POSITIONS", "p0", "old", first)))._tag).toBe("RevisionConflict")
      const entry = yield* store.get("POSITIONS", "p0")
      expect(text(entry)).toBe("two")
      expect(Option.getOrThrow(entry).revision).toBe(second)
      const racers = yield* Effect.forEach(
        ["a", "b", "c", "d"],
        (value) => Effect.either(store.write("POSITIONS", "p0", value, second)),
        { concurrency: "unbounded" }
      )
      expect(racers.filter(({ _tag }) => _tag === "Right").length).toBe(1)
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("removes without a trace, and begins again at revision 0", () =>
    Effect.gen(function*() {
      const store = yield* KeyValue
      const streams = yield* Streams
      yield* store.write("SECRETS", "ws_a.wh_1", "sealed", 0)
      yield* store.write("SECRETS", "ws_a.wh_2", "sealed", 0)
      expect([...yield* store.keys("SECRETS")].sort()).toEqual(["ws_a.wh_1", "ws_a.wh_2"])
      yield* store.write("SECRETS", "ws_b.wh_3", "sealed", 0)
      expect([...yield* store.keys("SECRETS", "ws_a")].sort()).toEqual(["ws_a.wh_1", "ws_a.wh_2"])
      expect(yield* store.keys("SECRETS", "ws_b")).toEqual(["ws_b.wh_3"])
      expect(yield* store.keys("SECRETS", "ws_")).toEqual([])
      yield* store.remove("SECRETS", "ws_b.wh_3")
      yield* store.remove("SECRETS", "ws_a.wh_1")
      yield* store.remove("SECRETS", "ws_a.wh_9")
      expect(yield* store.keys("SECRETS")).toEqual(["ws_a.wh_2"])
      expect((yield* streams.state("KV_SECRETS")).messages).toBe(1)
      yield* store.write("SECRETS", "ws_a.wh_1", "again", 0)
      expect(text(yield* store.get("SECRETS", "ws_a.wh_1"))).toBe("again")
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("reads what the client's own key-value store wrote, its deletions too", () =>
    Effect.gen(function*() {
      const store = yield* KeyValue
      const { nats } = yield* Connection
      const foreign = yield* Effect.promise(() => nats.jetstream().views.kv("API_KEYS"))
      yield* Effect.promise(() => foreign.put("k1", "value"))
      expect(text(yield* store.get("API_KEYS", "k1"))).toBe("value")
      yield* Effect.promise(() => foreign.delete("k1"))
      expect(Option.isNone(yield* store.get("API_KEYS", "k1"))).toBe(true)
      yield* store.write("API_KEYS", "k1", "new", 0)
      expect(Buffer.from((yield* Effect.promise(() => foreign.get("k1")))?.value ?? []).toString()).toBe("new")
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("fails while the broker is gone", () =>
    Effect.gen(function*() {
      const store = yield* KeyValue
      const broker = yield* TestBroker
      const connection = yield* Connection
      yield* broker.kill
      yield* eventually("the disconnect", () => !connection.isConnected())
      expect((yield* Effect.flip(store.get("POSITIONS", "p0")))._tag).toBe("BrokerUnavailable")
      expect((yield* Effect.flip(store.write("POSITIONS", "p0", "1", 0)))._tag).toBe("BrokerUnavailable")
    }).pipe(Effect.provide(brokerLayer())))
})

describe("ObjectStore", () => {
  it.scopedLive("puts, replaces, gets and removes, large and empty", () =>
    Effect.gen(function*() {
      const store = yield* ObjectStore
      const streams = yield* Streams
      const large = new Uint8Array(3_000_001).map((_, index) => index * 31)
      yield* store.put("p0-a", large)
      yield* store.put("p0-b", new Uint8Array(0))
      expect(yield* store.names).toEqual(["p0-a", "p0-b"])
      expect(Buffer.from(Option.getOrThrow(yield* store.get("p0-a"))).equals(Buffer.from(large))).toBe(true)
      expect(Option.getOrThrow(yield* store.get("p0-b")).length).toBe(0)
      yield* store.put("p0-a", new Uint8Array([1, 2, 3]))
      expect([...Option.getOrThrow(yield* store.get("p0-a"))]).toEqual([1, 2, 3])
      expect((yield* streams.state("OBJ_SNAPSHOTS")).messages).toBe(3)
      yield* store.remove("p0-a")
      yield* store.remove("p0-z")
      expect(Option.isNone(yield* store.get("p0-a"))).toBe(true)
      expect(yield* store.names).toEqual(["p0-b"])
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("is the store the client knows", () =>
    Effect.gen(function*() {
      const store = yield* ObjectStore
      const { nats } = yield* Connection
      const foreign = yield* Effect.promise(() => nats.jetstream().views.os("SNAPSHOTS"))
      const data = new Uint8Array(400_000).map((_, index) => index * 7)
      yield* store.put("ours", data)
      expect(Buffer.from((yield* Effect.promise(() => foreign.getBlob("ours"))) ?? []).equals(Buffer.from(data))).toBe(
        true
      )
      yield* Effect.promise(() => foreign.putBlob({ name: "theirs" }, data))
      expect(Buffer.from(Option.getOrThrow(yield* store.get("theirs"))).equals(Buffer.from(data))).toBe(true)
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("gives nothing rather than something damaged", () =>
    Effect.gen(function*() {
      const store = yield* ObjectStore
      const { nats } = yield* Connection
      yield* store.put("p0-a", new Uint8Array(300_000))
      const manager = yield* Effect.promise(() => nats.jetstreamManager())
      yield* Effect.promise(() => manager.streams.deleteMessage("OBJ_SNAPSHOTS", 2))
      expect(Option.isNone(yield* store.get("p0-a"))).toBe(true)
    }).pipe(Effect.provide(brokerLayer())))
})
