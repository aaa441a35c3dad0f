import { Effect, type Scope } from "effect"
import { execFile, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { eventually } from "../support/broker.ts"

/** The samples of docs/samples as programs, in the languages that the machine has. */

export const root = fileURLToPath(new URL("../..", import.meta.url))
export const samples = join(root, "docs/samples")
export const sample = (name: string) => join(samples, name)
export const text = (path: string) => readFileSync(join(root, path), "utf8")

// ------------------------------------------------------------------------------------------------ what the machine has

export const works = (command: string, ...args: ReadonlyArray<string>) =>
  spawnSync(command, args, { timeout: 20_000 }).status === 0

export const python = works("python3", "--version")
export const php = works("php", "-r", "exit(PHP_VERSION_ID >= 80000 ? 0 : 1);")
export const ruby = works("ruby", "-ropenssl", "-e", "exit OpenSSL.respond_to?(:secure_compare)")
export const go = works("go", "version")
/** Both compiler and machine: what is compiled for 17 has to run. */
export const java = ["javac", "java"].every((command) => {
  const { stdout } = spawnSync(command, ["--version"], { encoding: "utf8", timeout: 20_000 })
  return Number(/ (\d+)/.exec(stdout ?? "")?.[1] ?? 0) >= 17
})

export const needs = (what: string, there: boolean) => there ? "" : ` (skipped: needs ${what})`

// ------------------------------------------------------------------------------------------------------ running things

export type Environment = Readonly<Record<string, string>>

/** Nothing is fetched for a test. */
const environment = (more: Environment) => ({
  ...process.env,
  PYTHONDONTWRITEBYTECODE: "1",
  PYTHONUNBUFFERED: "1",
  PYTHONUTF8: "1",
  // Ruby and Java read their sources as the locale says, and a bare environment has none.
  LC_ALL: "C.UTF-8",
  GOPROXY: "off",
  GOSUMDB: "off",
  GOFLAGS: "-mod=mod",
  GOTOOLCHAIN: "local",
  GO111MODULE: "on",
  ...more
})

/** A program to its end, at most 100 s: Go compiles its own library the first time. */
export const run = (command: string, args: ReadonlyArray<string>, env: Environment = {}, input = "", cwd = root) =>
  Effect.async<{ readonly code: number | null; readonly out: string; readonly error: string }>((resume) => {
    const child = execFile(
      command,
      args,
      { env: environment(env), cwd, timeout: 100_000, killSignal: "SIGKILL" },
      (_, out, error) => resume(Effect.succeed({ code: child.exitCode, out, error }))
    )
    child.stdin?.end(input)
    return Effect.sync(() => void child.kill("SIGKILL"))
  })

/** A program that listens, until the scope ends. */
export const serve = (command: string, args: ReadonlyArray<string>, env: Environment) =>
  Effect.gen(function*() {
    let output = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(command, args, { env: environment(env), cwd: root, stdio: ["ignore", "pipe", "pipe"] })),
      (child) => Effect.sync(() => void child.kill("SIGKILL"))
    )
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => output += part.toString())
    const address = () => /(?:[Ll]istening on |Running on |Server \()(http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1]
    yield* eventually(`${args.join(" ")} listens`, () => address() !== undefined)
    return { url: `${address()}/webhooks/craftdesk`, output: () => output }
  })

/** A folder until the scope ends. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-samples-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)
