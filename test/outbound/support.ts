import { Effect, Either, Layer, Queue, Schedule, type Scope } from "effect"
import { readFileSync } from "node:fs"
import { createServer as createHttp, type IncomingMessage, type RequestListener } from "node:http"
import { createServer as createHttps } from "node:https"
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from "node:net"
import { Config, type HooklineConfig, load } from "../../src/Config.ts"
import { type AttemptOutcome, type AttemptResult, isLocalFault } from "../../src/model/Attempt.ts"
import * as AddressPolicy from "../../src/outbound/AddressPolicy.ts"
import * as Sender from "../../src/outbound/Sender.ts"

export const fixture = (name: string): string =>
  readFileSync(new URL(`./fixtures/${name}.pem`, import.meta.url), "utf8")

/** The settings of `--dev` (http and loopback are allowed) with a short timeout, and what a test changes of them. */
export const config = (changes: Partial<HooklineConfig> = {}): HooklineConfig => ({
  ...Either.getOrThrow(load({ flags: {}, env: {}, dev: true })),
  timeout: 5_000,
  ...changes
})

/** A sender of its own for each test, closed with the test's scope. */
export const sender = (
  changes: Partial<HooklineConfig> = {},
  options: Parameters<typeof Sender.make>[0] = {}
): Effect.Effect<Sender.Sender["Type"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const settings = Layer.succeed(Config, config(changes))
    const policy = Layer.effect(AddressPolicy.AddressPolicy, AddressPolicy.make(options.resolve)).pipe(Layer.orDie)
    const context = yield* Layer.build(Layer.provideMerge(policy, settings))
    return yield* Effect.orDie(Effect.provide(Sender.make(options), context))
  })

interface Endpoint {
  readonly port: number
  readonly url: string
  /** Connections made so far. */
  readonly connections: () => number
  /** Connections that stand. */
  readonly open: () => number
}

const listen = (server: Server, scheme: string, host: string): Effect.Effect<Endpoint, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Endpoint & { readonly close: Effect.Effect<void> }>((resume) => {
      const sockets = new Set<Socket>()
      let made = 0
      server.on("connection", (socket) => {
        made += 1
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket)).on("error", () => {})
      })
      server.listen(0, host, () => {
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({
          port,
          url: `${scheme}://127.0.0.1:${port}/hook?key=1`,
          connections: () => made,
          open: () => sockets.size,
          close: Effect.sync(() => {
            server.close()
            for (const socket of sockets) socket.destroy()
          })
        }))
      })
    }),
    ({ close }) => close
  )

/** A raw TCP server: says what no HTTP library would. */
export const tcp = (onSocket: (socket: Socket) => void, host = "127.0.0.1") => listen(createTcp(onSocket), "http", host)

/** A raw TCP server that answers every request (of one segment) with the same bytes. */
export const answering = (...parts: ReadonlyArray<string | Uint8Array>) =>
  tcp((socket) =>
    socket.on("data", () => {
      for (const part of parts) socket.write(part)
    })
  )

export const http = (listener: RequestListener) => listen(createHttp(listener), "http", "127.0.0.1")

export const https = (certificate: string, listener: RequestListener, options: Record<string, unknown> = {}) =>
  listen(
    createHttps({ key: fixture(certificate), cert: fixture(certificate), ...options }, listener),
    "https",
    "127.0.0.1"
  )

interface Received {
  readonly message: IncomingMessage
  readonly body: Buffer
}

/** An HTTP server that answers 200 "ok" and hands over what it got. */
export const recording = Effect.gen(function*() {
  const received = yield* Queue.bounded<Received>(1_000)
  const endpoint = yield* http((message, response) => {
    const chunks: Array<Buffer> = []
    message.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
      Queue.unsafeOffer(received, { message, body: Buffer.concat(chunks) })
      response.end("ok")
    })
  })
  return { ...endpoint, received }
})

export const request = (url: string, headers: ReadonlyArray<string> = [], body = "{\"a\":1}") => ({
  url,
  headers,
  body: Buffer.from(body),
  startedAt: 1_742_740_521_000
})

/** The outcome of an attempt; a local fault is a failed test. */
export const outcome = (result: AttemptResult): AttemptOutcome => {
  if (isLocalFault(result)) throw new Error(`${result.class}: ${result.error}`)
  return result
}

/** Waits until something is so, for at most 5 s. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => condition() ? Effect.void : Effect.fail("not yet")).pipe(
    Effect.retry({ schedule: Schedule.spaced("10 millis"), times: 500 }),
    Effect.orDie
  )
