import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Socket } from "node:net"
import { TestBroker } from "../support/broker.ts"
import { natsClient } from "../support/publisher.ts"

const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

it.scopedLive(
  "a connection closed in the moment in which the broker goes ends nothing else",
  () =>
    Effect.gen(function*() {
      const broker = yield* TestBroker
      const uncaught: Array<unknown> = []
      const note = (error: unknown) => void uncaught.push(error)
      process.on("uncaughtException", note)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("uncaughtException", note)))
      for (let round = 0; round < 5; round++) {
        const connection = yield* natsClient(broker.url)
        const { socket } = (connection as unknown as { readonly protocol: { readonly transport: { socket: Socket } } })
          .protocol.transport
        // The client answers the broker's goodbye by ending its own half: what it writes from then on is an error.
        socket.on("end", () => {
          socket.end()
          connection.publish("a", "b")
          queueMicrotask(() => void connection.close())
        })
        yield* broker.kill
        yield* Effect.promise(() => connection.closed())
        yield* turn
        yield* turn
        yield* broker.restart
      }
      expect(uncaught).toEqual([])
    }).pipe(Effect.scoped, Effect.provide(TestBroker.layer())),
  60_000
)
