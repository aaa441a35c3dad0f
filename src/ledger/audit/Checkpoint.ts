import { Data, Effect, Option } from "effect"
import { readFile, rename, rm, writeFile } from "node:fs/promises"
import { deserialize, serialize } from "node:v8"
import type { AuditState } from "./Audit.ts"

/** The format of the file; another one is refused. It is read by the version of hookline that wrote it. */
const version = 2

/** The file cannot be read, or is no state of an audit. */
export class CheckpointInvalid extends Data.TaggedError("CheckpointInvalid")<{ readonly message: string }> {}

const failed = (path: string) => (cause: unknown) =>
  new CheckpointInvalid({
    message: `${path} cannot be used for the audit's state: ${cause instanceof Error ? cause.message : String(cause)}`
  })

const isState = (value: unknown): value is { readonly version: number; readonly state: AuditState } =>
  typeof value === "object" && value !== null && "version" in value && value.version === version && "state" in value

/** What an interrupted audit has left; none when there is no such file. */
export const load = (path: string): Effect.Effect<Option.Option<AuditState>, CheckpointInvalid> =>
  Effect.tryPromise({
    try: async () => {
      const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === "ENOENT") return undefined
        throw cause
      })
      if (bytes === undefined) return Option.none()
      const value: unknown = deserialize(bytes)
      if (!isState(value)) throw new Error("another version of hookline wrote it, or none")
      return Option.some(value.state)
    },
    catch: failed(path)
  })

/** Nothing else happens to a file meanwhile: a write that goes on behind an interruption would put it back after its removal. */
const alone = Effect.unsafeMakeSemaphore(1)
const inTurn = <A>(path: string, act: () => Promise<A>): Effect.Effect<A, CheckpointInvalid> =>
  alone.withPermits(1)(Effect.uninterruptible(Effect.tryPromise({ try: act, catch: failed(path) })))

/**
 * As a whole or not at all: a kill in the middle leaves the former state. Only its owner can read it. `state` is asked for when it is written; undefined:
 * there is nothing to keep. Not to be interrupted once it has begun.
 */
export const save = (path: string, state: () => AuditState | undefined): Effect.Effect<void, CheckpointInvalid> =>
  inTurn(path, async () => {
    const kept = state()
    if (kept === undefined) return
    await writeFile(`${path}.new`, serialize({ version, state: kept }), { mode: 0o600 })
    await rename(`${path}.new`, path)
  })

export const remove = (path: string): Effect.Effect<void, CheckpointInvalid> =>
  inTurn(path, () => rm(path, { force: true }))
