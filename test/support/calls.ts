import { Effect, type Scope } from "effect"
import crypto from "node:crypto"
import { Session } from "node:inspector/promises"
import { syncBuiltinESMExports } from "node:module"
import { fileURLToPath } from "node:url"

/**
 * How often what was called, by names such as `call src/model/Event.ts parseEvent` (every function of src) and `hmac src/outbound/Signature.ts`
 * (what Node has, by the file or the package that called it). Those of Node are: `parse` and `stringify` of JSON, `hmac`, `hash`, and `copy`: bytes or
 * a text of at least the limit copied, or made into the other. What never happened is not there.
 */
export type Calls = Readonly<Record<string, number>>

const root = fileURLToPath(new URL("../../", import.meta.url))
const here = fileURLToPath(import.meta.url)

/** Of a file of ours its path, of any other its package. */
const nameOf = (path: string): string => {
  const file = path.startsWith("file:") ? fileURLToPath(path) : path
  const packages = file.lastIndexOf("/node_modules/")
  if (packages < 0) return file.startsWith(root) ? file.slice(root.length) : file
  return file.slice(packages + "/node_modules/".length).split("/").slice(0, 2).join("/")
}

/** The nearest caller that is neither Node nor this file. Not read from the text of a stack, which is mapped to the sources first: that takes too long. */
const caller = (): string => {
  const { prepareStackTrace, stackTraceLimit } = Error
  let file = "node"
  Error.stackTraceLimit = 20
  Error.prepareStackTrace = (_, sites) => {
    const names = sites.map((site) => site.getFileName() ?? "node:")
    file = nameOf(names.find((name) => !name.startsWith("node:") && !name.endsWith(here)) ?? file)
  }
  void new Error("who calls").stack
  Error.prepareStackTrace = prepareStackTrace
  Error.stackTraceLimit = stackTraceLimit
  return file
}

type Called = (given: ReadonlyArray<unknown>, result: unknown) => void

/** Has a function of an object told of, until the function that comes back is called. */
const watch = (target: object, name: string, called: Called): () => void => {
  const property = Object.getOwnPropertyDescriptor(target, name)
  const original: unknown = property?.value
  if (typeof original !== "function") throw new Error(`${name} is no function`)
  Object.defineProperty(target, name, {
    ...property,
    value: function(this: unknown, ...given: ReadonlyArray<unknown>): unknown {
      const result: unknown = Reflect.apply(original, this, given)
      called(given, result)
      return result
    }
  })
  return () => {
    Object.defineProperty(target, name, property ?? {})
  }
}

const lengthOf = (value: unknown): number =>
  typeof value === "number" ? value : typeof value === "string" || value instanceof Uint8Array ? value.length : 0

/** Node's own functions that are watched, while the scope lives. */
const watchNode = (count: (name: string) => void, limit: () => number) => {
  const large = (value: unknown): void => {
    if (lengthOf(value) >= limit()) count("copy")
  }
  const ofResult: Called = (_, result) => large(result)
  const ofSource: Called = ([source]) => large(source)
  return Effect.acquireRelease(
    Effect.sync(() => {
      const all = [
        watch(JSON, "parse", () => count("parse")),
        watch(JSON, "stringify", () => count("stringify")),
        watch(crypto, "createHmac", () => count("hmac")),
        watch(crypto, "createHash", () => count("hash")),
        watch(crypto, "hash", () => count("hash")),
        watch(Object.getPrototypeOf(Uint8Array.prototype), "set", ofSource),
        watch(Object.getPrototypeOf(Uint8Array.prototype), "slice", ofResult),
        // Of an ArrayBuffer it makes a view.
        watch(Buffer, "from", (given, result) => given[0] instanceof ArrayBuffer ? undefined : large(result)),
        watch(Buffer, "concat", ofResult),
        watch(Buffer.prototype, "copy", ofResult),
        watch(Buffer.prototype, "write", ofResult),
        watch(Buffer.prototype, "toString", ofResult),
        watch(TextDecoder.prototype, "decode", ofResult),
        watch(TextEncoder.prototype, "encode", ofResult)
      ]
      // Else `import { createHmac } from "node:crypto"` stays what it was.
      syncBuiltinESMExports()
      return all
    }),
    (all) =>
      Effect.sync(() => {
        for (const end of all) end()
        syncBuiltinESMExports()
      })
  )
}

/** V8 counts every call of every function, exactly: it optimizes nothing meanwhile, so nothing is timed beside it. */
const profiler = Effect.acquireRelease(
  Effect.promise(async () => {
    const session = new Session()
    session.connect()
    await session.post("Profiler.enable")
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false })
    return session
  }),
  (session) =>
    Effect.promise(async () => {
      await session.post("Profiler.stopPreciseCoverage")
      session.disconnect()
    })
)

/** Counts the calls in this process until the scope closes, and nothing of what is called knows it. */
export const countCalls: Effect.Effect<
  {
    /** From now on. `limit`: from how many bytes or characters on something copied counts. */
    readonly begin: (limit: number) => Effect.Effect<void>
    /** Since `begin`. */
    readonly end: Effect.Effect<Calls>
  },
  never,
  Scope.Scope
> = Effect.gen(function*() {
  let counts: Record<string, number> = {}
  let limit = Number.POSITIVE_INFINITY
  const add = (name: string, times: number): void => {
    counts[name] = (counts[name] ?? 0) + times
  }
  const session = yield* profiler
  yield* watchNode((what) => add(`${what} ${caller()}`, 1), () => limit)
  const end = Effect.promise(async () => {
    // The profiler's own answer is JSON.
    const taken = counts
    counts = {}
    const { result } = await session.post("Profiler.takePreciseCoverage")
    counts = taken
    for (const { functions, url } of result) {
      const file = nameOf(url)
      if (!file.startsWith("src/")) continue
      for (const { functionName, ranges } of functions) add(`call ${file} ${functionName}`, ranges[0]?.count ?? 0)
    }
    counts = {}
    return taken
  })
  return {
    begin: (from) =>
      Effect.andThen(end, () => {
        limit = from
      }),
    end
  }
})
