import { Deferred, Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import type { InvalidSetting } from "../Config.ts"
import { unusable } from "./PrivateFile.ts"

/*
 * hookline ── pipe ──▶ guard ── child ──▶ nats-server
 *
 * The guard is a session of its own, so that Ctrl-C in the terminal reaches neither it nor the server. The kernel closes the pipe when
 * hookline ends, by whatever means; then the guard ends the server, which gets 5 s to flush its store, and itself. The server is not
 * started before hookline has answered: one that died meanwhile leaves nothing behind. If the guard itself is killed, hookline ends what is
 * left of its process group; if both are, the next start finds the server by its pid file.
 *
 * The program is a string because it has to be found from the sources and from dist/ alike. Plain CommonJS of Node 20, no imports but one.
 */
const program = `
const { spawn } = require("node:child_process")
const [file, ...args] = process.argv.slice(1)
let server
let ending = false
const say = (message, then) => process.stdout.write(message + "\\n", then)
const leave = (how) => {
  say(how, () => process.exit(0))
  setTimeout(() => process.exit(0), 500)
}
const end = () => {
  if (ending) return
  ending = true
  if (server === undefined) process.exit(0)
  server.kill("SIGTERM")
  setTimeout(() => server.kill("SIGKILL"), 5000)
}
const start = () => {
  if (ending || server !== undefined) return
  server = spawn(file, args, { stdio: ["ignore", "ignore", "inherit"] })
  server.on("error", (cause) => leave("could not be run: " + cause.code))
  server.on("exit", (code, signal) => leave(signal || "exit code " + code))
}
process.stdout.on("error", () => {})
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, end)
process.stdin.on("data", start).on("end", end).on("close", end).on("error", end)
say("ready")
`

/** Longer than the guard waits for the server. */
const longestEnd = "7 seconds"

export interface Guarded {
  /** Completes with how the server ended, when nothing of it is left. */
  readonly exited: Effect.Effect<string>
}

/** The environment of the server: no secret of ours, no option for the guard's Node. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(PATH|HOME|TZ|LANG|LC_ALL|TMPDIR|GO[A-Z]+)$/.test(name))
  )

/** Starts the guard in a session of its own; the pipes are null only where the options say so. */
const spawnGuard = (file: string, args: ReadonlyArray<string>, log: string) => {
  const descriptor = openSync(log, "a", 0o600)
  try {
    const small = ["--max-old-space-size=16", "--max-semi-space-size=1"]
    const guard = spawn(process.execPath, [...small, "-e", program, file, ...args], {
      detached: true,
      cwd: "/",
      env: environment(),
      stdio: ["pipe", "pipe", descriptor]
    })
    const { stdin, stdout } = guard
    if (stdin === null || stdout === null) throw new Error("the guard has no pipes")
    return { guard, stdin, stdout }
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Runs a server behind a guard for as long as the scope lives; closing it takes as long as the server needs to end, 7 s at most. What it
 * writes to its standard error goes to the end of `log`.
 */
export const guarded = (
  file: string,
  args: ReadonlyArray<string>,
  log: string
): Effect.Effect<Guarded, InvalidSetting, Scope.Scope> =>
  Effect.gen(function*() {
    const exited = yield* Deferred.make<string>()
    const start = Effect.try({
      try: () => {
        const { guard, stdin, stdout } = spawnGuard(file, args, log)
        // The group lives as long as a server is in it, so its id cannot be somebody else's meanwhile.
        const kill = () => guard.pid !== undefined && signal(-guard.pid, "SIGKILL")
        let said = ""
        stdin.on("error", () => undefined)
        stdout.on("error", () => undefined)
        stdout.setEncoding("utf8").on("data", (text: string) => {
          said += text
          if (said === "ready\n") stdin.write("start\n")
        })
        const settle = (how: string) => {
          kill()
          Deferred.unsafeDone(exited, Effect.succeed(how))
        }
        guard.on("error", (cause) => settle(`the guard could not be run: ${cause.message}`))
        guard.on("close", (code, signal) => settle(said.split("\n")[1] || `the guard ended with ${signal ?? code}`))
        return { stdin, kill }
      },
      catch: (cause) => unusable(log, cause)
    })
    yield* Effect.acquireRelease(start, ({ kill, stdin }) =>
      Effect.sync(() => stdin.end()).pipe(
        Effect.zipRight(Deferred.await(exited)),
        // Release is uninterruptible; the wait must not be, or its limit would not end it.
        Effect.interruptible,
        Effect.timeout(longestEnd),
        Effect.catchAll(() => Effect.zipRight(Effect.sync(kill), Deferred.await(exited))),
        Effect.asVoid
      ))
    return { exited: Deferred.await(exited) }
  })

/** Sends a signal; false when there is no such process. */
export const signal = (pid: number, name: "SIGTERM" | "SIGKILL" | 0): boolean => {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}
