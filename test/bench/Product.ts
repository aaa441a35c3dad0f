import { type Duration, Effect, Exit, Schedule, Scope } from "effect"
import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { BenchFailed, end, exited, freePort, logged, within } from "./Child.ts"
import type { Live } from "./Memory.ts"
import { profiling } from "./Profile.ts"
import { concurrency, eventType, secret, workspaceOf } from "./Work.ts"

/** How a hookline of the bench is started; the rest is as a person gets it. */
export interface Site {
  /** The built command, `dist/main.js`. */
  readonly main: string
  readonly directory: string
  /** Of hookline: `HOOKLINE_…` by name. */
  readonly settings: Readonly<Record<string, string>>
  /** Where profiles go, if any are wanted. */
  readonly profiles: string | undefined
  /** Whether its memory will be asked for. */
  readonly memory?: boolean
}

export interface Product {
  readonly pid: number
  readonly api: string
  /** Waits for `readyz` 200 with a running worker; gives the seconds since the process was started. */
  readonly ready: Effect.Effect<number, BenchFailed>
  /** Fails when the process ends by itself. */
  readonly ended: Effect.Effect<never, BenchFailed>
  /** All that was logged on this directory, by former runs too. */
  readonly log: () => string
  readonly kill: Effect.Effect<void>
  /** Bytes of its process that are live, after a collection. Of a site that says so. */
  readonly memory: Effect.Effect<number, BenchFailed>
}

export const operatorKey = "hk_bench_the-operator-key-of-the-bench"
const masterKeys = `k1:${randomBytes(32).toString("base64")}`
/** A partition's streams are read in, a lease of 6 s may have to run out: far more than the floor allows is waited for. */
const readyLimit = "90 seconds"
/** CONTRACT 9 promises 10 s. */
const stopLimit = "15 seconds"

/** Settings of the person who runs the bench must not change what is measured. */
const environment = (site: Site): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("HOOKLINE_") || name === "HOOKLINE_NATS_SERVER")
  ),
  HOOKLINE_DATA: site.directory,
  HOOKLINE_OPERATOR_KEY: operatorKey,
  HOOKLINE_MASTER_KEYS: masterKeys,
  ...site.settings
})

interface Readiness {
  readonly status: string
  readonly checks: ReadonlyArray<{ readonly name: string; readonly detail: string }>
}

/** Not only 200, which a worker that stands by answers too. */
const isReady = (api: string): Effect.Effect<boolean> =>
  Effect.tryPromise(async () => {
    const response = await fetch(`${api}/readyz`, { signal: AbortSignal.timeout(2_500) })
    const { checks } = await response.json() as Readiness
    return response.status === 200 && checks.some(({ detail, name }) => name === "worker" && detail === "running")
  }).pipe(Effect.orElseSucceed(() => false))

const startProduct = (site: Site): Effect.Effect<Product, BenchFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const port = yield* freePort
    const api = `http://127.0.0.1:${port}`
    const file = join(site.directory, "..", "hookline.log")
    const log = () => readFileSync(file, "utf8")
    const args = ["--enable-source-maps", site.main, "start", "--dev", "--port", `${port}`, "--nats-port", "0"]
    const memoryFile = join(site.directory, "..", "memory.json")
    const looking = site.memory === true
      ? ["--expose-gc", "--import", new URL(`Memory.js?file=${encodeURIComponent(memoryFile)}`, import.meta.url).href]
      : []
    const from = performance.now()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        logged(process.execPath, [...profiling(site.profiles), ...looking, ...args], file, environment(site))
      ),
      // No failure: what was measured stands.
      (child) =>
        Effect.flatMap(
          end(child, "SIGINT", stopLimit),
          (asked) => asked ? Effect.void : Effect.logWarning("hookline did not stop in time and was killed")
        )
    )
    const ended = Effect.flatMap(
      exited(child),
      () => new BenchFailed({ message: `hookline ended by itself:\n${log().slice(-2_000)}` })
    )
    const ready = isReady(api).pipe(
      Effect.filterOrFail((ready) => ready),
      Effect.retry(Schedule.spaced("25 millis")),
      Effect.orDie,
      within("hookline to be ready", readyLimit),
      Effect.raceFirst(ended),
      Effect.map(() => (performance.now() - from) / 1000)
    )
    const kill = Effect.asVoid(end(child, "SIGKILL", "5 seconds"))
    const memory = Effect.sync(() => {
      rmSync(memoryFile, { force: true })
      child.kill("SIGUSR2")
    }).pipe(
      Effect.zipRight(
        Effect.try(() => JSON.parse(readFileSync(memoryFile, "utf8")) as Live).pipe(
          Effect.retry(Schedule.spaced("20 millis")),
          Effect.orDie,
          within("hookline to tell its memory", "60 seconds")
        )
      ),
      Effect.map(({ bytes }) => bytes)
    )
    return { pid: child.pid ?? 0, api, ready, ended, log, kill, memory }
  })

