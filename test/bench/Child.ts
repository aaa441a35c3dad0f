import { Data, Duration, Effect, type Scope } from "effect"
import { type ChildProcess, fork, spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { createServer } from "node:net"
import type { Answer, Calls, Request } from "./Rpc.ts"

/** The bench itself could not go on; what it measured until then is lost. */
export class BenchFailed extends Data.TaggedError("BenchFailed")<{ readonly message: string }> {}

/** A wait of the bench that has an end. */
export const within =
  (what: string, limit: Duration.DurationInput) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | BenchFailed, R> =>
    Effect.timeoutFail(effect, {
      duration: limit,
      onTimeout: () => new BenchFailed({ message: `${what}: not within ${Duration.format(limit)}` })
    })

/** Completes when the process has ended. */
export const exited = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
  })

/** Ends a process that is ours: asks first, and insists after the patience. True when asking was enough. */
export const end = (
  child: ChildProcess,
  signal: NodeJS.Signals,
  patience: Duration.DurationInput
): Effect.Effect<boolean> =>
  Effect.sync(() => child.kill(signal)).pipe(
    Effect.zipRight(exited(child)),
    Effect.interruptible,
    Effect.timeoutTo({ duration: patience, onSuccess: () => true, onTimeout: () => false }),
    Effect.tap((asked) =>
      asked ? Effect.void : Effect.zipRight(Effect.sync(() => child.kill("SIGKILL")), exited(child))
    )
  )

/** A child that serves calls, and its process id. */
export interface Child<C extends Calls> {
  readonly pid: number
  readonly call: <K extends keyof C & string>(
    name: K,
    input: Parameters<C[K]>[0],
    limit: Duration.DurationInput
  ) => Effect.Effect<Awaited<ReturnType<C[K]>>, BenchFailed>
}

/** Forks a file of the bench for as long as the scope lives; `flags` are node's. */
export const forked = <C extends Calls>(
  name: string,
  flags: ReadonlyArray<string> = []
): Effect.Effect<Child<C>, never, Scope.Scope> =>
  called<C>(
    name,
    () =>
      fork(new URL(`${name}.js`, import.meta.url), {
        serialization: "advanced",
        execArgv: [...process.execArgv, ...flags]
      })
  )

/** A process that serves calls, for as long as the scope lives. */
export const called = <C extends Calls>(
  name: string,
  start: () => ChildProcess
): Effect.Effect<Child<C>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const process = yield* Effect.acquireRelease(
      Effect.sync(start),
      (child) => end(child, "SIGTERM", "2 seconds")
    )
    const open = new Map<number, (answer: Answer) => void>()
    const failAll = () => {
      for (const [id, settle] of open) settle({ id, error: "the process ended" })
    }
    process.on("message", (answer: Answer) => open.get(answer.id)?.(answer))
    process.on("exit", failAll)
    let next = 0
    return {
      pid: process.pid ?? 0,
      call: (call, input, limit) =>
        Effect.async<never, BenchFailed>((resume) => {
          const id = next++
          open.set(id, ({ error, value }) => {
            open.delete(id)
            resume(
              error === undefined
                ? Effect.succeed(value as never)
                : Effect.fail(new BenchFailed({ message: `${name}.${call}: ${error}` }))
            )
          })
          process.send({ id, name: call, input } satisfies Request, (cause) => cause !== null && failAll())
        }).pipe(within(`${name}.${call}`, limit))
    }
  })

/** Starts a program whose output goes to a file. */
export const logged = (
  file: string,
  args: ReadonlyArray<string>,
  log: string,
  env: NodeJS.ProcessEnv
): ChildProcess => {
  const descriptor = openSync(log, "a", 0o600)
  try {
    return spawn(file, args, { stdio: ["ignore", descriptor, descriptor], env })
  } finally {
    closeSync(descriptor)
  }
}

/** A port that was free a moment ago. */
export const freePort: Effect.Effect<number> = Effect.async((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})
