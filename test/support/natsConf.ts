import { Effect, Either } from "effect"
import { connect } from "nats"
import { spawn } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { locate, packaged } from "../../src/broker/ServerBinary.ts"
import { temporaryDirectory, until } from "../broker/processes.ts"

/** Of the users that nats.conf has. */
export const passwords = {
  HOOKLINE: "h4eaf",
  WORKER: "w4eaf",
  API: "a4eaf",
  AUDITOR: "d4eaf",
  OPERATOR: "o4eaf",
  BACKUP: "b4eaf",
  PUBLISHER: "p4eaf"
}

/** The nats.conf of the top level with addresses and a store of the test's own, and what `change` makes of it. */
export const serverWith = (change: (text: string) => string) =>
  Effect.gen(function*() {
    const directory = yield* temporaryDirectory
    const text = yield* Effect.promise(() => readFile(join(import.meta.dirname, "../../nats.conf"), "utf8"))
    const own = change(text)
      .replace(`"0.0.0.0:4222"`, `"127.0.0.1:-1"`)
      .replace(`"127.0.0.1:8222"`, `"127.0.0.1:-1"`)
      .replace(`"/data"`, JSON.stringify(join(directory, "store")))
    if (own.match(/127\.0\.0\.1:-1/g)?.length !== 2 || own.includes(`"/data"`)) {
      throw new Error("nats.conf has other addresses")
    }
    const file = join(directory, "nats.conf")
    yield* Effect.promise(() => writeFile(file, own))
    const binary = yield* locate({
      natsServer: undefined,
      path: process.env["PATH"] ?? "",
      packaged: packaged(),
      directory
    })
    const env = Object.fromEntries(
      Object.entries(passwords).map(([role, password]) => [`NATS_${role}_PASSWORD`, password])
    )
    let log = ""
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(binary.path, ["-c", file], { env, stdio: ["ignore", "ignore", "pipe"] })
        child.stderr.setEncoding("utf8").on("data", (part: string) => {
          log += part
        })
        return child
      }),
      (child) =>
        Effect.async<void>((resume) => {
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    const address = yield* until(Effect.sync(() => /client connections on (127\.0\.0\.1:\d+)/.exec(log)?.[1]))
    return {
      address,
      url: (user: keyof typeof passwords) => `nats://${user.toLowerCase()}:${passwords[user]}@${address}`,
      /** What was refused for want of a permission, as the server's log has it. */
      violations: () => log.split("\n").filter((line) => line.includes("Violation"))
    }
  })

export const server = serverWith((text) => text)

export const login = (address: string, user: string, pass: string) =>
  Effect.acquireRelease(
    Effect.promise(() => connect({ servers: address, user, pass })),
    (nats) => Effect.promise(() => nats.close())
  )

export const refused = (ask: () => Promise<unknown>) => Effect.map(Effect.either(Effect.tryPromise(ask)), Either.isLeft)
