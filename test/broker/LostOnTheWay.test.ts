import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Streams } from "../../src/broker/Streams.ts"
import { eventually, servicesLayer, TestBroker } from "../support/broker.ts"
import { natsClient } from "../support/publisher.ts"

/** A way to the broker on which what it sends can get lost. */
const leakyWay = (port: number) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; swallow: boolean; readonly cut: () => void; readonly close: () => void }>(
      (resume) => {
        const sockets = new Set<Socket>()
        const cut = () => sockets.forEach((socket) => socket.destroy())
        const server = createServer((near) => {
          const far = connect(port, "127.0.0.1")
          for (const socket of [near, far]) {
            sockets.add(socket)
            socket.on("error", () => undefined)
            socket.on("close", () => {
              sockets.delete(socket)
              near.destroy()
              far.destroy()
            })
          }
          near.on("data", (data) => far.write(data))
          far.on("data", (data) => {
            if (!way.swallow) near.write(data)
          })
        })
        const way = {
          url: "",
          swallow: false,
          cut: () => {
            cut()
            way.swallow = false
          },
          close: () => {
            server.close()
            cut()
          }
        }
        server.listen(0, "127.0.0.1", () => {
          way.url = `nats://127.0.0.1:${(server.address() as AddressInfo).port}`
          resume(Effect.succeed(way))
        })
      }
    ),
    (way) => Effect.sync(way.close)
  )

describe("messages that get lost with a connection", () => {
  it.scopedLive("are brought again before anything after them", () =>
    Effect.gen(function*() {
      const broker = yield* TestBroker
      const way = yield* leakyWay(broker.port)
      const publisher = yield* natsClient(broker.url)
      const publish = (count: number) =>
        Effect.promise(async () => {
          for (let index = 0; index < count; index++) {
            await publisher.jetstream().publish("events.ws_1.task.created", JSON.stringify({ data: {} }))
          }
        })
      const taken: Array<number> = []
      yield* Effect.gen(function*() {
        const streams = yield* Streams
        yield* streams.consume({
          stream: "EVENTS",
          name: "p0-e1",
          filter: "ev.>",
          from: () => (taken.at(-1) ?? 0) + 1,
          onMessage: ({ ack, sequence }) => {
            taken.push(sequence)
            ack()
          }
        })
        yield* publish(10)
        yield* eventually("the first ten", () => taken.length === 10)
        way.swallow = true
        yield* publish(10)
        way.cut()
        yield* publish(10)
        yield* eventually("the last", () => taken.includes(30))
      }).pipe(Effect.provide(servicesLayer(way.url)))
      expect(Array.from(new Set(taken))).toEqual(Array.from({ length: 30 }, (_, index) => index + 1))
    }).pipe(Effect.provide(TestBroker.layer())), 30_000)
})
