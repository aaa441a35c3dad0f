import { describe, expect, it } from "@effect/vitest"
import {
  Clock,
  Context,
  Effect,
  Either,
  Layer,
  Logger,
  LogLevel,
  Option,
  Redacted,
  type Scope,
  TestClock
} from "effect"
import { createHash } from "node:crypto"
import { BrokerClock } from "../../src/broker/BrokerClock.ts"
import { Connection } from "../../src/broker/Connection.ts"
import { ask } from "../../src/broker/JetStreamApi.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { WorkspaceId } from "../../src/model/Id.ts"
import { ApiKeys } from "../../src/registry/ApiKeys.ts"
import { brokerLayer, eventually, servicesLayer, TestBroker } from "../support/broker.ts"
import { until } from "../support/worker.ts"

const ws = WorkspaceId.make("ws_1")
const live = Clock.make()

const settings = (more: Partial<Parameters<ApiKeys["Type"]["create"]>[0]> = {}) => ({
  workspaceId: ws,
  role: "manage" as const,
  name: "a key",
  expiresAt: undefined,
  ...more
})

/** One process more on the broker, its time the test's (`TestClock`) or real, and what happens to its follower. */
const another = (changed: Layer.Layer<Streams, never, Streams> = Layer.effect(Streams, Streams)) =>
  Effect.map(
    Layer.build(
      Layer.fresh(ApiKeys.layer).pipe(
        Layer.provide(Layer.fresh(changed)),
        Layer.provide(Layer.fresh(BrokerClock.layer))
      )
    ),
    (context) => Context.get(context, ApiKeys)
  )

/** A process with a connection of its own. */
const process = Effect.gen(function*() {
  const { url } = yield* TestBroker
  const context = yield* Layer.build(Layer.fresh(ApiKeys.layer.pipe(Layer.provide(servicesLayer(url)))))
  return Context.get(context, ApiKeys)
})

/** On a broker that outlives the processes on it. */
const onBroker = <A, E, R>(effect: Effect.Effect<A, E, R | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(brokerLayer()), Logger.withMinimumLogLevel(LogLevel.Warning))

const stored = (id: string) =>
  Effect.map(
    Effect.flatMap(KeyValue, (store) => store.get("API_KEYS", id)),
    (entry) => JSON.parse(Buffer.from(Option.getOrThrow(entry).value).toString()) as Record<string, unknown>
  )

const lastSequence = Effect.map(
  Effect.flatMap(Streams, (streams) => streams.state("KV_API_KEYS")),
  (state) => state.lastSequence
)

const hasKey = (keys: ApiKeys["Type"], id: string) => Effect.sync(() => keys.find(id) !== undefined)
const lost = (keys: ApiKeys["Type"], id: string) => Effect.sync(() => keys.find(id) === undefined)

