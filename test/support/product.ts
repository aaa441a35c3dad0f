import { Clock, Effect, Schedule, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { lastingPort } from "./port.ts"

const root = new URL("../..", import.meta.url).pathname
const live = Clock.make()

/** A hookline that was really started: `node dist/main.js start --dev`, on a data directory of its own and free ports. */
export interface Product {
  readonly data: string
  /** Of the current process. */
  readonly pid: () => number
  readonly output: () => string
  /** Of the API and the dashboard. */
  readonly url: () => string
  readonly api: (method: string, path: string, body?: unknown, workspace?: string) => Effect.Effect<Answer>
  /** The response as soon as its head is there; `signal` hangs up. */
  readonly request: (
    method: string,
    path: string,
    signal: AbortSignal,
    headers?: Readonly<Record<string, string>>
  ) => Effect.Effect<Response>
  /** With the operator's credentials. */
  readonly natsUrl: () => string
  readonly signal: (name: NodeJS.Signals) => void
  /** Waits for the end of the process; gives its exit code. */
  readonly ended: Effect.Effect<number | null>
  readonly kill: Effect.Effect<void>
  /** Starts it again on the same directory and waits until it is ready. */
  readonly start: Effect.Effect<void>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // Tests look into answers of every shape.
  readonly body: ReturnType<typeof JSON.parse>
}

interface Options {
  readonly env?: Readonly<Record<string, string>>
  readonly flags?: ReadonlyArray<string>
  /** Without `--dev`: the policy of production. */
  readonly production?: true
  /** Do not start it yet. */
  readonly idle?: boolean
  /** An existing data directory, which is somebody else's to remove. */
  readonly data?: string
  /** Of the API: the same at every start; a new free one each time unless given. */
  readonly port?: number
}

export const product = (options: Options = {}): Effect.Effect<Product, never, Scope.Scope> =>
  Effect.gen(function*() {
    const data = options.data ?? (yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-product-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }))
    ))
    // The same at every start, so that clients that are connected find it.
    const natsPort = yield* lastingPort
    let child: ChildProcess | undefined
    /** Its end, once all that it and its children wrote has been read: at `exit` some of that is still on its way. */
    let closed: Promise<number | null> | undefined
    let hasClosed = false
    let output = ""

    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(HOOKLINE|OTEL)_/.test(name)))
    const spawned = Effect.sync(() => {
      output = ""
      const running = spawn(
        process.execPath,
        [
          "--enable-source-maps",
          "dist/main.js",
          "start",
          ...options.production === true ? [] : ["--dev"],
          "--data",
          data,
          "--port",
          String(options.port ?? 0),
          "--nats-port",
          String(natsPort),
          ...options.flags ?? []
        ],
        { cwd: root, env: { ...env, ...options.env }, stdio: ["ignore", "pipe", "pipe"] }
      )
      running.stdout?.on("data", (part: Buffer) => output += part.toString())
      running.stderr?.on("data", (part: Buffer) => output += part.toString())
      const reap = () => void running.kill("SIGKILL")
      process.once("exit", reap)
      running.once("exit", () => void process.off("exit", reap))
      child = running
      hasClosed = false
      closed = new Promise((resolve) =>
        running.once("close", (code) => {
          hasClosed = true
          resolve(code)
        })
      )
    })
    const ended = Effect.promise(() => closed ?? Promise.resolve(null))
    const ready = Effect.suspend(() => {
      if (output.includes("hookline is ready")) return Effect.void
      return hasClosed
        ? Effect.die(new Error(`hookline ended before it was ready:\n${output}`))
        : Effect.fail("not ready")
    }).pipe(
      Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.intersect(Schedule.recurs(3_000)))),
      Effect.orDieWith(() => new Error(`hookline was not ready within a minute:\n${output}`)),
      Effect.withClock(live)
    )
    const start = Effect.zipRight(spawned, ready)
    const signal = (name: NodeJS.Signals) => void child?.kill(name)
    const file = (name: string) => JSON.parse(readFileSync(join(data, name), "utf8"))
    // Release is uninterruptible; the wait must not be, or its limit would not end it.
    const stop = Effect.sync(() => {
      signal("SIGCONT")
      signal("SIGTERM")
    }).pipe(Effect.zipRight(ended), Effect.interruptible, Effect.timeoutOption("15 seconds"), Effect.withClock(live))
    yield* Effect.addFinalizer(() => Effect.zipRight(stop, Effect.sync(() => signal("SIGKILL"))))
    if (options.idle !== true) yield* start

    const key = () => options.env?.["HOOKLINE_OPERATOR_KEY"] ?? readFileSync(join(data, "operator.key"), "utf8").trim()
    const url = () =>
      options.env?.["HOOKLINE_NATS_URL"] === undefined
        ? String(file("server.json").url)
        : /API\s+(http\S+)/.exec(output)?.[1] ?? ""

    return {
      data,
      pid: () => child?.pid ?? 0,
      output: () => output,
      url,
      api: (method, path, body, workspace = "ws_1") =>
        Effect.promise(async () => {
          const response = await fetch(`${url()}${path}`, {
            method,
            headers: {
              authorization: `Bearer ${key()}`,
              "x-workspace-id": workspace,
              "content-type": "application/json"
            },
            ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) })
          })
          const text = await response.text()
          return {
            status: response.status,
            headers: response.headers,
            body: text === "" ? undefined : JSON.parse(text)
          }
        }),
      request: (method, path, signal, headers) =>
        Effect.promise(() =>
          fetch(`${url()}${path}`, {
            method,
            signal,
            headers: { authorization: `Bearer ${key()}`, "x-workspace-id": "ws_1", ...headers }
          })
        ),
      natsUrl: () => {
        const { operator, port } = file("broker.json")
        return `nats://${operator.user}:${operator.password}@127.0.0.1:${port}`
      },
      signal,
      ended,
      kill: Effect.zipRight(Effect.sync(() => signal("SIGKILL")), Effect.asVoid(ended)),
      start
    }
  })
