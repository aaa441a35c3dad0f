import { Context, Effect, Layer, Option, Redacted, Schema, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import { access, chmod, mkdir, readdir, rm, stat, statfs } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { Config, type InvalidSetting, InvalidSetting as Invalid, settings } from "../Config.ts"
import { type DataDirectoryInUse, lock } from "./DirectoryLock.ts"
import { errno, read, secret, unusable, unusableBecause, write } from "./PrivateFile.ts"

/** Below this much free space nothing is started: a broker that runs into a full disk answers publishers with silence. */
export const leastFreeBytes = 64 * 1024 * 1024

export const operatorKeyFile = "operator.key"
export const masterKeyFile = "master.key"
const serverFile = "server.json"

/** Where the embedded broker keeps its streams, inside the data directory. */
export const storeDirectory = "nats"

const LocalServer = Schema.parseJson(Schema.Struct({
  url: Schema.String,
  /** Absolute path of the file with the operator's key; none when the key came from HOOKLINE_OPERATOR_KEY. */
  operatorKeyFile: Schema.NullOr(Schema.String),
  pid: Schema.Int
}))

/**
 * The directory of everything that outlives a run: `operator.key`, `master.key`, `broker.json` (the broker's credentials), the broker's
 * store under `nats/`, its binary and its log. Mode 0700, every file 0600. One process at a time; `server.json` is there while it runs.
 */
export class DataDirectory extends Context.Tag("hookline/broker/DataDirectory")<DataDirectory, {
  /** Absolute. */
  readonly path: string
  /** HOOKLINE_OPERATOR_KEY, else the key in `operator.key`, which is made when it is missing. */
  readonly operatorKey: Redacted.Redacted
  /** Absolute path of `operator.key`; undefined when HOOKLINE_OPERATOR_KEY is set. */
  readonly operatorKeyFile: string | undefined
  /** HOOKLINE_MASTER_KEYS, else the ring in `master.key`, which is made at the first start. */
  readonly masterKeys: Redacted.Redacted
  /** Tells the commands of this machine where the API listens, for as long as the scope lives (`localServer` reads it). */
  readonly announce: (apiUrl: string) => Effect.Effect<void, InvalidSetting, Scope.Scope>
}>() {
  static readonly layer: Layer.Layer<DataDirectory, InvalidSetting | DataDirectoryInUse, Config> = Layer.scoped(
    DataDirectory,
    Effect.flatMap(Config, (config) =>
      open(config.data, {
        operatorKey: config.operatorKey,
        masterKeys: config.masterKeys,
        leastFreeBytes
      }))
  )
}

/** @internal The directory at a path; the layer gives it the settings. */
export const open = (
  directory: string,
  given: {
    readonly operatorKey: string | undefined
    readonly masterKeys: string | undefined
    readonly leastFreeBytes: number
  }
): Effect.Effect<Context.Tag.Service<DataDirectory>, InvalidSetting | DataDirectoryInUse, Scope.Scope> =>
  Effect.gen(function*() {
    const path = resolve(directory)
    yield* prepare(path, given.leastFreeBytes)
    yield* lock(path)
    yield* sweep(path)
    const keyFile = given.operatorKey === undefined ? join(path, operatorKeyFile) : undefined
    const operatorKey = keyFile === undefined ? given.operatorKey ?? "" : yield* ownOperatorKey(keyFile)
    const masterKeys = given.masterKeys ?? (yield* ownMasterKey(path))
    return {
      path,
      operatorKey: Redacted.make(operatorKey),
      operatorKeyFile: keyFile,
      masterKeys: Redacted.make(masterKeys),
      announce: (url) =>
        Effect.acquireRelease(
          write(
            join(path, serverFile),
            Schema.encodeSync(LocalServer)({ url, operatorKeyFile: keyFile ?? null, pid: process.pid })
          ),
          () => Effect.promise(() => rm(join(path, serverFile), { force: true }).catch(() => undefined))
        )
    }
  })

/** Not Node's own `recursive`: version 20 never returns where a directory exists and none can be made in it (/proc). */
const makeDirectory = async (path: string): Promise<void> => {
  const make = () => mkdir(path, { mode: 0o700 })
  await make().catch(async (cause: unknown) => {
    if (errno(cause) === "EEXIST" && (await stat(path)).isDirectory()) return
    if (errno(cause) !== "ENOENT" || dirname(path) === path) throw cause
    await makeDirectory(dirname(path))
    await make()
  })
}

const prepare = (path: string, leastFree: number): Effect.Effect<void, InvalidSetting> =>
  Effect.tryPromise({
    try: async () => {
      await makeDirectory(path)
      // A mounted volume may belong to somebody else; the files in it are ours alone all the same.
      await chmod(path, 0o700).catch(() => undefined)
      const { bavail, bsize } = await statfs(path)
      return bavail * bsize
    },
    catch: (cause) => unusable(path, cause)
  }).pipe(
    Effect.filterOrFail(
      (free) => free >= leastFree,
      (free) =>
        unusableBecause(
          path,
          `${Math.floor(free / 2 ** 20)} MiB free, at least ${Math.ceil(leastFree / 2 ** 20)} MiB needed`
        )
    )
  )

/** Removes what a killed process left half written or announced. Only with the lock held. */
const sweep = (path: string): Effect.Effect<void, InvalidSetting> =>
  Effect.tryPromise({
    try: async () => {
      const leftovers = (await readdir(path)).filter((name) => name.endsWith(".tmp") || name === serverFile)
      await Promise.all(leftovers.map((name) => rm(join(path, name), { force: true })))
    },
    catch: (cause) => unusable(path, cause)
  })

const ownOperatorKey = (file: string): Effect.Effect<string, InvalidSetting> =>
  secret(file, Effect.sync(() => `hk_op_${randomBytes(32).toString("base64url")}`)).pipe(
    Effect.filterOrFail(
      (key) => settings.operatorKey.parse(key) !== undefined,
      () =>
        new Invalid({
          setting: file,
          value: "no API key",
          accepts: `${settings.operatorKey.accepts}; delete the file for a new key`
        })
    )
  )

/**
 * A new ring only where no secret can have been sealed yet: with another key, the webhooks in the store could never be signed for again.
 */
const ownMasterKey = (directory: string): Effect.Effect<string, InvalidSetting> => {
  const file = join(directory, masterKeyFile)
  const lost = (value: string) =>
    new Invalid({
      setting: "HOOKLINE_MASTER_KEYS",
      value: `not set, and ${file} ${value}`,
      accepts: `the key ring that sealed the secrets in ${
        join(directory, storeDirectory)
      }: restore the file or set the variable`
    })
  const make = Effect.promise(() => access(join(directory, storeDirectory)).then(() => true, () => false)).pipe(
    Effect.filterOrFail((used) => !used, () => lost("is missing")),
    Effect.map(() => `k${randomBytes(4).toString("hex")}:${randomBytes(32).toString("base64")}`)
  )
  return secret(file, make).pipe(
    Effect.filterOrFail((ring) => /^[A-Za-z0-9_-]{1,64}:[A-Za-z0-9+/]{43}=/.test(ring), () => lost("is damaged"))
  )
}

/** The API of the hookline that runs on a data directory. */
export interface LocalApi {
  readonly url: string
  /** None when the key was given to the server by HOOKLINE_OPERATOR_KEY. */
  readonly operatorKey: Option.Option<Redacted.Redacted>
}

/** The hookline that said it runs on this data directory; after a kill -9 nobody may listen there. None when none runs. */
export const localServer = (directory: string): Effect.Effect<Option.Option<LocalApi>, InvalidSetting> =>
  Effect.gen(function*() {
    const file = join(resolve(directory), serverFile)
    const server = Option.flatMap(yield* read(file), (text) => Schema.decodeOption(LocalServer)(text))
    if (Option.isNone(server)) return Option.none()
    const { operatorKeyFile, url } = server.value
    const key = operatorKeyFile === null ? Option.none<string>() : yield* read(operatorKeyFile)
    return Option.some({ url, operatorKey: Option.map(key, (text) => Redacted.make(text.trim())) })
  })
