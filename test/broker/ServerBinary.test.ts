import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, Option } from "effect"
import { createHash } from "node:crypto"
import { mkdir, readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { locate } from "../../src/broker/ServerBinary.ts"
import { temporaryDirectory } from "./processes.ts"

/** A program that answers `--version` as a nats-server of that version does. */
const programOf = (version: string) => `#!/bin/sh\necho "nats-server: v${version}"\n`

const program = (directory: string, version: string) =>
  Effect.promise(async () => {
    await mkdir(directory, { recursive: true })
    const file = join(directory, "nats-server")
    await writeFile(file, programOf(version), { mode: 0o755 })
    return file
  })

/** A package as npm unpacks it: without the run bit. */
const packageOf = (file: string, version: string, sha256?: string) =>
  Effect.promise(async () => {
    await writeFile(file, programOf(version), { mode: 0o644 })
    return Option.some({
      file,
      version,
      sha256: sha256 ?? createHash("sha256").update(programOf(version)).digest("hex")
    })
  })

const none = { natsServer: undefined, path: "", packaged: Option.none() }

describe("the nats-server binary", () => {
  it.scopedLive("is the one that is named, if it will do", () =>
    Effect.gen(function*() {
      const root = yield* temporaryDirectory
      const named = yield* program(join(root, "new"), "2.12.1")
      const other = yield* program(join(root, "path"), "2.11.6")
      const options = { ...none, path: join(other, ".."), directory: join(root, "bin") }
      expect(yield* locate({ ...options, natsServer: named })).toEqual({ path: named, version: "2.12.1" })

      const refusal = (natsServer: string) =>
        Effect.map(Effect.flip(locate({ ...options, natsServer })), ({ message }) => message)
      const old = yield* program(join(root, "old"), "2.9.10")
      expect(yield* refusal(old)).toMatch(
        /^HOOKLINE_NATS_SERVER is .*its version is 2\.9\.10.*accepted: .*2\.11 or later/
      )
      expect(yield* refusal(join(root, "nowhere"))).toContain("there is no such file")
      expect(yield* refusal("/bin/true")).toContain("it is no nats-server")
    }))

  it.scopedLive("is the one on PATH, an old one is passed over with a warning that names its version", () =>
    Effect.gen(function*() {
      const root = yield* temporaryDirectory
      const directory = join(root, "bin")
      const packaged = yield* packageOf(join(root, "package"), "2.11.6")
      const recent = yield* program(join(root, "new"), "2.11.0")
      yield* program(join(root, "old"), "2.9.10")
      const said: Array<string> = []
      const listening = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => said.push(String(message))))

      const found = yield* locate({ ...none, packaged, directory, path: `/nowhere::${join(root, "new")}` })
      expect(found).toEqual({ path: recent, version: "2.11.0" })
      const instead = yield* locate({ ...none, packaged, directory, path: join(root, "old") }).pipe(
        Effect.provide(listening)
      )
      expect(instead.version).toBe("2.11.6")
      expect(said).toHaveLength(1)
      expect(said[0]).toContain("2.9.10")
    }))

  it.scopedLive("comes from the package, copied with the run bit, and is made good when it was changed", () =>
    Effect.gen(function*() {
      const root = yield* temporaryDirectory
      const options = {
        ...none,
        packaged: yield* packageOf(join(root, "package"), "2.11.6"),
        directory: join(root, "bin")
      }
      const { path } = yield* locate(options)
      const bytes = Effect.promise(() => readFile(path, "utf8"))
      expect(path.startsWith(join(root, "bin"))).toBe(true)
      expect((yield* Effect.promise(() => stat(path))).mode & 0o777).toBe(0o755)
      yield* Effect.promise(() => writeFile(path, "#!/bin/sh\ntouch /tmp/owned\n"))
      yield* locate(options)
      expect(yield* bytes).toBe(programOf("2.11.6"))
    }))

  it.scopedLive("of the package is refused when it is not the released one", () =>
    Effect.gen(function*() {
      const root = yield* temporaryDirectory
      const packaged = yield* packageOf(join(root, "package"), "2.11.6", "0".repeat(64))
      const refused = yield* Effect.flip(locate({ ...none, packaged, directory: join(root, "bin") }))
      expect(refused._tag).toBe("ServerBinaryRefused")
      expect(refused.message).toContain("0".repeat(64))
      expect(yield* Effect.promise(() => stat(join(root, "bin")).then(() => true, () => false))).toBe(false)
    }))

  it.scopedLive("is asked for in three ways when there is none", () =>
    Effect.gen(function*() {
      const root = yield* temporaryDirectory
      yield* program(join(root, "old"), "2.9.10")
      const missing = yield* Effect.flip(locate({ ...none, path: join(root, "old"), directory: root }))
      expect(missing._tag).toBe("NoServerBinary")
      expect(missing.message).toContain("2.9.10")
      expect(missing.message.split("\n").filter((line) => line.startsWith("  - "))).toHaveLength(3)
    }))
})
