import { Effect, Option } from "effect"
import { randomBytes } from "node:crypto"
import { chmod, open, readFile, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { InvalidSetting } from "../Config.ts"

const reasons: Record<string, string> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  ENOENT: "it does not exist and cannot be made",
  ENOTDIR: "part of the path is a file",
  EEXIST: "it is a file",
  EMFILE: "too many open files",
  ENAMETOOLONG: "the path is too long"
}

export const errno = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : ""

/** The data directory cannot be used: what happened, where, and what the person who started hookline can do. */
export const unusable = (path: string, cause: unknown): InvalidSetting =>
  unusableBecause(path, reasons[errno(cause)] ?? (cause instanceof Error ? cause.message : String(cause)))

export const unusableBecause = (path: string, why: string): InvalidSetting =>
  new InvalidSetting({
    setting: "HOOKLINE_DATA",
    value: `a directory that cannot be used (${path}: ${why})`,
    accepts:
      "a directory this user may write to, on a disk with free space; free some, or set HOOKLINE_DATA to another path"
  })

const sync = async (path: string): Promise<void> => {
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const replace = async (path: string, content: string | Uint8Array, mode: number): Promise<void> => {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`
  try {
    const handle = await open(temporary, "wx", mode)
    try {
      await handle.writeFile(content)
      await handle.chmod(mode)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    await sync(dirname(path))
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw cause
  }
}

/** Writes a file as a whole or not at all, also across a power cut; readable by its owner only unless `mode` says otherwise. */
export const write = (
  path: string,
  content: string | Uint8Array,
  mode = 0o600
): Effect.Effect<void, InvalidSetting> =>
  Effect.uninterruptible(
    Effect.tryPromise({ try: () => replace(path, content, mode), catch: (cause) => unusable(path, cause) })
  )

/** A file's text, none if there is no such file. */
export const read = (path: string): Effect.Effect<Option.Option<string>, InvalidSetting> =>
  Effect.tryPromise({
    try: () =>
      readFile(path, "utf8").then(Option.some, (cause: unknown) => {
        if (errno(cause) === "ENOENT") return Option.none<string>()
        throw cause
      }),
    catch: (cause) => unusable(path, cause)
  })

/**
 * The secret a file holds, without surrounding white space; made by `make` and written when there is no such file. A file that others could
 * read is closed to them again.
 */
export const secret = (
  path: string,
  make: Effect.Effect<string, InvalidSetting>
): Effect.Effect<string, InvalidSetting> =>
  Effect.gen(function*() {
    const found = yield* read(path)
    if (Option.isSome(found)) {
      yield* Effect.tryPromise({ try: () => chmod(path, 0o600), catch: (cause) => unusable(path, cause) })
      return found.value.trim()
    }
    const made = yield* make
    yield* write(path, `${made}\n`)
    return made
  })
