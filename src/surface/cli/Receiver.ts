import { Clock, Effect, FiberSet } from "effect"
import type { Scope } from "effect"
import { createServer } from "node:http"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import { wrong } from "./Failure.ts"
import type { CommandFailed } from "./Failure.ts"
import { verify } from "./Verification.ts"
import type { Expected, Verification } from "./Verification.ts"

/** One request as it came, what it was answered, and what its signatures are worth. */
export interface Received {
  /** Unix milliseconds at the end of its body. */
  readonly at: number
  readonly method: string
  readonly path: string
  /** Names in lower case; several of one name joined with a comma. */
  readonly headers: Readonly<Record<string, string>>
  /** Undefined: longer than `bodyLimit`, answered 413. */
  readonly body: Uint8Array | undefined
  readonly status: number
  readonly verification: Verification
}

export interface ReceiverOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly status: number
  /** The first so many requests are answered 500. */
  readonly fail: number
  readonly expected: Omit<Expected, "now">
}

/** hookline's own bodies are at most 512 KiB and the envelope; others are cut off here. */
export const bodyLimit = 1024 * 1024

const connections = 1024

/** An endpoint for trying out: answers, then hands over what came. Gives the port it listens on. */
export const receive = (
  options: ReceiverOptions,
  onReceived: (received: Received) => Effect.Effect<void>
): Effect.Effect<number, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const fork = yield* FiberSet.makeRuntime<never>()
    let failures = options.fail
    const handle = (request: IncomingMessage, response: ServerResponse): Effect.Effect<void> =>
      Effect.gen(function*() {
        const body = yield* bodyOf(request)
        if (body === "aborted") return
        const at = yield* Clock.currentTimeMillis
        const status = body === "too large" ? 413 : failures > 0 ? 500 : options.status
        if (body !== "too large" && failures > 0) failures -= 1
        response.writeHead(status, { "content-type": "text/plain", ...(status === 413 ? { connection: "close" } : {}) })
        response.end(status >= 200 && status < 300 ? "ok\n" : `${status}\n`)
        const headers = Object.fromEntries(
          Object.entries(request.headersDistinct).map(([name, values]) => [name, (values ?? []).join(", ")])
        )
        const bytes = body === "too large" ? undefined : body
        yield* onReceived({
          at,
          method: request.method ?? "",
          path: request.url ?? "",
          headers,
          body: bytes,
          status,
          verification: verify({ headers, body: bytes ?? new Uint8Array() }, { ...options.expected, now: at })
        })
      })
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const server = createServer((request, response) => fork(handle(request, response)))
        server.maxConnections = connections
        return server
      }),
      (server) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    return yield* listening(server, options)
  })

const listening = (server: Server, { host, port }: ReceiverOptions): Effect.Effect<number, CommandFailed> =>
  Effect.async((resume) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      resume(wrong(
        cause.code === "EADDRINUSE"
          ? `port ${port} is in use; give another with --port, 0 takes a free one`
          : `cannot listen on ${host}:${port}: ${cause.message}`
      ))
    })
    server.listen({ host, port }, () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })

const bodyOf = (request: IncomingMessage): Effect.Effect<Uint8Array | "too large" | "aborted"> =>
  Effect.async((resume) => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    // What comes first counts: `close` follows every `end`.
    request.on("data", (chunk: Uint8Array) => {
      size += chunk.length
      if (size <= bodyLimit) chunks.push(chunk)
      else {
        chunks.length = 0
        resume(Effect.succeed("too large"))
      }
    })
    request.on("end", () => resume(Effect.succeed(Buffer.concat(chunks))))
    request.on("close", () => resume(Effect.succeed("aborted")))
    request.on("error", () => resume(Effect.succeed("aborted")))
  })
