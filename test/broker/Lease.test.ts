import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { BrokerClock } from "../../src/broker/BrokerClock.ts"
import { Connection } from "../../src/broker/Connection.ts"
import * as JetStreamLease from "../../src/broker/JetStreamLease.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { Lease } from "../../src/broker/Lease.ts"
import { heldSince } from "../../src/broker/LeaseHolder.ts"
import { ownIdentity } from "../../src/broker/ProcessIdentity.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { brokerLayer, eventually, servicesLayer, TestBroker } from "../support/broker.ts"
import { until } from "../support/until.ts"

describe("Lease", () => {
  it.scopedLive("is one process's at a time; given back, the next has it at once", () =>
    Effect.gen(function*() {
      const lease = yield* Lease
      const scope = yield* Scope.make()
      const first = yield* Scope.extend(lease.acquire("worker"), scope)
      expect(first.holds()).toBe(true)
      const fiber = yield* Effect.fork(lease.acquire("worker"))
      // Longer than an entry lives without being renewed.
      expect((yield* Effect.timeoutOption(Fiber.join(fiber), "7 seconds"))._tag).toBe("None")
      expect(first.holds()).toBe(true)
      // Renewed since, and its entry says since when it is held.
      const entry = yield* Effect.flatMap(Streams, (streams) => streams.last("KV_LEASES", "$KV.LEASES.worker"))
      const { time } = Option.getOrThrow(entry)
      expect(time - (heldSince(entry) ?? time)).toBeGreaterThan(3000)
      yield* Scope.close(scope, Exit.void)
      expect(first.holds()).toBe(false)
      const second = yield* Effect.timeout(Fiber.join(fiber), "3 seconds")
      expect(second.holds()).toBe(true)
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("passes on within 10 s when its holder vanishes", () =>
    Effect.gen(function*() {
      const keyValue = yield* KeyValue
      const lease = yield* Lease
      // What a process that was killed leaves: its entry, renewed just now.
      yield* keyValue.write("LEASES", "worker", JSON.stringify({ holder: "gone", host: "elsewhere", process: 1 }), 0)
      const held = yield* Effect.timeout(lease.acquire("worker"), "10 seconds")
      expect(held.holds()).toBe(true)
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("passes on at once when its holder was killed on this machine", () =>
    Effect.gen(function*() {
      const keyValue = yield* KeyValue
      const lease = yield* Lease
      const own = ownIdentity()
      if (own === undefined) return
      const entry = { holder: "killed", host: "here", ...own }
      // The same number, given to a process that started at another time: the holder is gone.
      yield* keyValue.write("LEASES", "killed", JSON.stringify({ ...entry, started: "1" }), 0)
      const held = yield* Effect.timeout(lease.acquire("killed"), "3 seconds")
      expect(held.holds()).toBe(true)
      // One that lives, and one of another machine, keep it.
      for (const other of [entry, { ...entry, place: "elsewhere", started: "1" }]) {
        const name = `other-${other.place.length}`
        yield* keyValue.write("LEASES", name, JSON.stringify(other), 0)
        expect((yield* Effect.timeoutOption(lease.acquire(name), "3 seconds"))._tag).toBe("None")
      }
    }).pipe(Effect.scoped, Effect.provide(brokerLayer())))

  it.scopedLive("is lost 4 s after the broker is gone", () =>
    Effect.gen(function*() {
      const lease = yield* Lease
      const broker = yield* TestBroker
      const held = yield* lease.acquire("worker")
      yield* broker.kill
      expect(held.holds()).toBe(true)
      const reason = yield* Effect.timeout(held.lost, "6 seconds")
      expect(reason).toContain("4 s")
      expect(held.holds()).toBe(false)
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("survives a broker that is restarted quickly", () =>
    Effect.gen(function*() {
      const lease = yield* Lease
      const broker = yield* TestBroker
      const connection = yield* Connection
      const keyValue = yield* KeyValue
      const held = yield* lease.acquire("worker")
      const revision = Effect.map(Effect.flatten(keyValue.get("LEASES", "worker")), (entry) => entry.revision)
      const acquired = yield* revision
      // Renewed just now: the 4 s are to be those of the restart.
      yield* until("a renewal", revision, (now) => now > acquired)
      yield* broker.kill
      yield* broker.restart
      yield* eventually("a connection", connection.isConnected)
      const still = yield* Effect.timeoutOption(held.lost, "5 seconds")
      expect(still._tag).toBe("None")
      expect(held.holds()).toBe(true)
    }).pipe(Effect.provide(brokerLayer({}, { sync: "always" }))))

  it.scopedLive("is lost when another took it", () =>
    Effect.gen(function*() {
      const lease = yield* Lease
      const { url } = yield* TestBroker
      const held = yield* lease.acquire("worker")
      yield* Effect.gen(function*() {
        const keyValue = yield* KeyValue
        const entry = yield* Effect.flatten(keyValue.get("LEASES", "worker"))
        yield* keyValue.write(
          "LEASES",
          "worker",
          JSON.stringify({ holder: "thief", host: "elsewhere", process: 1 }),
          entry.revision
        )
      }).pipe(Effect.provide(servicesLayer(url)))
      expect(yield* Effect.timeout(held.lost, "5 seconds")).toContain("another")
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("measures the broker's time", () =>
    Effect.gen(function*() {
      const lease = yield* Lease
      const clock = yield* BrokerClock
      clock.adjust(0, clock.monotonic(), clock.monotonic())
      expect(clock.now()).toBeLessThan(1000)
      yield* lease.acquire("worker")
      expect(clock.now()).toBeGreaterThan(1_700_000_000_000)
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("is not had before the broker's time is known", () =>
    Effect.gen(function*() {
      const streams = yield* Streams
      const keyValue = yield* KeyValue
      const answers = yield* Effect.makeLatch(false)
      let asked = 0
      const slow = Layer.succeed(Streams, {
        ...streams,
        state: (name) =>
          Effect.zipRight(Effect.sync(() => asked++), Effect.zipRight(answers.await, streams.state(name)))
      })
      const lease = yield* Effect.provide(Lease, Layer.provide(Layer.fresh(JetStreamLease.layer), slow))
      const waiting = yield* Effect.forkScoped(lease.acquire("worker"))
      // The entry is ours and renewed, and the first measurement was given up.
      yield* eventually("another measurement", () => asked >= 2)
      expect(Option.isSome(yield* keyValue.get("LEASES", "worker"))).toBe(true)
      expect(yield* Fiber.poll(waiting)).toEqual(Option.none())
      yield* answers.open
      const held = yield* Effect.timeout(Fiber.join(waiting), "5 seconds")
      expect(held.holds()).toBe(true)
    }).pipe(Effect.provide(brokerLayer())))

  it.scopedLive("measures the broker's time while it stands by", () =>
    Effect.gen(function*() {
      const lease = yield* Lease
      const clock = yield* BrokerClock
      const keyValue = yield* KeyValue
      yield* keyValue.write("LEASES", "worker", JSON.stringify({ holder: "lives", host: "elsewhere", process: 1 }), 0)
      clock.adjust(0, clock.monotonic(), clock.monotonic())
      const waiting = yield* Effect.forkScoped(lease.acquire("worker"))
      yield* eventually("a measurement", () => clock.now() > 1_700_000_000_000)
      expect(yield* Fiber.poll(waiting)).toEqual(Option.none())
    }).pipe(Effect.provide(brokerLayer())))
})

describe("since when a lease is held", () => {
  const renewedAt = 1_700_000_000_000
  const own = { holder: "one", host: "here", process: 1 }
  for (
    const [name, entry, since] of [
      ["said by its holder", { ...own, acquired_at: "2023-11-14T20:00:00.000Z" }, Date.parse("2023-11-14T20:00:00Z")],
      ["since its renewal, by one that does not say it", own, renewedAt],
      ["since its renewal, by one that says no time", { ...own, acquired_at: "then" }, renewedAt],
      ["given back", { ...own, holder: null }, undefined],
      ["no entry of a holder", { who: "knows" }, undefined]
    ] as const
  ) {
    it(name, () => {
      const data = Buffer.from(JSON.stringify(entry))
      expect(heldSince(Option.some({ data, time: renewedAt }))).toBe(since)
    })
  }
  it("no entry at all", () => expect(heldSince(Option.none())).toBe(undefined))
})
