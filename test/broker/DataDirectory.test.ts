import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Option, Redacted } from "effect"
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { natsUrl } from "../../src/broker/BrokerFile.ts"
import { localServer, open } from "../../src/broker/DataDirectory.ts"
import { settings } from "../../src/Config.ts"
import { kill, script, temporaryDirectory, until } from "./processes.ts"

const nothingGiven = { operatorKey: undefined, masterKeys: undefined, leastFreeBytes: 0 }
const modeOf = (path: string) => Effect.promise(async () => ((await stat(path)).mode & 0o777).toString(8))
const text = (path: string) => Effect.promise(() => readFile(path, "utf8"))

describe("DataDirectory", () => {
  it.scopedLive("is made with keys that only its owner can read, and finds them again", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "a", "data")
      const first = yield* Effect.scoped(open(path, nothingGiven))
      expect(yield* modeOf(path)).toBe("700")
      for (const name of ["operator.key", "master.key"]) expect(yield* modeOf(join(path, name))).toBe("600")
      const key = Redacted.value(first.operatorKey)
      expect(key).toMatch(/^hk_op_[A-Za-z0-9_-]{43}$/)
      expect(settings.operatorKey.parse(key)).toBe(key)
      expect(yield* text(first.operatorKeyFile ?? "")).toBe(`${key}\n`)
      const [id, secret] = Redacted.value(first.masterKeys).split(":")
      expect(id).toMatch(/^[a-z0-9]+$/)
      expect(Buffer.from(secret ?? "", "base64")).toHaveLength(32)

      yield* Effect.promise(() => chmod(join(path, "master.key"), 0o644))
      const second = yield* open(path, nothingGiven)
      expect(second.operatorKey).toEqual(first.operatorKey)
      expect(second.masterKeys).toEqual(first.masterKeys)
      expect(yield* modeOf(join(path, "master.key"))).toBe("600")
    }))

  it.scopedLive("writes no key that was given", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const given = { operatorKey: "hk_a_b", masterKeys: "k:c", leastFreeBytes: 0 }
      const directory = yield* open(path, given)
      expect(Redacted.value(directory.operatorKey)).toBe("hk_a_b")
      expect(directory.operatorKeyFile).toBeUndefined()
      expect((yield* Effect.promise(() => readdir(path))).filter((name) => name.endsWith(".key"))).toEqual([])
    }))

  it.scopedLive("says where the API is while it runs, without a secret", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const directory = yield* open(path, nothingGiven)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* directory.announce("http://127.0.0.1:8080")
        expect(yield* modeOf(join(path, "server.json"))).toBe("600")
        expect(yield* text(join(path, "server.json"))).not.toContain(Redacted.value(directory.operatorKey))
        expect(yield* localServer(path)).toEqual(
          Option.some({ url: "http://127.0.0.1:8080", operatorKey: Option.some(directory.operatorKey) })
        )
      }))
      expect(yield* localServer(path)).toEqual(Option.none())
    }))

  it.scopedLive("forgets what a killed process announced or left half written", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* Effect.promise(() => writeFile(join(path, "server.json"), `{"url":"x","operatorKeyFile":null,"pid":1}`))
      yield* Effect.promise(() => writeFile(join(path, "operator.key.123.tmp"), "hk_"))
      yield* open(path, nothingGiven)
      expect((yield* Effect.promise(() => readdir(path))).filter((name) => !name.startsWith("lock-")).toSorted())
        .toEqual(
          ["master.key", "operator.key"]
        )
    }))

  it.scopedLive("makes no new master key where secrets may be sealed with the lost one", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      yield* Effect.promise(() => mkdir(join(path, "nats")))
      const missing = yield* Effect.flip(Effect.scoped(open(path, nothingGiven)))
      expect(missing.message).toMatch(/HOOKLINE_MASTER_KEYS is not set, and .*master\.key is missing/)
      yield* Effect.promise(() => writeFile(join(path, "master.key"), "k1:short\n"))
      const damaged = yield* Effect.flip(Effect.scoped(open(path, nothingGiven)))
      expect(damaged.message).toMatch(/master\.key is damaged/)
      expect(damaged.message).not.toContain("short")
    }))

  it.scopedLive("refuses a directory it cannot use, by name", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      const file = join(parent, "file")
      yield* Effect.promise(() => writeFile(file, ""))
      const readOnly = join(parent, "read-only")
      yield* Effect.promise(() => mkdir(readOnly))
      yield* Effect.promise(() => chmod(readOnly, 0o500))
      // Root may write to any directory; a file system without files stands in for a read-only one.
      const closed = process.getuid?.() === 0 ? "/proc/hookline" : join(readOnly, "data")
      for (const path of [file, join(file, "data"), closed]) {
        const refused = yield* Effect.flip(Effect.scoped(open(path, nothingGiven)))
        expect(refused.message).toMatch(/^HOOKLINE_DATA is a directory that cannot be used/)
        expect(refused.message).toContain(path)
      }
      const full = yield* Effect.flip(Effect.scoped(open(parent, { ...nothingGiven, leastFreeBytes: 2 ** 60 })))
      expect(full.message).toMatch(/^HOOKLINE_DATA .* MiB free, at least 1099511627776 MiB needed/)
    }))

  it.scopedLive("natsUrl says that there is no embedded broker", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const none = yield* Effect.flip(natsUrl(path, { publisher: false }))
      expect(none.message).toContain(path)
    }))
})

