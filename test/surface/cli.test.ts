import { describe, expect, it } from "@effect/vitest"
import { Data, Deferred, Effect } from "effect"
import { InvalidSetting, settings } from "../../src/Config.ts"
import type { HooklineConfig } from "../../src/Config.ts"
import { asksForHelp, normalized } from "../../src/surface/cli/Arguments.ts"
import { program, type } from "../support/shell.ts"

const commands = [
  "start",
  "publish",
  "webhooks",
  "deliveries",
  "jobs",
  "receive",
  "quarantine",
  "event-types",
  "workspaces"
]
  .concat("nats-url", "doctor", "keys", "events", "secrets", "stats", "audit", "replay", "at")
const ofWebhooks = [
  "add",
  "list",
  "show",
  "health",
  "edit",
  "test",
  "enable",
  "disable",
  "pause",
  "resume",
  "rotate",
  "recover",
  "remove"
]

describe("hookline --help", () => {
  it.effect("names every command and the exit codes", () =>
    Effect.gen(function*() {
      for (const words of [[], ["--help"], ["-h"], ["help"]]) {
        const { code, error, out } = yield* type(words)
        expect(code).toBe(0)
        expect(error).toBe("")
        for (const command of commands) expect(out).toMatch(new RegExp(`^  ${command} `, "m"))
        expect(out).toContain("2 the command line or a setting is wrong")
      }
    }))

  it.effect("is there for every command, also behind its options", () =>
    Effect.gen(function*() {
      const others = ["start", "publish", "receive", "event-types", "nats-url", "deliveries list", "quarantine list"]
      const ofJobs = ["jobs list", "jobs show", "jobs cancel"]
      const leaves = [
        ...others,
        ...ofJobs,
        "quarantine show",
        "quarantine release",
        "workspaces",
        "stats",
        "audit verify",
        "audit seal",
        "replay",
        "at",
        "secrets rewrap",
        ...["show", "retry"].map((name) => `deliveries ${name}`),
        ...["list", "show", "explain"].map((name) => `events ${name}`),
        ...ofWebhooks.map((name) => `webhooks ${name}`)
      ]
      for (const leaf of leaves) {
        const { code, out } = yield* type([...leaf.split(" "), "--json", "--help"])
        expect(code).toBe(0)
        expect(out).toContain(`USAGE  node dist/main.js ${leaf}`)
        expect(out).toContain("OPTIONS")
        if (leaf !== "start") expect(out).toContain("--json")
      }
      const { out } = yield* type(["webhooks"])
      for (const name of ofWebhooks) expect(out).toMatch(new RegExp(`^  ${name} `, "m"))
    }))

  it.effect("of start names every setting with its variable, fits a terminal, and says no secret's name twice", () =>
    Effect.gen(function*() {
      const { out } = yield* type(["start", "--help"], { columns: 80 })
      for (const { env, flag } of Object.values(settings)) {
        expect(out).toContain(`--${flag} value`)
        expect(out).toContain(env)
      }
      for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80)
    }))

  it.effect("has colours on a terminal only, and none with NO_COLOR", () =>
    Effect.gen(function*() {
      expect((yield* type(["--help"], { columns: 80 })).out).toContain("\u001b[1m")
      expect((yield* type(["--help"], { columns: 80, env: { NO_COLOR: "1" } })).out).not.toContain("\u001b")
      expect((yield* type(["--help"])).out).not.toContain("\u001b")
    }))
})

