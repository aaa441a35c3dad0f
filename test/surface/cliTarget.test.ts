import { describe, expect, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { loadOrMake, save } from "../../src/broker/BrokerFile.ts"
import { open } from "../../src/broker/DataDirectory.ts"
import { Shell } from "../../src/surface/cli/Shell.ts"
import { namedWorkspace, resolveTarget } from "../../src/surface/cli/Target.ts"
import { shell, type } from "../support/shell.ts"

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "hookline-cli-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** A data directory on which a hookline says it runs, as `start` leaves it. */
const running = (operatorKey?: string) =>
  Effect.gen(function*() {
    const path = yield* directory
    const data = yield* open(path, { operatorKey, masterKeys: undefined, leastFreeBytes: 0 })
    yield* data.announce("http://127.0.0.1:1234")
    return { path, key: Redacted.value(data.operatorKey) }
  })

const resolved = (env: Readonly<Record<string, string>>, flag?: string) =>
  resolveTarget(Option.fromNullable(flag)).pipe(
    Effect.map(({ key, keySource, url }) => ({ url, key: Redacted.value(key), keySource })),
    Effect.provideService(Shell, shell({ env }).service)
  )

const workspaceOf = (env: Readonly<Record<string, string>>, flag?: string) =>
  namedWorkspace({ data: Option.none(), workspace: Option.fromNullable(flag) }).pipe(
    Effect.provideService(Shell, shell({ env }).service)
  )

const given = "hk_op_given-by-the-operator-0123456789"

describe("which server a command talks to", () => {
  it.scoped("the one on the data directory, with its key", () =>
    Effect.gen(function*() {
      const { key, path } = yield* running()
      const expected = { url: "http://127.0.0.1:1234", key, keySource: `the data directory ${path}` }
      expect(yield* resolved({ HOOKLINE_DATA: path })).toEqual(expected)
      expect(yield* resolved({}, path)).toEqual(expected)
    }))

  it.scoped("HOOKLINE_URL and HOOKLINE_API_KEY go before HOOKLINE_DATA, and --data-dir before both", () =>
    Effect.gen(function*() {
      const { key, path } = yield* running()
      const env = { HOOKLINE_DATA: path, HOOKLINE_URL: "https://hooks.example.com/", HOOKLINE_API_KEY: given }
      expect(yield* resolved(env)).toEqual({
        url: "https://hooks.example.com",
        key: given,
        keySource: "HOOKLINE_API_KEY"
      })
      expect(yield* resolved(env, path)).toMatchObject({ url: "http://127.0.0.1:1234", key })
      expect(yield* resolved({ HOOKLINE_DATA: path, HOOKLINE_API_KEY: given })).toMatchObject({ key: given })
    }))

  it.scoped("a directory's key never goes to another server", () =>
    Effect.gen(function*() {
      const { path } = yield* running()
      const refused = yield* Effect.flip(resolved({ HOOKLINE_DATA: path, HOOKLINE_URL: "http://elsewhere.example/" }))
      expect(refused).toMatchObject({ exitCode: 2 })
      expect(refused.message).toContain("HOOKLINE_API_KEY is not")
    }))

  it.scoped("a server that was given its key wants it from the environment", () =>
    Effect.gen(function*() {
      const { path } = yield* running(given)
      const refused = yield* Effect.flip(resolved({ HOOKLINE_DATA: path }))
      expect(refused.message).toContain("set HOOKLINE_API_KEY")
      expect(yield* resolved({ HOOKLINE_DATA: path, HOOKLINE_OPERATOR_KEY: given })).toMatchObject({ key: given })
    }))

  it.scoped("no server, or no address: says how to start one, or what is wrong", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const none = yield* Effect.flip(resolved({ HOOKLINE_DATA: path }))
      expect(none).toMatchObject({ exitCode: 1 })
      expect(none.message).toContain("node dist/main.js start --dev")
      for (const url of ["nonsense", "ftp://x/", "http://user:pass@x/", "http://x/?a=1"]) {
        expect(yield* Effect.flip(resolved({ HOOKLINE_URL: url, HOOKLINE_API_KEY: given }))).toMatchObject({
          exitCode: 2
        })
      }
    }))

  it.effect("the workspace: the flag before HOOKLINE_WORKSPACE, never guessed", () =>
    Effect.gen(function*() {
      expect(yield* workspaceOf({ HOOKLINE_WORKSPACE: "ws_env" })).toEqual(Option.some("ws_env"))
      expect(yield* workspaceOf({ HOOKLINE_WORKSPACE: "ws_env" }, "ws_flag")).toEqual(Option.some("ws_flag"))
      expect(yield* workspaceOf({ HOOKLINE_WORKSPACE: "" })).toEqual(Option.none())
      expect(yield* Effect.flip(workspaceOf({}, "a.b"))).toMatchObject({ exitCode: 2 })
    }))
})

describe("hookline nats-url", () => {
  it.scoped("prints the broker's address with credentials, also the publisher's", () =>
    Effect.gen(function*() {
      const path = yield* directory
      expect(yield* type(["nats-url", "--data-dir", path])).toMatchObject({ code: 1, out: "" })
      yield* save(path, yield* loadOrMake(path, { port: 4999, store: 1 }))
      const operator = yield* type(["nats-url"], { env: { HOOKLINE_DATA: path } })
      expect(operator.out).toMatch(/^nats:\/\/hookline:\S+@127\.0\.0\.1:4999\n$/)
      const publisher = yield* type(["nats-url", "--publisher", "--json", "--data", path])
      expect(JSON.parse(publisher.out)).toEqual({ url: expect.stringMatching(/^nats:\/\/publisher:/) })
    }))
})
