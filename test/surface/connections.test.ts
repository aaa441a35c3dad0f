import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { createServer, type ServerResponse } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { bounded } from "../../src/surface/api/Connections.ts"
import { until } from "../support/until.ts"

/** As the API's. */
const most = 1024

interface Client {
  readonly received: () => string
  readonly isOpen: () => boolean
  readonly write: (text: string) => void
  /** Reads no more. */
  readonly pause: () => void
}

const stage = Effect.acquireRelease(
  Effect.async<{
    readonly client: (first?: string) => Client
    readonly waiting: ReadonlyArray<ServerResponse>
    readonly connections: Effect.Effect<number>
    readonly close: () => void
  }>((resume) => {
    const sockets: Array<Socket> = []
    const waiting: Array<ServerResponse> = []
    const server = bounded(createServer((request, response) => {
      if (request.url === "/much") return void waiting.push(response.end(Buffer.alloc(64 * 1024 ** 2)))
      if (request.url === "/wait") return void waiting.push(response)
      request.resume()
      if (request.method === "GET") response.end("done")
    }))
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({
        client: (first = "") => {
          let received = ""
          let open = true
          const socket = connect({ host: "127.0.0.1", port, localAddress: `127.0.0.${1 + sockets.length % 200}` })
          sockets.push(socket)
          socket.on("error", () => undefined)
          socket.on("data", (part) => received += part.toString())
          socket.on("close", () => {
            open = false
          })
          socket.write(first)
          return {
            received: () => received,
            isOpen: () => open,
            write: (text) => void socket.write(text),
            pause: () => void socket.pause()
          }
        },
        waiting,
        connections: Effect.async((resume) => {
          server.getConnections((_, count) => resume(Effect.succeed(count)))
        }),
        close: (): void => {
          sockets.forEach((socket) => socket.destroy())
          server.closeAllConnections()
          server.close()
        }
      }))
    })
  }),
  ({ close }) => Effect.sync(() => close())
)

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
const openOf = (clients: ReadonlyArray<Client>) => clients.filter(({ isOpen }) => isOpen()).length
const holds = (what: string, condition: () => boolean): Effect.Effect<unknown, never, Scope.Scope> =>
  until(what, Effect.sync(condition), (held) => held)

describe("the API's connections", () => {
  it.scopedLive("a newcomer takes the place of whoever has owed a request longest", () =>
    Effect.gen(function*() {
      const { client, connections } = yield* stage
      const idle = client(get("/"))
      yield* holds("an answer", () => idle.received().includes("done"))
      const slow = [
        client(),
        client("GET / HTTP/1.1\r\nHost"),
        client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
      ]
      yield* until("they are there", connections, (count) => count === 4)
      const others = Array.from({ length: most - 4 }, () => client())
      yield* until("all are there", connections, (count) => count === most)
      const newcomers: Array<Client> = []
      for (const [index, gone] of slow.entries()) {
        const newcomer = client(get("/"))
        newcomers.push(newcomer)
        yield* holds("it is answered", () => newcomer.received().includes("done"))
        yield* holds("the oldest goes", () => !gone.isOpen())
        expect(openOf(slow)).toBe(slow.length - index - 1)
      }
      expect([idle.isOpen(), openOf(others), openOf(newcomers)]).toEqual([true, most - 4, 3])
      expect(yield* connections).toBe(most)
      idle.write(get("/"))
      yield* holds("the idle one goes on", () => idle.received().split("done").length === 3)
    }))

  it.scopedLive("who does not take his answer goes for a newcomer, and nobody who is being answered", () =>
    Effect.gen(function*() {
      const { client, connections, waiting } = yield* stage
      const asked = Array.from({ length: most - 1 }, () => client(get("/wait")))
      yield* holds("all have asked", () => waiting.length === most - 1)
      const deaf = client(get("/much"))
      deaf.pause()
      yield* holds("its answer is all there", () => waiting.length === most)
      const newcomer = client(get("/"))
      yield* holds("it is answered", () => newcomer.received().includes("done"))
      expect([openOf(asked), yield* connections]).toEqual([most - 1, most])
    }))

  it.scopedLive("when nobody owes one, the longest idle goes; a complete request never", () =>
    Effect.gen(function*() {
      const { client, connections, waiting } = yield* stage
      const asked = Array.from({ length: most - 2 }, () => client(get("/wait")))
      yield* holds("all have asked", () => waiting.length === most - 2)
      const idle = [client(get("/"))]
      yield* holds("an answer", () => idle[0]!.received().includes("done"))
      idle.push(client(get("/")))
      yield* holds("an answer", () => idle[1]!.received().includes("done"))
      const third = client(get("/wait"))
      yield* holds("it asks", () => waiting.length === most - 1)
      yield* holds("the longest idle goes", () => !idle[0]!.isOpen())
      const fourth = client(get("/wait"))
      yield* holds("it asks", () => waiting.length === most)
      yield* holds("the other goes", () => !idle[1]!.isOpen())
      const refused = client(get("/wait"))
      yield* holds("nobody goes for it", () => !refused.isOpen())
      expect(yield* connections).toBe(most)
      waiting.forEach((response) => response.end("late"))
      yield* holds("all are answered", () =>
        [...asked, third, fourth].every(({ received }) => received().includes("late")))
      const next = client(get("/"))
      yield* holds("there is room again", () =>
        next.received().includes("done"))
    }))
})