describe("the command line", () => {
  it.effect("--version", () =>
    Effect.map(type(["--version"]), (result) => expect(result).toEqual({ code: 0, out: "1.2.3\n", error: "" })))

  const wrong: ReadonlyArray<readonly [words: ReadonlyArray<string>, says: string]> = [
    [["nonsense"], "there is no command nonsense; there are start, publish"],
    [["webhooks", "nonsense"], "there is no command webhooks nonsense; there are add, list"],
    [["webhooks", "list", "--workspace", "a b"], "a workspace is 1 to 64 characters"],
    [["webhooks", "list", "--nonsense", "--workspace", "w"], "--nonsense"],
    [["webhooks", "list", "extra", "--workspace", "w"], "extra"],
    [["webhooks", "show", "../event-types", "--workspace", "w"], "id must be 1 to 64 characters"],
    [["webhooks", "add", "https://example.com/", "--workspace", "w"], "--events"],
    [["webhooks", "edit", "wh_1", "--workspace", "w"], "nothing to change"],
    [["webhooks", "edit", "wh_1", "--workspace", "w", "--concurrency", "many"], "--concurrency takes a number"],
    [
      ["webhooks", "edit", "wh_1", "--workspace", "w", "--header", "secret-value-without-name"],
      "--header takes 'name: value'"
    ],
    [["webhooks", "rotate", "wh_1", "--workspace", "w", "--overlap", "soon"], "--overlap takes a duration"],
    [["publish"], "<type>"],
    [["publish", "a.b", "--workspace", "w", "--data", "{"], "the event's data is not JSON"],
    [["publish", "a.b", "--workspace", "w", "--data", "{},\"id\":\"x\""], "the event's data is not JSON"],
    [["publish", "a.b", "--workspace", "w", "--data", "[]"], "must be a JSON object"],
    [["publish", "a.b", "--workspace", "w", "--data", "{}", "--example"], "give one of --data, --file and --example"],
    [["publish", "a.b", "--workspace", "w", "--file", "/no/such/file"], "cannot read --file"],
    [["publish", "a.b", "--workspace", "w"], "give the event's data with --data, --file or --example"],
    [["receive", "--port", "70000"], "--port takes 0 to 65535"],
    [["receive", "--signature-header", "Not A Header"], "--signature-header is \"Not A Header\""],
    [["quarantine", "list", "--workspace", "w", "--limit", "0"], "limit"],
    [["quarantine", "release", "--workspace", "w"], "give the id of one entry, or --reason"],
    [["quarantine", "release", "qrn_1", "--reason", "schema", "--workspace", "w"], "give the id of one entry, or"],
    [["quarantine", "release", "--reason", "nonsense", "--workspace", "w"], "unknown_type"],
    [["workspaces", "--limit", "101"], "limit"],
    [["deliveries", "list", "--workspace", "w", "--all", "--limit", "5"], "give --all or --limit, not both"],
    [["deliveries", "list", "--workspace", "w", "--status", "lost"], "succeeded"],
    [["deliveries", "list", "--workspace", "w", "--webhook", "a/b"], "The webhook's id must be 1 to 64 characters"],
    [["deliveries", "list", "--workspace", "w", "--from", "yesterday"], "--from takes a time such as"],
    [["deliveries", "list", "--workspace", "w", "--from", "1h", "--to", "2h"], "--from must be before --to"],
    [["deliveries", "show", "../events", "--workspace", "w"], "The delivery's id must be 1 to 64 characters"],
    [["deliveries", "retry", "--workspace", "w"], "<id>"],
    [["events", "explain", "a.b", "--workspace", "w"], "The event's id must be 1 to 64 characters"],
    [["events", "list", "--workspace", "w", "--to", "2025-13-01"], "--to takes a time such as"],
    [["stats", "--workspace", "w", "--step", "day"], "minute"]
  ]
  it.effect.each(wrong)("%j: exit code 2, says what is wrong", ([words, says]) =>
    Effect.gen(function*() {
      const { code, error, out } = yield* type(words)
      expect(error).toContain(says)
      expect(error).toMatch(/^error: /)
      expect(error).not.toContain("secret-value")
      expect(out).toBe("")
      expect(code).toBe(2)
    }))

  it("knows --header=value, which the library does not when it is repeatable", () => {
    expect(normalized(["webhooks", "add", "--header=a: b=c"]).words).toEqual(["webhooks", "add", "--header", "a: b=c"])
    expect(asksForHelp(["publish", "x", "--data", "{}", "-h"])).toBe(true)
  })
})

const started = (words: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const config = yield* Deferred.make<HooklineConfig>()
    const result = yield* type(["start", ...words], { env }, {
      ...program,
      start: (given) => Deferred.succeed(config, given)
    })
    expect(result).toEqual({ code: 0, out: "", error: "" })
    return yield* Deferred.await(config)
  })

describe("hookline start", () => {
  it.effect("hands over flags before environment before defaults", () =>
    Effect.gen(function*() {
      const env = { HOOKLINE_PORT: "1", HOOKLINE_TIMEOUT: "7s", HOOKLINE_WORKSPACE: "ws_a" }
      const config = yield* started(["--port", "2", "--sync=2m"], env)
      expect(config).toMatchObject({
        port: 2,
        timeout: 7000,
        sync: "2m",
        concurrency: 16,
        dev: false,
        allowHttp: false
      })
      expect(yield* started(["--dev"])).toMatchObject({ dev: true, allowHttp: true })
    }))

  it.effect("takes --log-level for its setting, not for the library's", () =>
    Effect.gen(function*() {
      expect(yield* started(["--log-level", "debug"])).toMatchObject({ logLevel: "debug" })
      expect(yield* started(["--dev", "--log-level=error", "--port", "0"])).toMatchObject({
        logLevel: "error",
        port: 0
      })
    }))

  it.effect("a wrong setting: exit code 2, with its name and what is accepted, a secret's value hidden", () =>
    Effect.gen(function*() {
      expect(yield* type(["start", "--port", "abc"])).toEqual({
        code: 2,
        out: "",
        error: "error: --port is \"abc\"; accepted: 0 to 65535\n"
      })
      expect((yield* type(["start"], { env: { HOOKLINE_PRT: "1" } })).error).toContain("HOOKLINE_PRT is no setting")
      const secret = yield* type(["start"], { env: { HOOKLINE_OPERATOR_KEY: "hunter2" } })
      expect(secret.code).toBe(2)
      expect(secret.error).toContain("HOOKLINE_OPERATOR_KEY is (hidden)")
      expect(secret.error).not.toContain("hunter2")
      expect((yield* type(["start", "--log-level", "loud"])).error).toContain("--log-level is \"loud\"")
      expect((yield* type(["start", "--log-level"])).code).toBe(2)
    }))

  class BrokerGone extends Data.TaggedError("BrokerGone")<{ readonly message: string }> {}

  it.effect("what fails while it runs: a setting 2, anything else 1, a defect 1 and its cause", () =>
    Effect.gen(function*() {
      const busy = new InvalidSetting({ setting: "HOOKLINE_PORT", value: "8080", accepts: "a free port" })
      const failing = (failure: Effect.Effect<never, InvalidSetting | BrokerGone>) =>
        type(["start"], {}, { ...program, start: () => failure })
      expect(yield* failing(Effect.fail(busy))).toMatchObject({ code: 2, error: `error: ${busy.message}\n` })
      const gone = new BrokerGone({ message: "the broker is gone" })
      expect(yield* failing(Effect.fail(gone))).toMatchObject({ code: 1, error: "error: the broker is gone\n" })
      const defect = yield* failing(Effect.die(new Error("not foreseen")))
      expect(defect.code).toBe(1)
      expect(defect.error).toContain("not foreseen")
    }))
})
