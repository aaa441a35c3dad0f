import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { apiLayer, operatorKey } from "../support/api.ts"
import { type, type Typed } from "../support/shell.ts"

/** Commands against the API on a real broker, without a workspace unless it is named. */
const typed = (words: ReadonlyArray<string>, { env = {}, ...more }: Typed = {}) =>
  Effect.flatMap(
    ApiServer,
    ({ url }) => type(words, { ...more, env: { HOOKLINE_URL: url, HOOKLINE_API_KEY: operatorKey, ...env } })
  )

const json = (words: ReadonlyArray<string>, given: Typed = {}) =>
  Effect.gen(function*() {
    const { code, error, out } = yield* typed([...words, "--json"], given)
    expect({ code, error }).toEqual({ code: 0, error: "" })
    return JSON.parse(out) as Record<string, never>
  })

const config = { allowHttp: true, allowCidrs: ["127.0.0.0/8"] }

layer(apiLayer({ config }), { timeout: 30_000 })("hookline keys", (it) => {
  it.effect("makes a key that is shown once, lists it without, revokes it", () =>
    Effect.gen(function*() {
      const made = yield* typed(["keys", "create", "--name", "billing", "--role", "publish", "--workspace", "ws_cli"])
      expect(made.code).toBe(0)
      const key = /^key +(hk_\S+)$/m.exec(made.out)?.[1] ?? ""
      const id = key.split("_")[1] ?? ""
      expect(made.out).toContain("The key is not shown again.")
      expect(made.out).toMatch(/^workspace +ws_cli$/m)
      const listed = yield* typed(["keys", "list", "--workspace", "ws_cli"], { columns: 100 })
      expect(listed.out).toContain(id)
      expect(listed.out).toContain("billing")
      expect(listed.out).not.toContain(key.split("_")[2])
      expect(yield* json(["keys", "list", "--workspace", "ws_cli"])).toMatchObject({
        data: [{ id, role: "publish" }],
        next: null
      })
      expect((yield* typed(["keys", "list", "--workspace", "ws_none"])).out).toBe("no API keys\n")
      expect(yield* json(["keys", "revoke", id, "--workspace", "ws_cli"])).toEqual({ id, revoked: true })
      expect(yield* typed(["keys", "revoke", id, "--workspace", "ws_cli"])).toMatchObject({ out: `${id} revoked\n` })
      const refused = yield* typed(["event-types"], { env: { HOOKLINE_API_KEY: key } })
      expect(refused).toMatchObject({ code: 1, error: expect.stringContaining("the key is from HOOKLINE_API_KEY") })
      expect(refused.error).not.toContain(key)
    }))

  it.effect("with a workspace's key no workspace need be named, and another one is not found", () =>
    Effect.gen(function*() {
      const made = yield* json([
        "keys",
        "create",
        "--name",
        "all",
        "--role",
        "manage",
        "-w",
        "ws_own",
        "--expires",
        "2999-01-01T00:00:00Z"
      ])
      const env = { HOOKLINE_API_KEY: String(made["key"]) }
      expect(made).toMatchObject({ workspace_id: "ws_own", expires_at: "2999-01-01T00:00:00.000Z" })
      const hook = yield* json(["webhooks", "add", "http://127.0.0.1:4000/", "--events", "*"], { env })
      expect(yield* json(["webhooks", "list"], { env })).toMatchObject({ data: [{ id: hook["id"] }] })
      expect(yield* json(["publish", "project.created", "--example", "--id", "evt_1"], { env })).toEqual({
        id: "evt_1",
        duplicate: false
      })
      expect(yield* json(["keys", "list", "--limit", "1"], { env })).toMatchObject({ data: [{ name: "all" }] })
      const foreign = yield* typed(["webhooks", "list", "--workspace", "ws_cli"], { env })
      expect(foreign).toMatchObject({ code: 1, error: expect.stringContaining("there is no such workspace") })
      const reading = yield* json(["keys", "create", "--name", "r", "--role", "read"], { env })
      const small = yield* typed(["webhooks", "remove", String(hook["id"])], {
        env: { HOOKLINE_API_KEY: String(reading["key"]) }
      })
      expect(small).toMatchObject({ code: 1, error: expect.stringContaining("this needs a key of role `manage`") })
      expect((yield* typed(["keys", "create", "--name", "o", "--role", "read", "--operator"], { env })).code).toBe(1)
    }))

  it.effect("with an operator's key a workspace is needed, except for the operator's own keys", () =>
    Effect.gen(function*() {
      for (const words of [["webhooks", "list"], ["keys", "list"], ["publish", "project.created", "--example"]]) {
        const { code, error, out } = yield* typed(words)
        expect({ words, code, out }).toEqual({ words, code: 2, out: "" })
        expect(error).toContain("which workspace? Give --workspace, or set HOOKLINE_WORKSPACE")
      }
      const made = yield* json(["keys", "create", "--name", "ops", "--role", "read", "--operator"])
      expect(made).toMatchObject({ scope: "operator", workspace_id: null })
      expect((yield* typed(["keys", "list", "--operator"])).out).toContain(String(made["id"]))
      expect((yield* typed(["keys", "revoke", String(made["id"])])).code).toBe(0)
    }))

  it.effect("says what is wrong with a command line", () =>
    Effect.gen(function*() {
      expect(yield* typed(["keys", "create", "--name", "n", "--role", "admin", "-w", "w"])).toMatchObject({ code: 2 })
      expect(yield* typed(["keys", "create", "--role", "read", "-w", "w"])).toMatchObject({ code: 2 })
      expect(yield* typed(["keys", "revoke", "../webhooks", "-w", "w"])).toMatchObject({ code: 2 })
      expect(yield* typed(["keys", "create", "--name", " ", "--role", "read", "-w", "w"])).toMatchObject({
        code: 1,
        error: expect.stringContaining("(field: name)")
      })
      const help = yield* typed(["keys", "--help"])
      for (const name of ["create", "list", "revoke"]) expect(help.out).toContain(name)
    }))
})
