import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { surveyBroker } from "../../src/broker/BrokerSurvey.ts"
import { brokerLayer, TestBroker } from "../support/broker.ts"
import { externalProduct } from "../support/external.ts"
import { type Product, product } from "../support/product.ts"
import { masterKey } from "../support/registry.ts"
import { type } from "../support/shell.ts"
import { addWebhook } from "../support/until.ts"

/** Free ones: what listens on this machine is none of the tests' business. */
const ports = { HOOKLINE_PORT: "0", HOOKLINE_NATS_PORT: "0" }

interface Check {
  readonly check: string
  readonly state: string
  readonly found: string
  readonly advice?: string
}

const examine = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    const { code, error, out } = yield* type(["doctor", "--json"], { env: { ...ports, ...env } })
    const { checks, healthy } = JSON.parse(out) as { readonly healthy: boolean; readonly checks: ReadonlyArray<Check> }
    expect([code, error]).toEqual(healthy ? [0, ""] : [1, expect.stringMatching(/^error: \d+ problems? to mend\n$/)])
    const states = Object.fromEntries(checks.map(({ check, state }) => [check, state]))
    const find = (name: string) => checks.find(({ check }) => check === name)
    return { code, states, find, text: out }
  })

/** Everything below a directory, with times and modes left out. */
const names = (directory: string) => readdirSync(directory, { recursive: true, encoding: "utf8" }).sort()

const webhook = (hookline: Product) => addWebhook(hookline, { url: "http://127.0.0.1:9/" })

