import { Effect, Queue } from "effect"
import { PassThrough, Readable } from "node:stream"
import { run } from "../../src/surface/cli/Cli.ts"
import type { Program } from "../../src/surface/cli/Cli.ts"
import { make, Shell } from "../../src/surface/cli/Shell.ts"

/** A shell to type into: environment, standard input, and what was printed. */
export interface Typed {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Uint8Array
  /** A terminal of so many columns. */
  readonly columns?: number
}

/** `start` that only waits to be asked. */
export const program: Program = { version: "1.2.3", start: () => Effect.void }

const collected = (stream: PassThrough): () => string => {
  const chunks: Array<Buffer> = []
  stream.on("data", (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString("utf8")
}

export const shell = ({ columns, env = {}, input }: Typed = {}) => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const output = columns === undefined ? stdout : Object.assign(stdout, { isTTY: true, columns })
  if (columns !== undefined) Object.assign(stderr, { isTTY: true, columns })
  const stdin = Object.assign(Readable.from(input === undefined ? [] : [Buffer.from(input)]), {
    isTTY: input === undefined
  })
  return {
    service: make({ env, stdin, stdout: output, stderr }),
    out: collected(stdout),
    error: collected(stderr),
    stdout,
    stderr
  }
}

/** Runs a command line to its end. */
export const type = (words: ReadonlyArray<string>, typed: Typed = {}, started: Program = program) =>
  Effect.gen(function*() {
    const { error, out, service } = shell(typed)
    const code = yield* run(words, started).pipe(Effect.provideService(Shell, service))
    return { code, out: out(), error: error() }
  })

/** What is printed from now on, line by line. */
const lines = (stream: PassThrough) =>
  Effect.gen(function*() {
    const queue = yield* Queue.dropping<string>(1000)
    let rest = ""
    stream.on("data", (chunk: Buffer) => {
      const parts = (rest + chunk.toString("utf8")).split("\n")
      rest = parts.pop() ?? ""
      parts.forEach((line) => queue.unsafeOffer(line))
    })
    return queue
  })

/** Runs a command line that goes on until the scope ends; its output and errors come as lines. */
export const typeOn = (words: ReadonlyArray<string>, typed: Typed = {}) =>
  Effect.gen(function*() {
    const { service, stderr, stdout } = shell(typed)
    const [out, error] = [yield* lines(stdout), yield* lines(stderr)]
    yield* Effect.forkScoped(run(words, program).pipe(Effect.provideService(Shell, service)))
    return { out, error }
  })