describe("ApiKeys", () => {
  it.live("keeps the hash and never the key, and knows it again in another process", () =>
    Effect.gen(function*() {
      const keys = yield* another()
      const { key, text } = yield* keys.create(settings({ name: "billing" }))
      const secret = Redacted.value(text)
      const sha256 = createHash("sha256").update(secret).digest("hex")
      expect(String(text)).not.toContain(secret)
      expect(yield* stored(key.id)).toEqual({
        v: 1,
        id: key.id,
        workspace_id: "ws_1",
        role: "manage",
        name: "billing",
        sha256,
        created_at: new Date(key.createdAt).toISOString()
      })
      for (const each of [keys, yield* another(), yield* process]) {
        const found = each.find(key.id)
        expect(found?.key).toEqual(key)
        expect(found?.digest.toString("hex")).toBe(sha256)
        expect(each.list(ws)).toEqual([key])
        expect(each.list(WorkspaceId.make("ws_2"))).toEqual([])
        expect(each.list(null)).toEqual([])
      }
    }).pipe(onBroker))

  it.live(
    "revokes everywhere within 5 s: at once here, by the follower there, and where the follower is deaf",
    () =>
      Effect.gen(function*() {
        const deaf = Layer.effect(
          Streams,
          Effect.map(Streams, (streams) => ({ ...streams, follow: () => Effect.void }))
        )
        const [here, there, slow] = [yield* another(), yield* process, yield* another(deaf)]
        const took: Record<string, number> = {}
        for (let round = 0; round < 3; round++) {
          const { key } = yield* here.create(settings())
          yield* until("known there", hasKey(there, key.id))
          yield* until("known to the deaf one", hasKey(slow, key.id))
          yield* here.revoke(ws, key.id)
          const at = live.unsafeCurrentTimeMillis()
          expect(here.find(key.id)).toBeUndefined()
          const measure = (name: string, keys: ApiKeys["Type"]) =>
            Effect.map(until(`revoked for ${name}`, lost(keys, key.id), 5000), () => {
              took[name] = Math.max(took[name] ?? 0, live.unsafeCurrentTimeMillis() - at)
            })
          yield* Effect.all([measure("there", there), measure("deaf", slow)], { concurrency: "unbounded" })
          expect(yield* stored(key.id)).not.toHaveProperty("sha256")
          for (const each of [here, there, slow]) {
            expect(each.list(ws)).toEqual([])
            yield* each.revoke(ws, key.id)
          }
        }
        expect(took["there"]).toBeLessThan(1000)
        expect(took["deaf"]).toBeLessThan(5000)
      }).pipe(onBroker),
    60_000
  )

  it.live(
    "takes nothing for true once the broker has not answered for 4 s, and again when it does",
    () =>
      Effect.gen(function*() {
        const broker = yield* TestBroker
        const keys = yield* process
        const { key } = yield* keys.create(settings())
        expect(keys.confirmed()).toBe(true)
        const at = live.unsafeCurrentTimeMillis()
        yield* broker.freeze
        yield* eventually("what is known to be in doubt", () => !keys.confirmed(), 5000).pipe(
          Effect.ensuring(broker.thaw)
        )
        expect(live.unsafeCurrentTimeMillis() - at).toBeLessThan(5000)
        yield* eventually("confirmed again", keys.confirmed)
        expect(keys.find(key.id)?.key.id).toBe(key.id)
        yield* broker.kill
        yield* eventually("what is known to be in doubt", () => !keys.confirmed(), 6000)
        expect((yield* Effect.flip(keys.create(settings())))._tag).toBe("BrokerUnavailable")
        expect((yield* Effect.flip(keys.revoke(ws, key.id)))._tag).toBe("BrokerUnavailable")
        expect(keys.find(key.id), "a revocation that failed is none").toBeDefined()
        yield* broker.restart
        yield* eventually("confirmed again", keys.confirmed, 30_000)
        yield* keys.revoke(ws, key.id)
        expect(keys.find(key.id)).toBeUndefined()
      }).pipe(onBroker),
    90_000
  )

  it.live("an answer of the leader that is older than what came meanwhile is believed for what it is", () =>
    Effect.gen(function*() {
      const writer = yield* another()
      let meanwhile: Effect.Effect<void, never> = Effect.void
      let answered = 0
      const slow = Layer.effect(
        Streams,
        Effect.map(Streams, (streams) => ({
          ...streams,
          state: (stream) =>
            Effect.tap(streams.state(stream), () => Effect.zipRight(meanwhile, Effect.sync(() => answered++)))
        }))
      )
      const keys = yield* another(slow)
      let made = ""
      meanwhile = Effect.gen(function*() {
        meanwhile = Effect.void
        made = (yield* Effect.orDie(writer.create(settings()))).key.id
        yield* until("known", hasKey(keys, made))
      })
      const before = answered
      yield* until("asked twice more", Effect.sync(() => answered >= before + 2))
      expect(keys.find(made)?.key.id).toBe(made)
      expect(keys.confirmed()).toBe(true)
    }).pipe(onBroker))

  it.live("a follower that lags behind brings nothing back that was deleted meanwhile", () =>
    Effect.gen(function*() {
      const writer = yield* another()
      const late: Array<() => void> = []
      const lagging = Layer.effect(
        Streams,
        Effect.map(Streams, (streams) => ({
          ...streams,
          follow: (range) =>
            streams.follow({ ...range, onMessage: (message) => void late.push(() => range.onMessage(message)) })
        }))
      )
      const keys = yield* another(lagging)
      const { nats } = yield* Connection
      const foreign = yield* Effect.promise(() => nats.jetstream().views.kv("API_KEYS"))
      const { key } = yield* writer.create(settings())
      yield* until("known without the follower", hasKey(keys, key.id))
      yield* Effect.promise(() => foreign.delete(key.id))
      yield* until("gone without the follower", lost(keys, key.id))
      expect(late.length).toBeGreaterThan(0)
      for (const deliver of late) {
        deliver()
        expect(keys.find(key.id)).toBeUndefined()
      }
    }).pipe(onBroker))

  it.live("another workspace's key, the operator's and one that never was are not found", () =>
    Effect.gen(function*() {
      const keys = yield* another()
      const { key } = yield* keys.create(settings())
      const { key: operators } = yield* keys.create(settings({ workspaceId: null }))
      const tries: ReadonlyArray<readonly [WorkspaceId | null, string]> = [
        [WorkspaceId.make("ws_2"), key.id],
        [null, key.id],
        [ws, operators.id],
        [ws, "0123"],
        [ws, "a.b"],
        [ws, "*"],
        [ws, ""]
      ]
      for (const [workspaceId, id] of tries) {
        expect((yield* Effect.flip(keys.revoke(workspaceId, id)))._tag, id).toBe("ApiKeyNotFound")
      }
      expect([keys.isOfOperator(operators.id), keys.isOfOperator(key.id), keys.isOfOperator("0123")]).toEqual([
        true,
        false,
        false
      ])
      expect(keys.list(null)).toEqual([operators])
      expect(keys.find(key.id)).toBeDefined()
      expect(keys.find(operators.id)).toBeDefined()
    }).pipe(onBroker))

  it.live(
    "has at most 1,000 keys a workspace, however they are made; one revoked makes no room at once",
    () =>
      Effect.gen(function*() {
        const keys = yield* another()
        const made = yield* Effect.forEach(
          Array.from({ length: 1010 }),
          () => Effect.either(keys.create(settings({ role: "read" }))),
          { concurrency: 100 }
        )
        expect(made.filter(Either.isRight)).toHaveLength(1000)
        expect(keys.list(ws)).toHaveLength(1000)
        const [first] = keys.list(ws)
        yield* keys.revoke(ws, first?.id ?? "")
        expect(yield* Effect.flip(keys.create(settings()))).toMatchObject({ _tag: "TooManyApiKeys", limit: 1000 })
        yield* keys.create(settings({ workspaceId: WorkspaceId.make("ws_2") }))
        const created = keys.list(ws).map(({ createdAt }) => createdAt)
        expect(created).toEqual(created.toSorted((a, b) => b - a))
      }).pipe(onBroker),
    60_000
  )

  it.live(
    "a use written in one process never brings back a key revoked in another",
    () =>
      Effect.gen(function*() {
        const [using, revoking] = [yield* another(), yield* process]
        const ids = yield* Effect.forEach(
          Array.from({ length: 300 }),
          () => Effect.map(using.create(settings()), ({ key }) => key.id),
          { concurrency: 50 }
        )
        yield* until("all known there", Effect.sync(() => revoking.list(ws).length === 300))
        yield* Effect.all([
          Effect.forEach(ids, (id) => Effect.zipRight(Effect.sync(() => using.used(id)), Effect.yieldNow()), {
            discard: true
          }),
          Effect.forEach(ids, (id) => revoking.revoke(ws, id), { concurrency: 20, discard: true })
        ], { concurrency: "unbounded" })
        // The uses are written in order: once the last one is, all were tried.
        const { key: last } = yield* using.create(settings({ workspaceId: WorkspaceId.make("ws_2") }))
        using.used(last.id)
        yield* until("the last use", Effect.sync(() => using.find(last.id)?.key.lastUsedAt !== undefined))
        let raced = 0
        for (const id of ids) {
          const record = yield* stored(id)
          expect(record).toMatchObject({ id, revoked_at: expect.any(String) })
          expect(record).not.toHaveProperty("sha256")
          if ("last_used_at" in record) raced++
          for (const keys of [using, revoking]) yield* until("revoked", lost(keys, id))
        }
        expect(raced, "some uses were written before the revocation, some came too late").toBeGreaterThan(0)
        expect(raced).toBeLessThan(300)
      }).pipe(onBroker),
    60_000
  )
})

