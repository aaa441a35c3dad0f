import { Data, Effect, Random, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import { closeSync, openSync } from "node:fs"
import { readdir, rm, stat } from "node:fs/promises"
import { connect, createServer, type Server } from "node:net"
import { join } from "node:path"
import type { InvalidSetting } from "../Config.ts"
import { errno, unusable, unusableBecause } from "./PrivateFile.ts"

/*
 * One process a data directory. The lock is a listening Unix socket in the directory: the kernel closes it with its process, however that
 * dies, so no process id has to be trusted (ids are reused, and two containers both have a process 1).
 *
 * Everybody listens on a socket of his own name, looks at all the others, and withdraws if one of them answers. Of two who overlap, the one
 * that looks last sees the other listening, so two never hold; that both withdraw is possible, and they try again after a random wait. Only
 * a holder removes sockets, and only such as do not answer; one whose own socket was removed before it held withdraws too.
 */

/** Another process holds the data directory. */
export class DataDirectoryInUse extends Data.TaggedError("DataDirectoryInUse")<{
  readonly directory: string
  /** As the other wrote it; in another container it may mean nothing here. */
  readonly pid: number
}> {
  override get message(): string {
    return `${this.directory} is in use by another hookline (process ${this.pid}); stop it, or set HOOKLINE_DATA to another directory`
  }
}

type Standing = "gone" | "trying" | "holds"

const socketName = /^lock-(\d+)-[0-9a-f]{12}\.sock$/

/** The longest address of a Unix socket that every system takes (macOS has room for 104 bytes with the final NUL). */
const longestAddress = 103

/** How a socket in the directory is addressed: by its path, on Linux by way of an open descriptor when the path is too long. */
const addressing = (directory: string): Effect.Effect<(name: string) => string, InvalidSetting, Scope.Scope> => {
  const longest = Buffer.byteLength(join(directory, `lock-4294967295-${"0".repeat(12)}.sock`))
  if (longest <= longestAddress) return Effect.succeed((name) => join(directory, name))
  if (process.platform !== "linux") {
    return Effect.fail(
      unusableBecause(directory, `the path is ${longest - longestAddress} bytes too long for a socket`)
    )
  }
  return Effect.acquireRelease(
    Effect.try({ try: () => openSync(directory, "r"), catch: (cause) => unusable(directory, cause) }),
    (descriptor) => Effect.sync(() => closeSync(descriptor))
  ).pipe(Effect.map((descriptor) => (name) => `/proc/self/fd/${descriptor}/${name}`))
}

const socketsIn = (directory: string, own: string): Effect.Effect<ReadonlyArray<string>, InvalidSetting> =>
  Effect.tryPromise({
    try: async () => (await readdir(directory)).filter((name) => socketName.test(name) && name !== own),
    catch: (cause) => unusable(directory, cause)
  })

/** Asks a socket how its owner stands. Whatever is not certainly gone counts as holding: refusing to start is the safe mistake. */
const ask = (address: string): Effect.Effect<Standing> =>
  Effect.async<Standing>((resume) => {
    const socket = connect(address)
    socket.once("data", (bytes) => resume(Effect.succeed(bytes.toString() === "trying" ? "trying" : "holds")))
    socket.once("error", (cause) =>
      resume(Effect.succeed(["ECONNREFUSED", "ENOENT"].includes(errno(cause)) ? "gone" : "holds")))
    socket.once("close", () =>
      resume(Effect.succeed("holds")))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeoutTo({
    duration: "1 second",
    onTimeout: (): Standing => "holds",
    onSuccess: (standing) => standing
  }))

const listen = (address: string, directory: string, standing: () => Standing): Effect.Effect<Server, InvalidSetting> =>
  Effect.async((resume) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined)
      socket.end(standing(), () => socket.destroy())
    })
    server.once("error", (cause) => resume(Effect.fail(unusable(directory, cause))))
    // Not a reason for the process to stay alive.
    server.listen(address, () => resume(Effect.succeed(server))).unref()
  })

/** Closing twice does no harm. */
const close = (server: Server): Effect.Effect<void> =>
  Effect.async((resume) => {
    server.close(() => resume(Effect.void))
  })

/**
 * Holds the directory until the scope closes. Waits at most a few seconds, and only when several start at the same moment.
 */
export const lock = (
  directory: string
): Effect.Effect<void, DataDirectoryInUse | InvalidSetting, Scope.Scope> =>
  Effect.gen(function*() {
    const addressOf = yield* addressing(directory)
    let rival = 0
    for (let tries = 0; tries < 20; tries += 1) {
      const own = `lock-${process.pid}-${randomBytes(6).toString("hex")}.sock`
      let standing: Standing = "trying"
      const server = yield* Effect.acquireRelease(listen(addressOf(own), directory, () => standing), close)
      const others = yield* Effect.forEach(
        yield* socketsIn(directory, own),
        (name) =>
          Effect.map(ask(addressOf(name)), (standing) => ({ name, standing, pid: Number(socketName.exec(name)?.[1]) })),
        { concurrency: 8 }
      )
      // After the others were asked: whoever may have removed it was still there to answer.
      const present = yield* Effect.promise(() => stat(join(directory, own)).then(() => true, () => false))
      const holder = others.find((other) => other.standing === "holds")
      const trying = others.find((other) => other.standing === "trying")
      if (holder === undefined && trying === undefined && present) {
        standing = "holds"
        return yield* Effect.promise(() =>
          Promise.allSettled(others.map(({ name }) => rm(join(directory, name), { force: true })))
        )
      }
      yield* close(server)
      if (holder !== undefined) return yield* new DataDirectoryInUse({ directory, pid: holder.pid })
      rival = trying?.pid ?? rival
      yield* Effect.sleep(yield* Random.nextIntBetween(10, 300))
    }
    return yield* new DataDirectoryInUse({ directory, pid: rival })
  }).pipe(Effect.asVoid)
