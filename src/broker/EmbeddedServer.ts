import {
  Cause,
  Clock,
  Context,
  Data,
  Deferred,
  Duration,
  Effect,
  Exit,
  Layer,
  type Redacted,
  Schedule,
  Schema
} from "effect"
import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { open, readFile, rm, stat } from "node:fs/promises"
import { connect, createServer } from "node:net"
import { promisify } from "node:util"
import { Config, InvalidSetting, settings } from "../Config.ts"
import { type BrokerFile, loadOrMake, save, urlOf } from "./BrokerFile.ts"
import { DataDirectory } from "./DataDirectory.ts"
import { guarded, signal } from "./Guard.ts"
import { unusable, unusableBecause, write } from "./PrivateFile.ts"
import { locate, type NoServerBinary, packaged, type ServerBinaryRefused } from "./ServerBinary.ts"
import { files, serverConfig, storeLimit } from "./ServerConfig.ts"

/*
 * START ── the server answers with its name ──▶ RUNNING ── it ended ──▶ WAIT (0.2 s, doubling to 10 s) ──▶ START on the same port
 * The first START must succeed, or the layer fails. Closing the scope ends the server from any of them.
 */

/** A server that has run this long starts again after the shortest wait. */
const steady = Duration.minutes(1)
const shortestWait = Duration.millis(200)
const longestWait = Duration.seconds(10)

/** It answers when its streams are read in: milliseconds, after a hard kill with a store of gigabytes longer. An end is noticed at once. */
const longestStart = Duration.minutes(1)

/** The embedded broker did not come up. */
class BrokerNotStarted extends Data.TaggedError("BrokerNotStarted")<{
  readonly detail: string
  readonly log: string
  /** The last lines of the log. */
  readonly lines: ReadonlyArray<string>
}> {
  override get message(): string {
    return [`the embedded broker did not start: ${this.detail}. The end of ${this.log}:`, ...this.lines].join("\n  ")
  }
}

type StartError = InvalidSetting | BrokerNotStarted

/** The nats-server of this process's own, for when HOOKLINE_NATS_URL is not set. */
export class EmbeddedServer extends Context.Tag("hookline/broker/EmbeddedServer")<EmbeddedServer, {
  /** With the credentials of the user who may do everything. */
  readonly url: Redacted.Redacted
  /** `nats://127.0.0.1:<port>`, without credentials. */
  readonly address: string
  /** The server's version, such as 2.11.6. */
  readonly version: string
}>() {
  static readonly layer: Layer.Layer<
    EmbeddedServer,
    StartError | NoServerBinary | ServerBinaryRefused,
    Config | DataDirectory
  > = Layer.scoped(EmbeddedServer, Effect.suspend(() => make))
}

const make = Effect.gen(function*() {
  const config = yield* Config
  const { path: directory } = yield* DataDirectory
  const binary = yield* locate({
    natsServer: config.natsServer,
    path: process.env["PATH"] ?? "",
    packaged: packaged(),
    directory: `${directory}/bin`
  })
  yield* endOrphan(directory)
  const port = yield* freePort(config.natsPort)
  const broker = yield* loadOrMake(directory, { port, store: storeLimit(config) })
  yield* save(directory, broker)

  const started = yield* Deferred.make<void, StartError>()
  const start = run(binary.path, directory, broker, config.sync, Deferred.succeed(started, undefined))
  let wait = shortestWait
  const supervise = Effect.gen(function*() {
    const from = yield* Clock.currentTimeMillis
    const end = yield* Effect.exit(start)
    const first = Exit.isFailure(end) && (yield* Deferred.failCause(started, end.cause))
    if (first) return yield* Effect.never
    if ((yield* Clock.currentTimeMillis) - from > Duration.toMillis(steady)) wait = shortestWait
    const what = Exit.match(end, {
      onSuccess: (how) => `ended (${how})`,
      onFailure: (cause) => `did not start (${Cause.squash(cause)})`
    })
    yield* Effect.logWarning(`the embedded broker ${what}; starting it again in ${Duration.format(wait)}`)
    yield* Effect.sleep(wait)
    wait = Duration.min(Duration.times(wait, 2), longestWait)
  })
  yield* Effect.forkScoped(Effect.forever(supervise))
  yield* Deferred.await(started)
  return { url: urlOf(broker, "operator"), address: `nats://127.0.0.1:${port}`, version: binary.version }
})

