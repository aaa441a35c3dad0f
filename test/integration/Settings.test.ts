import { describe, expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { load, settings } from "../../src/Config.ts"

const root = new URL("../..", import.meta.url).pathname

/** Values that each setting refuses, by the name of its variable. */
const wrong: Readonly<Record<string, ReadonlyArray<string>>> = {
  HOOKLINE_DATA: [""],
  HOOKLINE_HOST: [""],
  HOOKLINE_PORT: ["", "-1", "65536", "80a", "1.5", "0x50", " 80"],
  HOOKLINE_NATS_PORT: ["", "65536", "nats"],
  HOOKLINE_SYNC: ["", "never", "Always", "5m"],
  HOOKLINE_REPLICAS: ["", "0", "2", "4", "three"],
  HOOKLINE_OPERATOR_KEY: ["hunter2", "hk_short_x", "hk_op_with a space in it 0123456789abcdef"],
  HOOKLINE_RETRY_SCHEDULE: [
    "",
    "5m",
    "0s,5m,1m",
    "0s,5m,5m",
    "0s,soon",
    "0s,-5m",
    "0",
    "0s,,5m",
    Array.from({ length: 21 }, (_, n) => `${n}s`).join(",")
  ],
  HOOKLINE_TIMEOUT: ["", "0s", "30", "30 seconds", "-1s", "1w"],
  HOOKLINE_SUCCESS_STATUS: ["", "201", "3xx"],
  HOOKLINE_RETRY_AFTER: ["", "maybe", "2"],
  HOOKLINE_DISABLE_ON_GONE: ["", "gone"],
  HOOKLINE_ALLOW_HTTP: ["", "http"],
  HOOKLINE_ALLOW_CIDRS: ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/8,all", "::1/129", "localhost/8"],
  HOOKLINE_ROTATION_OVERLAP: ["", "1 day", "8d"],
  HOOKLINE_SIGNATURE_HEADER: ["", "X-Signature", "x signature", "1x", "x\r\ny"],
  HOOKLINE_STANDARD_PREFIX: ["", "Webhook", "web hook"],
  HOOKLINE_USER_AGENT: ["", "Agent\r\nx: y", "Agënt"],
  HOOKLINE_CONCURRENCY: ["", "0", "257", "many"],
  HOOKLINE_MAX_IN_FLIGHT: ["", "15", "8193"],
  HOOKLINE_PARTITIONS: ["", "0", "65"],
  HOOKLINE_DELIVERIES_STREAMS: ["", "0", "17"],
  HOOKLINE_EVENTS_MAX_AGE: ["", "0d", "30", "31d"],
  HOOKLINE_EVENTS_MAX_BYTES: ["", "8GG", "lots", "-1"],
  HOOKLINE_DELIVERIES_MAX_AGE: ["", "30d", "0d"],
  HOOKLINE_DELIVERIES_MAX_BYTES: ["", "1.5G"],
  HOOKLINE_QUARANTINE_MAX_BYTES: ["", "512 M B"],
  HOOKLINE_LOG_LEVEL: ["", "loud", "WARN"],
  HOOKLINE_LOG_FORMAT: ["", "xml"]
}

/** What can only be told when it is used. */
const whenUsed = ["HOOKLINE_ALLOW_CIDRS", "HOOKLINE_ROTATION_OVERLAP"]

describe("a wrong setting", () => {
  it.each(
    Object.entries(wrong).filter(([name]) => !whenUsed.includes(name))
      .flatMap(([name, values]) => values.map((value) => [name, value] as const))
  )("%s=%j is refused by name, with what is accepted", (name, value) => {
    const loaded = load({ flags: {}, env: { [name]: value }, dev: false })
    const entry = Object.values(settings).find(({ env }) => env === name)!
    expect(Either.isLeft(loaded) ? loaded.left.setting : `accepted ${JSON.stringify(value)}`).toMatch(/^HOOKLINE_/)
    const error = Either.isLeft(loaded) ? loaded.left.message : ""
    expect(error).toContain("accepted: ")
    if ("secret" in entry && value !== "") expect(error).not.toContain(value)
  })

  const cases: ReadonlyArray<readonly [name: string, value: string, says: RegExp]> = [
    ["HOOKLINE_PORT", "80a", /HOOKLINE_PORT is "80a"; accepted: 0 to 65535/],
    ["HOOKLINE_RETRY_SCHEDULE", "5m,1m", /HOOKLINE_RETRY_SCHEDULE is "5m,1m"; accepted: rising durations from 0s/],
    ["HOOKLINE_NO_SUCH", "1", /HOOKLINE_NO_SUCH/],
    ["HOOKLINE_ALLOW_CIDRS", "10.0.0.0/33", /HOOKLINE_ALLOW_CIDRS.*10\.0\.0\.0\/33/],
    ["HOOKLINE_ROTATION_OVERLAP", "8d", /HOOKLINE_ROTATION_OVERLAP.*8d/],
    ["HOOKLINE_CATALOGUE", "/no/such/file.json", /HOOKLINE_CATALOGUE.*\/no\/such\/file\.json/],
    ["HOOKLINE_CATALOGUE", "/dev/null", /HOOKLINE_CATALOGUE.*\/dev\/null/],
    ["HOOKLINE_MASTER_KEYS", "k1:c2hvcnQ=", /HOOKLINE_MASTER_KEYS.*accepted/],
    ["HOOKLINE_NATS_SERVER", "/no/such/binary", /HOOKLINE_NATS_SERVER|nats-server/],
    ["HOOKLINE_NATS_URL", "nats://127.0.0.1:1", /HOOKLINE_(OPERATOR_KEY|MASTER_KEYS).*HOOKLINE_NATS_URL/],
    ["HOOKLINE_HOST", "192.0.2.1", /HOOKLINE_HOST.*192\.0\.2\.1/],
    ["HOOKLINE_DATA", "/proc/hookline", /HOOKLINE_DATA.*\/proc\/hookline/],
    ["HOOKLINE_DATA", "/dev/null", /HOOKLINE_DATA.*\/dev\/null/]
  ]

  it.scopedLive(
    "ends the start with 2, names the setting and the value, and leaves nothing running",
    () =>
      Effect.gen(function*() {
        const results = yield* Effect.forEach(cases, ([name, value]) => started({ [name]: value }), { concurrency: 2 })
        expect(
          results.map(({ code, output }, index) => [cases[index]?.[0], code, cases[index]?.[2].test(output) || output])
        )
          .toEqual(cases.map(([name]) => [name, 2, true]))
        // A sentence for a person, no stack and nothing of the inside.
        for (const { output } of results) expect(output).not.toMatch(/\n\s+at |_tag|Error:/)
      }),
    60_000
  )

  it.scopedLive("so does a port that is taken, the API's or the broker's", () =>
    Effect.gen(function*() {
      const server = yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const port = String((server.address() as AddressInfo).port)
      for (const name of ["HOOKLINE_PORT", "HOOKLINE_NATS_PORT"]) {
        const { code, output } = yield* started({ [name]: port })
        expect([name, code]).toEqual([name, 2])
        expect(output).toContain(name)
        expect(output).toContain(port)
      }
    }), 30_000)

  it.scopedLive("so do secrets that do not fit what is stored, by name and without the secret", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      writeFileSync(join(directory, "operator.key"), "not a key\n", { mode: 0o600 })
      const { code, output } = yield* started({ HOOKLINE_DATA: directory })
      expect(code).toBe(2)
      expect(output).toContain("operator.key")
      expect(output).not.toContain("not a key")
    }))
})

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-settings-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }))
)

/** `hookline start` to its end; one that starts after all is stopped. */
const started = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    const directory = yield* temporary
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("HOOKLINE_"))
    const fresh = { HOOKLINE_DATA: directory, HOOKLINE_PORT: "0", HOOKLINE_NATS_PORT: "0" }
    return yield* Effect.async<{ readonly code: number | string | null; readonly output: string }>((resume) => {
      execFile(
        process.execPath,
        ["dist/main.js", "start"],
        { cwd: root, env: { ...Object.fromEntries(inherited), ...fresh, ...env }, timeout: 15_000 },
        (error, out, errors) =>
          resume(Effect.succeed({ code: error?.code ?? error?.signal ?? 0, output: `${out}${errors}` }))
      )
    })
  }).pipe(Effect.scoped)