/** Stands for another hookline: listens as one that holds the lock does. */
const otherHolder = `
require("node:net").createServer((socket) => socket.end("holds")).listen(process.argv[1] + "/lock-" + process.pid + "-0123456789ab.sock", () =>
  console.log("holds"))
`

describe("the directory's lock", () => {
  it.scopedLive("is held by one process at a time and given back", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const take = Effect.either(open(path, nothingGiven))
      yield* Effect.scoped(Effect.gen(function*() {
        expect(Either.isRight(yield* take)).toBe(true)
        const refused = yield* Effect.flip(open(path, nothingGiven))
        expect(refused).toMatchObject({ _tag: "DataDirectoryInUse", pid: process.pid, directory: path })
        expect(refused.message).toContain(`process ${process.pid}`)
      }))
      expect(Either.isRight(yield* take)).toBe(true)
    }))

  it.scopedLive("goes to exactly one of many who start together", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      for (let round = 0; round < 5; round += 1) {
        yield* Effect.scoped(Effect.gen(function*() {
          const taken = yield* Effect.forEach(
            Array.from({ length: 12 }),
            () => Effect.either(open(path, nothingGiven)),
            { concurrency: "unbounded" }
          )
          expect(taken.filter(Either.isRight)).toHaveLength(1)
        }))
      }
    }))

  it.scopedLive("of a killed process is taken over, of a frozen one it is not", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const other = yield* script(otherHolder, path)
      yield* other.says(/holds/)
      kill(other.pid, "SIGSTOP")
      const refused = yield* Effect.flip(Effect.scoped(open(path, nothingGiven)))
      expect(refused).toMatchObject({ _tag: "DataDirectoryInUse", pid: other.pid })
      kill(other.pid, "SIGKILL")
      yield* until(open(path, nothingGiven))
      expect((yield* Effect.promise(() => readdir(path))).filter((name) => name.startsWith("lock-"))).toHaveLength(1)
    }))

  it.scopedLive("works where the path is longer than a socket's address may be, and through a link", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      const path = join(parent, "d".repeat(120))
      if (process.platform !== "linux") return
      yield* Effect.scoped(Effect.gen(function*() {
        yield* open(path, nothingGiven)
        const link = join(parent, "link")
        yield* Effect.promise(() => symlink(path, link))
        expect(yield* Effect.flip(open(link, nothingGiven))).toMatchObject({ _tag: "DataDirectoryInUse" })
      }))
      expect((yield* Effect.promise(() => readdir(path))).filter((name) => name.startsWith("lock-"))).toEqual([])
      yield* Effect.promise(() => rm(path, { recursive: true }))
    }))
})
