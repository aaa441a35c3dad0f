import { Data, Effect, Option } from "effect"
import { readFile, rename, rm, writeFile } from "node:fs/promises"
import { deserialize, serialize } from "node:v8"
import type { AuditState } from "./Audit.ts"

/** The format of the file; another one is refused. It is read by the version of hookline that wrote it. */
const version = 1

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

/** As a whole or not at all: a kill in the middle leaves the former state. Only its owner can read it. */
export const save = (path: string, state: AuditState): Effect.Effect<void, CheckpointInvalid> =>
  Effect.tryPromise({
    try: async () => {
      await writeFile(`${path}.new`, serialize({ version, state }), { mode: 0o600 })
      await rename(`${path}.new`, path)
    },
    catch: failed(path)
  })

export const remove = (path: string): Effect.Effect<void, CheckpointInvalid> =>
  Effect.tryPromise({ try: () => rm(path, { force: true }), catch: failed(path) })