/** Uses a hookline that was just started, and stops it by Ctrl-C. */
export const withProduct = <A, E, R>(
  site: Site,
  use: (product: Product) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | BenchFailed, R> =>
  Effect.acquireUseRelease(
    Scope.make(),
    (scope) => Effect.flatMap(Scope.extend(startProduct(site), scope), use),
    (scope, exit) => Scope.close(scope, Exit.asVoid(exit))
  )

/** One webhook a port; each in a workspace of its own, or as many in each as get every event of it. */
export const createWebhooks = (
  { api }: Product,
  ports: ReadonlyArray<number>,
  fanOut = 1
): Effect.Effect<void, BenchFailed> =>
  Effect.forEach(
    ports,
    (port, index) =>
      Effect.tryPromise({
        try: async () => {
          const response = await fetch(`${api}/v1/webhooks`, {
            method: "POST",
            signal: AbortSignal.timeout(10_000),
            headers: {
              authorization: `Bearer ${operatorKey}`,
              "content-type": "application/json",
              "x-workspace-id": workspaceOf(ports.length / fanOut, Math.floor(index / fanOut))
            },
            body: JSON.stringify({ url: `http://127.0.0.1:${port}/`, events: [eventType], secret, concurrency })
          })
          if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`)
        },
        catch: (cause) => new BenchFailed({ message: `a webhook was not created: ${String(cause)}` })
      }),
    { concurrency: 8, discard: true }
  )

/** A GET of the API in a workspace, with the operator's key. */
export const get = <A>({ api }: Product, path: string, workspace: string): Effect.Effect<A, BenchFailed> =>
  Effect.tryPromise({
    try: async () => {
      const headers = { authorization: `Bearer ${operatorKey}`, "x-workspace-id": workspace }
      const response = await fetch(`${api}${path}`, { headers, signal: AbortSignal.timeout(30_000) })
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`)
      return await response.json() as A
    },
    catch: (cause) => new BenchFailed({ message: `GET ${path}: ${String(cause)}` })
  })

/** The embedded broker's address with credentials, and its process. */
export const embeddedBroker = (site: Site, role: "operator" | "publisher") =>
  Effect.tryPromise({
    try: async () => {
      const args = [site.main, "nats-url", ...(role === "publisher" ? ["--publisher"] : [])]
      const { stdout } = await promisify(execFile)(process.execPath, args, { env: environment(site), timeout: 15_000 })
      const pid = Number(readFileSync(join(site.directory, "nats.pid"), "utf8"))
      return { url: stdout.trim(), pid }
    },
    catch: (cause) => new BenchFailed({ message: `hookline nats-url: ${String(cause)}` })
  })

/** The history's process, a child of hookline's (Linux). */
export const historyOf = ({ pid: hookline }: Product): number | undefined =>
  readdirSync("/proc").map(Number).find((pid) => {
    if (!(pid > 0)) return false
    try {
      const parent = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]
      return Number(parent) === hookline && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("history/Process")
    } catch {
      return false
    }
  })

/** Those of hookline that take part in a delivery, by name. */
export const processesOf = (product: Product): Readonly<Record<string, number>> => {
  const history = historyOf(product)
  return { hookline: product.pid, ...(history !== undefined && { history }) }
}

/** Waits until the history has read everything: beside what is measured it would take processor time that belongs to what was before. */
export const historyCaughtUp = (product: Product, limit: Duration.DurationInput): Effect.Effect<void, BenchFailed> =>
  get<Readiness>(product, "/readyz", workspaceOf(1, 0)).pipe(
    Effect.filterOrFail(
      ({ checks }) =>
        checks.some(({ detail, name }) => name === "history" && detail === "following, 0 messages behind"),
      () => new BenchFailed({ message: "behind" })
    ),
    Effect.retry(Schedule.spaced("100 millis")),
    within("the history to have read everything", limit),
    Effect.asVoid
  )
