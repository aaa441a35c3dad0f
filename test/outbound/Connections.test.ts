import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { createSecureContext } from "node:tls"
import { systemResolve } from "../../src/outbound/AddressPolicy.ts"
import { type Connection, Connections } from "../../src/outbound/Connections.ts"
import { answering, until } from "./support.ts"

const exchange = (connection: Connection): Effect.Effect<void> =>
  Effect.async((resume) => {
    connection.dispatch({ path: "/", method: "POST", headers: [], body: null }, {
      onRequestStart: () => {},
      onResponseStart: () => {},
      onResponseData: () => {},
      onResponseEnd: () => resume(Effect.void),
      onResponseError: (_, error) => resume(Effect.die(error))
    })
  })

it.scopedLive("a connection is taken again while it is idle, and forgotten once it closed", () =>
  Effect.gen(function*() {
    const endpoint = yield* answering("HTTP/1.1 200 OK\r\nkeep-alive: timeout=3\r\ncontent-length: 0\r\n\r\n")
    const connections = new Connections({
      judge: () => undefined,
      resolve: systemResolve,
      secureContext: createSecureContext()
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => connections.close()))
    const acquire = Effect.suspend(() => {
      const connection = connections.acquire(
        `http://127.0.0.1:${endpoint.port}`,
        { host: "127.0.0.1", port: endpoint.port, secure: false },
        { begin: () => {} }
      )
      return connection === undefined ? Effect.dieMessage("all are busy") : Effect.succeed(connection)
    })
    const first = yield* acquire
    const second = yield* acquire
    expect(second).not.toBe(first)
    yield* exchange(first)
    connections.release(first)
    expect(yield* acquire).toBe(first)
    connections.release(first)
    yield* until(() => endpoint.connections() === 1 && endpoint.open() === 0)
    const third = yield* acquire
    expect(third).not.toBe(first)
    connections.discard(second)
    connections.discard(third)
  }))
