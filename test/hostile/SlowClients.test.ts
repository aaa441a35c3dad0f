import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { type Product, product } from "../support/product.ts"
import { until } from "../support/until.ts"
import { faults } from "./Store.ts"

/** How many of a kind there are; 2,000 in all. */
const ofEach = 400

/** What a client writes at once, KEY standing for one that is valid; then nothing more. */
const kinds: ReadonlyArray<{ readonly name: string; readonly first: string; readonly reset?: true }> = [
  { name: "silent", first: "" },
  { name: "half a head", first: "GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: " },
  {
    name: "a body that never ends",
    first:
      "POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: KEY\r\nX-Workspace-Id: ws_1\r\nContent-Length: 1000\r\n\r\n{\"data\":"
  },
  {
    name: "chunks that never end",
    first:
      "POST /v1/events/batch HTTP/1.1\r\nHost: a\r\nAuthorization: KEY\r\nX-Workspace-Id: ws_1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[{\"da\r\n"
  },
  {
    name: "a reset in the middle",
    first: "POST /v1/webhooks HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
    reset: true
  }
]

interface Slow {
  readonly connected: () => number
  readonly closed: () => number
  readonly open: ReadonlyArray<Socket>
}

/** Clients that come all at once, from addresses of their own, and never go by themselves. */
const slowClients = (port: number, key: string): Effect.Effect<Slow, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let connected = 0
      let closed = 0
      const open = kinds.flatMap(({ first, reset }, kind) =>
        Array.from({ length: ofEach }, (_, index) => {
          const localAddress = `127.0.${kind + 1}.${1 + (index % 250)}`
          const socket = connect({ host: "127.0.0.1", port, localAddress })
          socket.on("connect", () => {
            connected++
            socket.write(
              first.replace("KEY", `Bearer ${key}`),
              () => reset === true ? void socket.resetAndDestroy() : undefined
            )
          })
          socket.on("error", () => undefined)
          socket.on("data", () => undefined)
          socket.on("close", () => closed++)
          return socket
        })
      )
      return { connected: () => connected, closed: () => closed, open }
    }),
    ({ open }) => Effect.sync(() => open.forEach((socket) => socket.destroy()))
  )

const descriptors = (hookline: Product): number => readdirSync(`/proc/${hookline.pid()}/fd`).length

/** Requests one after another, each on a connection of its own: what a newcomer gets. */
const asked = (hookline: Product, count: number) =>
  Effect.promise(async () => {
    const statuses: Array<number> = []
    for (let index = 0; index < count; index++) {
      const response = await fetch(`${hookline.url()}/healthz`, { headers: { connection: "close" } })
      await response.text()
      statuses.push(response.status)
    }
    return statuses
  })

describe("slow clients", () => {
  it.scopedLive(
    "2,000 of them keep nobody out, are cut off, and leave no descriptor behind",
    () =>
      Effect.gen(function*() {
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
        yield* asked(hookline, 20)
        const before = descriptors(hookline)
        const clients = yield* slowClients(
          Number(new URL(hookline.url()).port),
          readFileSync(join(hookline.data, "operator.key"), "utf8").trim()
        )
        const all = kinds.length * ofEach
        const statuses = yield* asked(hookline, 500)
        expect(new Set(statuses)).toEqual(new Set([200]))
        yield* until("all have connected", Effect.sync(clients.connected), (count) => count === all)
        // Never more than the bound, with a little for what is on its way out.
        expect(descriptors(hookline)).toBeLessThan(before + 1024 + 100)
        expect(new Set(yield* asked(hookline, 200))).toEqual(new Set([200]))
        // A head has 10 s and a request 30 s (docs/operating.md); Node looks every 2 s.
        yield* until("all are cut off", Effect.sync(clients.closed), (count) => count === all, 45_000)
        yield* until("their descriptors are free", Effect.sync(() => descriptors(hookline)), (now) => now <= before + 5)
        expect((yield* hookline.api("GET", "/readyz")).status).toBe(200)
        expect(faults(hookline.output())).toEqual([])
      }),
    90_000
  )
})
