import { Effect, type Scope } from "effect"
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** One request as it arrived. */
export interface Arrival {
  readonly id: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Of this receiver's requests, the how many-eth, from 1. */
  readonly count: number
}

/** A real HTTP endpoint that keeps a ledger of everything it was sent. */
export interface Receiver {
  readonly url: string
  readonly arrivals: ReadonlyArray<Arrival>
  /** Requests by event id. */
  readonly seen: ReadonlyMap<string, number>
  /** Requests that are not answered yet. */
  readonly open: () => number
}

/** `answer` sends the response; the default is 200. Requests are in the ledger before they are answered. */
export const receiver = (
  answer: (response: ServerResponse, arrival: Arrival) => void = (response) => void response.end("ok"),
  options: { readonly keepArrivals?: boolean } = {}
): Effect.Effect<Receiver, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Receiver & { readonly close: () => Promise<void> }>((resume) => {
      const arrivals: Array<Arrival> = []
      const seen = new Map<string, number>()
      let count = 0
      let open = 0
      const server = createServer((request, response) => {
        const parts: Array<Buffer> = []
        request.on("data", (part: Buffer) => parts.push(part))
        request.on("end", () => {
          const id = String(request.headers["webhook-id"])
          const arrival = { id, headers: request.headers, body: Buffer.concat(parts), count: ++count }
          seen.set(id, (seen.get(id) ?? 0) + 1)
          if (options.keepArrivals !== false) arrivals.push(arrival)
          open++
          response.on("close", () => open--)
          answer(response, arrival)
        })
        request.on("error", () => {})
      })
      server.keepAliveTimeout = 60_000
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({
          url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
          arrivals,
          seen,
          open: () => open,
          close: () =>
            new Promise<void>((done) => {
              server.close(() => done())
              server.closeAllConnections()
            })
        })))
    }),
    (server) => Effect.promise(() => server.close())
  )
