import { Effect, Schedule, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A directory of the test's own, gone with its scope. */
export const temporaryDirectory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "hookline-"))),
  (directory) => Effect.promise(() => rm(directory, { recursive: true, force: true, maxRetries: 10 }))
)

export interface Child {
  readonly pid: number
  /** Waits for a line of its output that passes. */
  readonly says: (test: RegExp) => Effect.Effect<string>
}

/** A Node process in a group of its own; killed with its group when the scope closes. */
const child = (args: ReadonlyArray<string>): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], detached: true })),
    (child) => Effect.zipRight(Effect.sync(() => kill(-(child.pid ?? 0), "SIGKILL")), ended(child))
  ).pipe(Effect.map((child) => {
    let output = ""
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text
    })
    return {
      pid: child.pid ?? 0,
      says: (test) => until(Effect.sync(() => output.split("\n").slice(0, -1).find((line) => test.test(line))))
    }
  }))

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) resume(Effect.void)
    else child.once("exit", () => resume(Effect.void))
  })

/** Runs a program given as text. */
export const script = (program: string, ...args: ReadonlyArray<string>) => child(["-e", program, ...args])

/** Runs a TypeScript file of the tests. */
export const source = (file: string, ...args: ReadonlyArray<string>) =>
  child([createRequire(import.meta.url).resolve("vite-node/vite-node.mjs"), file, ...args])

/** Asks again until there is an answer; a defect after 20 s. */
export const until = <A, R>(ask: Effect.Effect<A | undefined | false, unknown, R>): Effect.Effect<A, never, R> =>
  ask.pipe(
    Effect.flatMap((answer) =>
      answer === undefined || answer === false ? Effect.fail("not yet") : Effect.succeed(answer)
    ),
    Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo("20 seconds"))),
    Effect.orDie
  )

export const kill = (pid: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
