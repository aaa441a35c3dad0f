import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { apiLayer, ask } from "../support/api.ts"
import { masterKey, masterKeys } from "../support/registry.ts"

const config = { allowHttp: true, allowCidrs: ["127.0.0.0/8"], masterKeys: `${masterKey("k2", 2)},${masterKeys}` }
const rewrap = (more: object = {}) => ask("POST", "/v1/secrets/rewrap", { workspace: null, ...more })

layer(apiLayer({ config }), { timeout: 30_000 })("POST /v1/secrets/rewrap", (it) => {
  it.effect("says what became of each webhook, and holds neither key nor secret", () =>
    Effect.gen(function*() {
      expect((yield* rewrap()).json).toEqual({
        sealing_key: "k2",
        webhooks: 0,
        already: 0,
        rewrapped: 0,
        gone: 0,
        failed: [],
        next: null
      })
      const made = yield* ask("POST", "/v1/webhooks", { body: { url: "http://127.0.0.1:9/", events: ["*"] } })
      const answer = yield* rewrap({ body: {} })
      expect([answer.status, answer.json]).toEqual([200, {
        sealing_key: "k2",
        webhooks: 1,
        already: 1,
        rewrapped: 0,
        gone: 0,
        failed: [],
        next: null
      }])
      expect(answer.text).not.toContain(String(made.json.secret))
    }))

  it.effect("is the operator's, and refuses what it does not know", () =>
    Effect.gen(function*() {
      const made = yield* ask("POST", "/v1/api-keys", { body: { name: "all", role: "manage" } })
      const own = yield* rewrap({ key: String(made.json.key) })
      expect([own.status, own.json.error?.type]).toEqual([403, "forbidden"])
      expect((yield* rewrap({ key: null })).status).toBe(401)
      for (const cursor of ["", "1", "0-1", "1-0", "1-2-3", "9".repeat(16) + "-1", " 1-2", "a-b"]) {
        const { json, status } = yield* rewrap({ body: { cursor } })
        expect([cursor, status, json.error?.field]).toEqual([cursor, 422, "cursor"])
      }
      const unknown = yield* rewrap({ body: { key: "k3" } })
      expect([unknown.status, unknown.json.error?.type]).toEqual([422, "unknown_key"])
      // A part that is beyond the end is empty.
      expect((yield* rewrap({ body: { cursor: "900-1000" } })).json).toMatchObject({ already: 0, next: null })
    }))
})
