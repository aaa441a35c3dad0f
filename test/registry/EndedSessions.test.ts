import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import { Connection } from "../../src/broker/Connection.ts"
import { ask } from "../../src/broker/JetStreamApi.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { EndedSessions } from "../../src/registry/EndedSessions.ts"
import { brokerLayer, eventually, servicesLayer, TestBroker } from "../support/broker.ts"

/** A process with a connection of its own. */
const process = Effect.gen(function*() {
  const { url } = yield* TestBroker
  const context = yield* Layer.build(Layer.fresh(EndedSessions.layer.pipe(Layer.provide(servicesLayer(url)))))
  return Context.get(context, EndedSessions)
})

/** On a broker that outlives the processes on it. */
const onBroker = <A, E, R>(effect: Effect.Effect<A, E, R | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(brokerLayer()))

describe("EndedSessions", () => {
  it.live("says everywhere which ended, also after the bucket was made anew", () =>
    Effect.gen(function*() {
      const [here, there] = [yield* process, yield* process]
      const store = yield* KeyValue
      for (const id of ["a", "b", "c"]) yield* here.end(id)
      // What else the bucket holds is passed over.
      yield* store.write("SESSIONS", "link.x", "{}", 0)
      yield* eventually("known there", () => there.has("c"))
      expect([there.has("a"), there.has("x"), there.confirmed()]).toEqual([true, false, true])

      const connection = yield* Connection
      const { config } = yield* ask<{ readonly config: object }>(connection, "STREAM.INFO.KV_SESSIONS")
      yield* ask(connection, "STREAM.DELETE.KV_SESSIONS")
      yield* ask(connection, "STREAM.CREATE.KV_SESSIONS", config)
      yield* here.end("d")
      yield* eventually("known there", () => there.has("d"))
      yield* store.write("SESSIONS", "link.y", "{}", 0)
      yield* here.end("e")
      yield* eventually("known there", () => there.has("e"))
      expect(there.has("a"), "what ended stays so").toBe(true)
      yield* eventually("confirmed", there.confirmed)
    }).pipe(onBroker), 60_000)

  it.live(
    "cannot be relied on once the broker has not answered for 4 s, and again when it does",
    () =>
      Effect.gen(function*() {
        const broker = yield* TestBroker
        const ended = yield* process
        expect(ended.confirmed()).toBe(true)
        yield* broker.freeze
        yield* eventually("in doubt", () => !ended.confirmed(), 5000).pipe(Effect.ensuring(broker.thaw))
        yield* eventually("confirmed again", ended.confirmed)
      }).pipe(onBroker),
    60_000
  )
})