describe("ApiKeys, as time goes by", () => {
  const start = Effect.gen(function*() {
    yield* TestClock.setTime(live.unsafeCurrentTimeMillis())
    return [yield* another(), yield* another()] as const
  })

  it.effect("a use is written at most once a minute, by whatever process", () =>
    Effect.gen(function*() {
      const [one, two] = yield* start
      const { key } = yield* one.create(settings())
      yield* until("known to both", hasKey(two, key.id))
      const before = yield* lastSequence
      const useOften = Effect.sync(() => {
        for (let count = 0; count < 100; count++) for (const keys of [one, two]) keys.used(key.id)
      })
      const times = (keys: ApiKeys["Type"]) => keys.find(key.id)?.key.lastUsedAt
      for (let minute = 1; minute <= 3; minute++) {
        const now = yield* Clock.currentTimeMillis
        yield* useOften
        yield* until("written", Effect.sync(() => times(one) === now && times(two) === now))
        yield* TestClock.adjust("59 seconds")
        yield* useOften
        yield* TestClock.adjust("1 seconds")
        const after = yield* lastSequence
        // Two that write at the same time both try; the bucket takes one.
        expect(after - before).toBe(minute)
      }
      expect(yield* stored(key.id)).toHaveProperty("sha256")
    }).pipe(onBroker), 60_000)

  it.effect("an expired key is not found, and stays in the list until it is revoked", () =>
    Effect.gen(function*() {
      const [keys] = yield* start
      const expiresAt = (yield* Clock.currentTimeMillis) + 10_000
      const { key } = yield* keys.create(settings({ expiresAt }))
      yield* TestClock.adjust("9999 millis")
      expect(keys.find(key.id)?.key.expiresAt).toBe(expiresAt)
      yield* TestClock.adjust("1 millis")
      expect(keys.find(key.id)).toBeUndefined()
      expect(keys.list(ws).map(({ id }) => id)).toEqual([key.id])
      yield* keys.revoke(ws, key.id)
      expect(keys.list(ws)).toEqual([])
    }).pipe(onBroker), 60_000)

  it.effect("what was revoked is purged after an hour, and revoked for good", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(live.unsafeCurrentTimeMillis())
      const store = yield* KeyValue
      const left = Effect.map(store.keys("API_KEYS"), (names) => names.toSorted())
      const [key, other] = yield* Effect.scoped(Effect.gen(function*() {
        const keys = yield* another()
        const { key } = yield* keys.create(settings())
        const { key: other } = yield* keys.create(settings())
        yield* keys.revoke(ws, key.id)
        return [key.id, other.id] as const
      }))
      // A process that runs looks once a minute. No process runs while the time goes by: it would wake 3,600 times.
      yield* TestClock.adjust("57 minutes")
      yield* Effect.scoped(Effect.gen(function*() {
        const keys = yield* another()
        yield* TestClock.adjust("61 seconds")
        yield* keys.revoke(ws, key)
        expect(yield* left).toEqual([key, other].toSorted())
      }))
      yield* TestClock.adjust("2 minutes")
      const [keys, witness] = [yield* another(), yield* another()]
      yield* until(
        "purged",
        Effect.zipRight(TestClock.adjust("1 seconds"), Effect.map(left, ({ length }) => length === 1))
      )
      yield* until(
        "dropped",
        Effect.zipRight(TestClock.adjust("1 seconds"), Effect.sync(() => witness.find(key) === undefined))
      )
      expect((yield* Effect.flip(keys.revoke(ws, key)))._tag).toBe("ApiKeyNotFound")
      expect(keys.list(ws).map(({ id }) => id)).toEqual([other])
    }).pipe(onBroker), 60_000)

  it.effect(
    "what others do to the bucket: a deletion, a purge, a value that is none, another bucket",
    () =>
      Effect.gen(function*() {
        const [keys, witness] = yield* start
        const store = yield* KeyValue
        const connection = yield* Connection
        const foreign = yield* Effect.promise(() => connection.nats.jetstream().views.kv("API_KEYS"))
        const make = Effect.map(keys.create(settings()), ({ key }) => key.id)
        const gone = (id: string) =>
          Effect.forEach(
            [keys, witness],
            (each) => until(`${id} gone`, Effect.zipRight(TestClock.adjust("61 seconds"), lost(each, id)))
          )

        const [deleted, purged, spoilt, moved, kept] = [yield* make, yield* make, yield* make, yield* make, yield* make]
        yield* until("known", hasKey(witness, kept))
        yield* Effect.promise(() => foreign.delete(deleted))
        yield* store.remove("API_KEYS", purged)
        // Its use is written over a message that is gone: it stays gone.
        keys.used(purged)
        keys.used(kept)
        yield* until("written", Effect.sync(() => keys.find(kept)?.key.lastUsedAt !== undefined))
        expect(Option.isNone(yield* store.get("API_KEYS", purged))).toBe(true)
        yield* Effect.promise(() => foreign.put(spoilt, "{}"))
        const record = yield* stored(kept)
        yield* Effect.promise(() => foreign.put("a.b", JSON.stringify({ ...record, id: "a.b" })))
        yield* Effect.promise(() => foreign.put(moved, JSON.stringify({ ...record, id: moved, workspace_id: "ws_9" })))
        for (const id of [deleted, purged, spoilt, moved]) yield* gone(id)
        expect(keys.find(kept)).toBeDefined()
        expect(keys.list(WorkspaceId.make("ws_9"))).toEqual([])
        expect(keys.list(ws).map(({ id }) => id)).toEqual([kept])

        const { config } = yield* ask<{ readonly config: object }>(connection, "STREAM.INFO.KV_API_KEYS")
        yield* ask(connection, "STREAM.DELETE.KV_API_KEYS")
        yield* ask(connection, "STREAM.CREATE.KV_API_KEYS", config)
        yield* gone(kept)
        const fresh = yield* make
        yield* until("known", Effect.zipRight(TestClock.adjust("1 seconds"), hasKey(witness, fresh)))
        expect(witness.confirmed()).toBe(true)
      }).pipe(onBroker),
    60_000
  )
})
