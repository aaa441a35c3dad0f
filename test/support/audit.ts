import { Effect } from "effect"
import { spawn } from "node:child_process"
import type { Report } from "../../src/ledger/audit/Report.ts"

const root = new URL("../..", import.meta.url).pathname

/** What `hookline audit` has said. */
export interface Audited {
  readonly code: number | null
  readonly report: Report
  readonly output: string
}

/** Runs `hookline <words>` to its end, as an operator would, on the built product. */
export const hooklineCommand = (
  words: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<{ readonly code: number | null; readonly out: string; readonly error: string }> =>
  Effect.async((resume) => {
    const child = spawn(process.execPath, ["--enable-source-maps", `${root}dist/main.js`, ...words], {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let [out, error] = ["", ""]
    child.stdout.on("data", (part: Buffer) => (out += part.toString()))
    child.stderr.on("data", (part: Buffer) => (error += part.toString()))
    child.once("close", (code) => resume(Effect.succeed({ code, out, error })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** `hookline audit verify --json` on a data directory, or on the broker that `env` names. */
export const audited = (
  where: { readonly data?: string; readonly env?: Readonly<Record<string, string>> },
  ...options: ReadonlyArray<string>
): Effect.Effect<Audited> =>
  hooklineCommand([
    "audit",
    "verify",
    "--json",
    ...(where.data === undefined ? [] : ["--data-dir", where.data]),
    ...options
  ], where.env).pipe(
    Effect.map(({ code, error, out }) => {
      if (out === "") throw new Error(`the audit said nothing: ${error}`)
      return { code, report: JSON.parse(out) as Report, output: out + error }
    })
  )