/** One life of the server: gives how it ended. Fails when it does not come up. */
const run = (
  file: string,
  directory: string,
  broker: BrokerFile,
  sync: "always" | "2m",
  onUp: Effect.Effect<unknown>
): Effect.Effect<string, StartError> =>
  Effect.scoped(Effect.gen(function*() {
    const { config, log } = files(directory)
    const name = `hookline-${randomBytes(6).toString("hex")}`
    yield* endOrphan(directory)
    yield* write(config, serverConfig(directory, broker, { name, sync }))
    const logged = yield* Effect.promise(() => stat(log).then(({ size }) => size, () => 0))
    const server = yield* guarded(file, ["-c", config], log)
    yield* greeting(broker.port, name).pipe(
      Effect.retry(Schedule.spaced("20 millis")),
      Effect.timeoutFail({ duration: longestStart, onTimeout: () => "it does not answer" }),
      Effect.raceFirst(Effect.flatMap(server.exited, (how) => Effect.fail(`it ended (${how})`))),
      Effect.catchAll((detail) =>
        Effect.flatMap(lastLines(log, logged), (lines): Effect.Effect<never, StartError> =>
          lines.some((line) =>
              line.includes("address already in use")
            )
            ? Effect.fail(busy(broker.port))
            : Effect.fail(new BrokerNotStarted({ detail, log, lines })))
      )
    )
    yield* onUp
    return yield* server.exited
  }))

const Greeting = Schema.parseJson(Schema.Struct({ server_name: Schema.String }))

/** Waits for what a NATS server says first; fails unless it is ours that says it. */
const greeting = (port: number, name: string): Effect.Effect<void, string> =>
  Effect.acquireUseRelease(
    Effect.sync(() => connect(port, "127.0.0.1")),
    (socket) =>
      Effect.async<string, string>((resume) => {
        let text = ""
        socket.setEncoding("utf8").on("data", (part: string) => {
          text += part
          if (text.includes("\r\n") || text.length > 65_536) resume(Effect.succeed(text))
        })
        socket.on("error", (cause) => resume(Effect.fail(cause.message)))
        socket.on("close", () => resume(Effect.fail("closed")))
      }).pipe(Effect.timeoutFail({ duration: "1 second", onTimeout: () => "no greeting" })),
    (socket) => Effect.sync(() => socket.destroy())
  ).pipe(
    Effect.flatMap((text) => Schema.decode(Greeting)(text.slice(text.indexOf("{"), text.indexOf("\r\n")))),
    Effect.mapError(String),
    Effect.filterOrFail((greeting) => greeting.server_name === name, () => "another server"),
    Effect.asVoid
  )

const busy = (port: number): InvalidSetting =>
  new InvalidSetting({
    setting: settings.natsPort.env,
    value: `${port}, which another process listens on`,
    accepts: `the number of a free port, or 0 for any; with HOOKLINE_NATS_URL that process's NATS server is used`
  })

/** The port asked for if nobody listens on it, or any free one for 0. */
const freePort = (port: number): Effect.Effect<number, InvalidSetting> =>
  Effect.async((resume) => {
    const server = createServer()
    server.once("error", (cause: NodeJS.ErrnoException) =>
      resume(Effect.fail(
        cause.code === "EADDRINUSE"
          ? busy(port)
          : new InvalidSetting({
            setting: settings.natsPort.env,
            value: `${port} (${cause.message})`,
            accepts: "a port this user may listen on"
          })
      )))
    server.listen(port, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port)))
    })
  })

/** The command line of a process, empty when there is none. */
const commandOf = (pid: number): Effect.Effect<string> =>
  Effect.promise(() =>
    process.platform === "linux"
      ? readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")
      : promisify(execFile)("ps", ["-o", "command=", "-p", `${pid}`]).then(({ stdout }) => stdout, () => "")
  )

/** Ends a server that still works on this store because its hookline was killed; only one whose command names our configuration. */
const endOrphan = (directory: string): Effect.Effect<void, InvalidSetting> =>
  Effect.gen(function*() {
    const file = files(directory)
    const pid = Number(yield* Effect.promise(() => readFile(file.pid, "utf8").catch(() => "")))
    const isOurs = Effect.map(commandOf(pid), (command) => command.includes(file.config))
    if (pid > 0 && (yield* isOurs)) {
      yield* Effect.logWarning(`ending a broker that was left behind (process ${pid})`)
      const ended = (name: "SIGTERM" | "SIGKILL") =>
        Effect.zipRight(
          Effect.sync(() => signal(pid, name)),
          Effect.retry(
            Effect.filterOrFail(isOurs, (alive) => !alive, () => "alive"),
            Schedule.spaced("20 millis").pipe(Schedule.upTo("5 seconds"))
          )
        )
      yield* ended("SIGTERM").pipe(
        Effect.orElse(() => ended("SIGKILL")),
        Effect.mapError(() => unusableBecause(directory, `process ${pid} works on its store and cannot be ended`))
      )
    }
    yield* Effect.tryPromise({ try: () => rm(file.pid, { force: true }), catch: (cause) => unusable(file.pid, cause) })
  })

/** What was written to a log after a point, of that the end: at most 4 KiB and 12 lines. */
const lastLines = (log: string, after: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    const handle = await open(log, "r").catch(() => undefined)
    if (handle === undefined) return []
    try {
      const { size } = await handle.stat()
      // A smaller log is a new one.
      const from = Math.max(size < after ? 0 : after, size - 4096)
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, from)
      return buffer.toString("utf8", 0, bytesRead).split("\n").filter((line) => line !== "").slice(-12)
    } finally {
      await handle.close()
    }
  })
