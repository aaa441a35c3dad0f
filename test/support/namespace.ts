import { Effect } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Public-looking addresses that are this machine's inside the namespace, and there alone. */
export const publicAddress = { v4: "93.184.216.34", v6: "2606:2800:220:1::34" } as const

const variable = "TEST_NETWORK_NAMESPACE"

/** We are inside. */
export const inNamespace = process.env[variable] !== undefined

/**
 * A network of its own, with nothing but loopback: every address there is leads to this machine ("local" routes), so that a connection to any of
 * them would be seen. The system's resolver asks 127.0.0.1.
 */
const setUp = [
  "ip link set lo up",
  `ip addr add ${publicAddress.v4}/32 dev lo`,
  `ip -6 addr add ${publicAddress.v6}/128 dev lo nodad`,
  "ip route add local 0.0.0.0/0 dev lo",
  "ip -6 route add local ::/0 dev lo",
  `mount --bind "$RESOLV" /etc/resolv.conf`,
  `exec "$@"`
].join(" && ")

interface Ended {
  readonly code: number | null
  readonly output: string
}

/** As root or as a user who is root there. Killed after `timeout` milliseconds. */
const inside = (directory: string, user: ReadonlyArray<string>, command: ReadonlyArray<string>, timeout: number) =>
  Effect.async<Ended>((resume) => {
    let output = ""
    const child = spawn(
      "unshare",
      // Whoever is in it ends with it: a product that was started there, its broker.
      [
        ...user,
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        "-c",
        setUp,
        "sh",
        ...command
      ],
      {
        env: { ...process.env, [variable]: "1", RESOLV: join(directory, "resolv.conf") },
        stdio: ["ignore", "pipe", "pipe"],
        timeout,
        killSignal: "SIGKILL"
      }
    )
    const add = (part: Buffer) => {
      output += part.toString()
    }
    child.stdout.on("data", add)
    child.stderr.on("data", add)
    child.once("error", (error) => resume(Effect.succeed({ code: null, output: error.message })))
    child.once("close", (code) => resume(Effect.succeed({ code, output })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Runs a command inside; fails with the reason where this machine has no namespaces for us. */
export const runInNamespace = (command: ReadonlyArray<string>, timeout: number): Effect.Effect<Ended, string> =>
  Effect.scoped(Effect.gen(function*() {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-namespace-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    writeFileSync(join(directory, "resolv.conf"), "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n")
    const reasons = new Set<string>()
    for (const user of [[], ["--user", "--map-root-user"]]) {
      const tried = yield* inside(directory, user, ["true"], 10_000)
      if (tried.code === 0) return yield* inside(directory, user, command, timeout)
      reasons.add(tried.output.trim().split("\n").at(-1) ?? `exit code ${tried.code}`)
    }
    return yield* Effect.fail(`no network namespace is to be had: ${[...reasons].join("; ")}`)
  }))
