import { Context, Effect, Layer } from "effect"
import type { Readable, Writable } from "node:stream"
import { failed } from "./Failure.ts"
import type { CommandFailed } from "./Failure.ts"
import { truncated } from "./Text.ts"

/** What a command sees of the shell that started it. */
export interface ShellService {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Columns of the terminal; undefined when the output is a pipe or a file. */
  readonly columns: number | undefined
  /** Colour is allowed: a terminal, and no NO_COLOR (no-color.org). */
  readonly colour: boolean
  /** Somebody types: nothing can be read from a pipe. */
  readonly interactive: boolean
  /** Writes a line to standard output and waits until it is handed over: a pipe gets it before the process ends. */
  readonly out: (line: string) => Effect.Effect<void>
  readonly error: (line: string) => Effect.Effect<void>
  /** Replaces the last line of standard error, where that is a terminal; undefined where it is not. An empty text takes the line away. */
  readonly progress: ((text: string) => Effect.Effect<void>) | undefined
  /** Standard input to its end, at most `limit` bytes. */
  readonly input: (limit: number) => Effect.Effect<Uint8Array, CommandFailed>
}

export class Shell extends Context.Tag("hookline/surface/cli/Shell")<Shell, ShellService>() {}

/** A reader that went away (`| head`) ends the interest in the output, not in the command. */
const write = (stream: Writable) => (line: string): Effect.Effect<void> =>
  Effect.async((resume) => {
    stream.write(`${line}\n`, () => resume(Effect.void))
  })

const read = (stream: Readable, limit: number): Effect.Effect<Uint8Array, CommandFailed> =>
  Effect.tryPromise({
    try: async (signal) => {
      const chunks: Array<Buffer> = []
      let size = 0
      signal.addEventListener("abort", () => stream.destroy())
      for await (const chunk of stream) {
        const bytes = Buffer.from(chunk as Uint8Array)
        size += bytes.length
        if (size > limit) throw failed(`standard input holds more than ${limit} bytes`)
        chunks.push(bytes)
      }
      return Buffer.concat(chunks)
    },
    catch: (cause) => (cause instanceof Error && "exitCode" in cause
      ? cause as CommandFailed
      : failed(`cannot read standard input: ${cause}`))
  })

interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
}

/** One line that is written over again and again: what does not fit would begin another. */
const overwrite = (stream: Terminal["stderr"]) => (text: string): Effect.Effect<void> =>
  Effect.async((resume) => {
    stream.write(`\r\u001b[2K${truncated(text, (stream.columns ?? 80) - 1)}`, () => resume(Effect.void))
  })

export const make = (terminal: Terminal): ShellService => {
  const { env, stdin, stdout, stderr } = terminal
  const isTerminal = stdout.isTTY === true
  return {
    env,
    columns: isTerminal ? stdout.columns : undefined,
    colour: isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
    interactive: stdin.isTTY === true,
    out: write(stdout),
    error: write(stderr),
    progress: stderr.isTTY === true ? overwrite(stderr) : undefined,
    input: (limit) => read(stdin, limit)
  }
}

/** The process's own shell. */
export const layer: Layer.Layer<Shell> = Layer.sync(Shell, () => {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined)
  return make(process)
})