describe("hookline doctor", () => {
  it.scopedLive("examines what runs, then what was stopped, and changes nothing", () =>
    Effect.gen(function*() {
      const hookline = yield* product()
      yield* webhook(hookline)
      yield* webhook(hookline)
      const env = { HOOKLINE_DATA: hookline.data }
      const [keyId = "", secret = ""] = readFileSync(join(hookline.data, "master.key"), "utf8").trim().split(":")

      const runs = yield* examine(env)
      expect(runs.code).toBe(0)
      expect(runs.states).toMatchObject({
        Node: "ok",
        hookline: "ok",
        "data directory": "ok",
        "operator key": "ok",
        "master keys": "ok",
        "keys in use": "ok",
        broker: "ok",
        sync: "ok",
        "stream EVENTS": "ok",
        "stream DELIVERIES-3": "ok",
        "stream QUARANTINE": "ok",
        clock: "ok"
      })
      expect(runs.find("hookline")?.found).toMatch(/^runs at http:\/\/127\.0\.0\.1:\d+ and is ready$/)
      expect(runs.find("broker")?.found).toMatch(/^embedded, at 127\.0\.0\.1:\d+, version 2\.1\d/)
      expect(runs.find("keys in use")?.found).toContain(`${keyId} for 2 webhooks`)
      expect(runs.text).not.toContain(secret)
      expect(runs.text).not.toContain(readFileSync(join(hookline.data, "operator.key"), "utf8").trim())
      expect(runs.text).not.toContain(new URL(hookline.natsUrl()).password)

      const otherRing = yield* examine({ ...env, HOOKLINE_MASTER_KEYS: masterKey("other", 1) })
      expect(otherRing.code).toBe(1)
      expect(otherRing.find("keys in use")).toMatchObject({
        state: "problem",
        found: expect.stringContaining(`${keyId}, which sealed what 2 webhooks need`)
      })

      const people = yield* type(["doctor", "--data-dir", hookline.data], { columns: 80, env: { NO_COLOR: "1" } })
      expect(people.code).toBe(0)
      expect(people.out).toMatch(/^ok +Node +(20|22|24)\./)
      expect(people.out).toMatch(/\n0 problems, \d warnings?\n$/)
      for (const line of people.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80)

      hookline.signal("SIGTERM")
      yield* hookline.ended
      const before = names(hookline.data)
      const stopped = yield* examine({ ...env, HOOKLINE_SYNC: "2m" })
      expect(stopped.code).toBe(0)
      expect(stopped.states).toMatchObject({ hookline: "ok", broker: "ok", sync: "warning", "keys in use": "unknown" })
      expect(stopped.find("broker")?.found).toContain("would use the one that comes with hookline")
      expect(names(hookline.data)).toEqual(before)

      const listener = yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const address = listener.address()
      const port = String(typeof address === "object" ? address?.port : 0)
      const taken = yield* examine({ ...env, HOOKLINE_PORT: port })
      expect(taken.states[`port ${port}`]).toBe("problem")

      chmodSync(join(hookline.data, "operator.key"), 0o644)
      writeFileSync(join(hookline.data, "master.key"), "k1:damaged")
      const mistreated = yield* examine(env)
      expect(mistreated.states).toMatchObject({ "operator key": "warning", "master keys": "problem" })
      expect(mistreated.text).not.toContain("damaged\"")
      rmSync(join(hookline.data, "master.key"))
      expect((yield* examine(env)).states["master keys"]).toBe("problem")
      expect(names(hookline.data)).toEqual(before.filter((name) => name !== "master.key"))

      const wrong = yield* examine({ ...env, HOOKLINE_TIMEOUT: "soon" })
      expect(wrong.states).toEqual({ Node: "ok", settings: "problem" })
      const nowhere = yield* examine({ HOOKLINE_NATS_SERVER: "/bin/true", HOOKLINE_DATA: join(hookline.data, "none") })
      expect(nowhere.find("broker")).toMatchObject({ state: "problem", found: expect.stringContaining("/bin/true") })
    }), 90_000)

  it.scopedLive("examines a broker of somebody else's, and one that is gone", () =>
    Effect.gen(function*() {
      const broker = yield* TestBroker
      const keys = {
        HOOKLINE_OPERATOR_KEY: "hk_op_0123456789abcdefghijklmnopqrstuvwxyz",
        HOOKLINE_MASTER_KEYS: masterKey("k1", 1),
        HOOKLINE_NATS_URL: broker.url
      }
      const fresh = yield* examine(keys)
      expect(fresh.states).toMatchObject({ broker: "ok", streams: "ok", clock: "unknown", "keys in use": "ok" })
      const hookline = yield* externalProduct()
      yield* webhook(hookline)
      const url = /API\s+(http\S+)/.exec(hookline.output())?.[1] ?? ""
      const runs = yield* examine({ ...keys, HOOKLINE_PORT: new URL(url).port })
      expect(runs.find("hookline")?.found).toBe(`runs at ${url} and is ready`)
      expect(runs.find("broker")?.found).toMatch(/^a server of yours, at 127\.0\.0\.1:\d+, version 2\./)
      expect(runs.states).toMatchObject({ sync: "unknown", "stream EVENTS": "ok", clock: "ok", "keys in use": "ok" })
      expect(runs.states).not.toHaveProperty("disk")
      // The packaged server is the one that is tested with, advisories and all.
      expect(runs.states).toMatchObject({ access: "ok", advisories: "problem", production: "problem" })
      expect(runs.find("production")?.found).toContain("advisories")
      const { HOOKLINE_MASTER_KEYS: _, ...noRing } = keys
      expect((yield* examine(noRing)).find("master keys")?.advice).toContain("HOOKLINE_MASTER_KEYS")
      yield* broker.kill
      const gone = yield* examine(keys)
      expect(gone.find("broker")).toMatchObject({
        state: "problem",
        advice: expect.stringContaining("HOOKLINE_NATS_URL")
      })
    }).pipe(Effect.provide(TestBroker.layer({ login: { user: "somebody", password: "pass" } }))), 90_000)

  it.scopedLive("does not call a broker fit that lets in anybody; tells a proxy's address without its login", () =>
    Effect.gen(function*() {
      const { url } = yield* TestBroker
      const found = yield* examine({
        HOOKLINE_OPERATOR_KEY: "hk_op_0123456789abcdefghijklmnopqrstuvwxyz",
        HOOKLINE_MASTER_KEYS: masterKey("k1", 1),
        HOOKLINE_NATS_URL: url,
        HOOKLINE_PROXY: "http://us%65r:canary7@127.0.0.1:1",
        HOOKLINE_TLS_CA: "/nowhere/ca.pem"
      })
      expect(found.code).toBe(1)
      expect(found.states).toMatchObject({
        access: "problem",
        production: "problem",
        proxy: "problem",
        "TLS files": "problem"
      })
      expect(found.find("proxy")?.found).toBe("http://127.0.0.1:1, with a login, takes no connection (ECONNREFUSED)")
      expect(found.text).not.toMatch(/canary7|us%65r/)
      const misspelt = yield* examine({ HOOKLINE_PROXY: "socks5://user:canary7@127.0.0.1:1" })
      expect(misspelt.states).toEqual({ Node: "ok", settings: "problem" })
      expect(misspelt.text).not.toContain("canary7")
    }).pipe(Effect.provide(TestBroker.layer())))

  it.scopedLive.each(
    [["always", { always: true, interval: "always" }], ["2m", { always: false, interval: "120 s" }]] as const
  )(
    "reads from a server's monitoring that it flushes %s",
    ([sync, expected]) =>
      Effect.gen(function*() {
        const { monitoringPort } = yield* TestBroker
        const survey = yield* surveyBroker(monitoringPort)
        expect(survey.sync).toEqual(expected)
        expect(survey.clustered).toBe(false)
        expect(survey.streams.map(({ name }) => name)).toEqual(
          ["EVENTS", "WEBHOOKS", ...[0, 1, 2, 3].map((index) => `DELIVERIES-${index}`), "QUARANTINE"]
        )
        expect(Math.abs(survey.clockAhead ?? 9999)).toBeLessThan(2000)
      }).pipe(Effect.provide(brokerLayer({}, { sync, monitoring: true })))
  )
})
