import { Effect, Option } from "effect"
import { constants } from "node:fs"
import { access, readdir, readFile, stat, statfs } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { masterKeyFile, operatorKeyFile } from "./DataDirectory.ts"
import { errno } from "./PrivateFile.ts"
import { files } from "./ServerConfig.ts"

/** A file that holds a key. */
export interface KeyFile {
  readonly path: string
  /** Without surrounding white space; none when there is no such file or it may not be read. */
  readonly text: Option.Option<string>
  /** Why it could not be read, when it is there. */
  readonly unreadable: string | undefined
  /** Others than its owner may read or change it. */
  readonly open: boolean
}

/** What a data directory looks like from outside; nothing in it is changed, made or locked. */
export interface DirectorySurvey {
  /** Absolute. */
  readonly path: string
  readonly exists: boolean
  /** Why nothing could be written there. */
  readonly unusable: string | undefined
  /** Others than its owner may look into it. */
  readonly open: boolean
  /** Bytes this user may still write on its disk. */
  readonly free: number
  /** Bytes of the embedded broker's store; 0 when there is none. */
  readonly stored: number
  readonly hasStore: boolean
  readonly operatorKey: KeyFile
  readonly masterKeys: KeyFile
  /** `sync_interval` of the embedded broker as it last was started. */
  readonly sync: string | undefined
}

const others = 0o077

const keyFile = async (path: string): Promise<KeyFile> => {
  const mode = await stat(path).then(({ mode }) => mode, () => undefined)
  const absent = { path, text: Option.none<string>(), unreadable: undefined, open: false }
  if (mode === undefined) return absent
  return readFile(path, "utf8").then(
    (text) => ({ ...absent, text: Option.some(text.trim()), open: (mode & others) !== 0 }),
    (cause: unknown) => ({ ...absent, unreadable: errno(cause) || "it cannot be read" })
  )
}

/** The directory itself, or the nearest above it that there is. */
const nearest = async (path: string): Promise<string> =>
  (await stat(path).then(() => true, () => false)) || dirname(path) === path ? path : nearest(dirname(path))

const sizeOf = async (path: string): Promise<number> => {
  const names = await readdir(path, { recursive: true }).catch((): Array<string> => [])
  let size = 0
  for (const name of names) {
    size += await stat(join(path, name)).then((file) => file.isFile() ? file.size : 0, () => 0)
  }
  return size
}

export const surveyDirectory = (directory: string): Effect.Effect<DirectorySurvey> =>
  Effect.promise(async () => {
    const path = resolve(directory)
    const found = await stat(path).catch(() => undefined)
    const place = await nearest(path)
    const { config, store } = files(path)
    const hasStore = await stat(store).then((file) => file.isDirectory(), () => false)
    return {
      path,
      exists: found !== undefined,
      unusable: found !== undefined && !found.isDirectory()
        ? "it is a file"
        : await access(place, constants.W_OK | constants.X_OK).then(
          () => undefined,
          (cause: unknown) => `${place}: ${errno(cause)}`
        ),
      open: found !== undefined && (found.mode & others) !== 0,
      free: await statfs(place).then(({ bavail, bsize }) => bavail * bsize, () => Number.POSITIVE_INFINITY),
      stored: hasStore ? await sizeOf(store) : 0,
      hasStore,
      operatorKey: await keyFile(join(path, operatorKeyFile)),
      masterKeys: await keyFile(join(path, masterKeyFile)),
      sync: await readFile(config, "utf8").then((text) => /sync_interval: "(\w+)"/.exec(text)?.[1], () => undefined)
    }
  })
