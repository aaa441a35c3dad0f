/** What a newcomer waits for an answer of the API, with and without 2,000 clients that are slow, silent or half gone. */
import { Effect, type Scope } from "effect"
import { connect, type Socket } from "node:net"
import { BenchFailed } from "./Child.ts"
import { operatorKey, type Product, type Site, withProduct } from "./Product.ts"
import { median, quantile, type Stage } from "./Stage.ts"

export interface SlowClientsResult {
  readonly clients: number
  readonly requests: number
  /** The 99th percentile in milliseconds, a pair a round; the median of the ratios. */
  readonly pairs: ReadonlyArray<{ readonly without: number; readonly with: number }>
  readonly ratio: number
  readonly faults: ReadonlyArray<string>
}

const clients = 2_000
const requests = 1_000
const pairs = 5

const authorization = `Authorization: Bearer ${operatorKey}\r\nX-Workspace-Id: ws_1`
/** What each says before it says nothing more. */
const words = [
  "",
  "GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: ",
  `POST /v1/events HTTP/1.1\r\nHost: a\r\n${authorization}\r\nContent-Length: 1000\r\n\r\n{"data":`,
  `POST /v1/events/batch HTTP/1.1\r\nHost: a\r\n${authorization}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[{"da\r\n`
]

/** Until the scope ends; all of them have been let in when it is done. */
const slowClients = (api: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<ReadonlyArray<Socket>>((resume) => {
      const { hostname: host, port } = new URL(api)
      let settled = 0
      const sockets = Array.from({ length: clients }, (_, index) => {
        const socket = connect({ host, port: Number(port) })
        socket.once("connect", () => {
          socket.write(words[index % words.length] ?? "")
          if (++settled === clients) resume(Effect.succeed(sockets))
        })
        socket.once("error", () => undefined)
        return socket
      })
    }),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.resetAndDestroy()))
  ).pipe(Effect.asVoid)

/** Milliseconds of each request, one after another, each on a connection of its own. */
const measured = ({ api }: Product): Effect.Effect<ReadonlyArray<number>, BenchFailed> =>
  Effect.tryPromise({
    try: async () => {
      const times: Array<number> = []
      for (let index = 0; index < requests; index++) {
        const from = performance.now()
        const response = await fetch(`${api}/healthz`, {
          headers: { connection: "close" },
          signal: AbortSignal.timeout(10_000)
        })
        await response.text()
        if (response.status !== 200) throw new Error(`${response.status}`)
        times.push(performance.now() - from)
      }
      return times
    },
    catch: (cause) => new BenchFailed({ message: `GET /healthz: ${String(cause)}` })
  })

export const slow = (stage: Stage): Effect.Effect<SlowClientsResult, BenchFailed> => {
  const site: Site = {
    main: stage.options.main,
    directory: stage.room("slow-clients"),
    settings: { HOOKLINE_SYNC: "2m" },
    profiles: stage.options.profiles
  }
  return withProduct(site, (product) =>
    Effect.gen(function*() {
      yield* stage.say(`${requests} requests of newcomers with and without ${clients} slow clients`)
      yield* product.ready
      // Compiling is not what is asked for.
      yield* measured(product)
      const found: Array<{ readonly without: number; readonly with: number }> = []
      for (let pair = 0; pair < pairs; pair++) {
        const without = quantile(yield* measured(product), 0.99)
        const among = quantile(
          yield* Effect.scoped(Effect.zipRight(slowClients(product.api), measured(product))),
          0.99
        )
        found.push({ without, with: among })
        yield* stage.say(`  p99 ${without.toFixed(2)} ms without, ${among.toFixed(2)} ms with`)
      }
      return {
        clients,
        requests,
        pairs: found,
        ratio: median(found.map(({ with: among, without }) => among / without)),
        faults: []
      }
    }))
}
