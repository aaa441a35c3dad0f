import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { quarantineSubject } from "../../src/broker/Subjects.ts"
import { apiLayer, ask, type Json } from "../support/api.ts"
import { until } from "../support/until.ts"

const list = (query = "") => Effect.map(ask("GET", `/v1/workspaces${query}`, { workspace: null }), ({ json }) => json)
const ids = ({ data }: Json) => (data as unknown as ReadonlyArray<{ readonly id: string }>).map(({ id }) => id)

const webhook = (workspace: string) =>
  ask("POST", "/v1/webhooks", { workspace, body: { url: "http://127.0.0.1:9/", events: ["*"] } })
const key = (workspace: string) =>
  Effect.map(
    ask("POST", "/v1/api-keys", { workspace, body: { role: "read", name: "theirs" } }),
    ({ json }) => String(json.id)
  )
const event = (workspace: string) =>
  ask("POST", "/v1/events", { workspace, body: { event: "project.created", data: {} } })
/** As the worker does it. */
const quarantined = (workspace: string, reason: string) =>
  Effect.flatMap(
    AppendLog,
    (log) =>
      log.append({ subject: quarantineSubject(workspace, reason), data: "x", headers: { "Hookline-Sequence": "1" } })
  )

layer(apiLayer(), { excludeTestServices: true, timeout: 30_000 })("workspaces", (it) => {
  it.effect("all that are in use are listed, whatever they have, once each and with their webhooks", () =>
    Effect.gen(function*() {
      yield* webhook("w_d")
      yield* webhook("w_both")
      yield* event("w_both")
      yield* key("w_both")
      yield* event("w_c")
      yield* event("w_c")
      const keyId = yield* key("w_a")
      yield* quarantined("w_b", "not_json")
      yield* quarantined("w_b", "schema")
      yield* quarantined("_", "bad_subject")
      yield* event("other")
      const all = ["w_a", "w_b", "w_both", "w_c", "w_d"]
      const found = yield* until("all are there", list("?prefix=w_"), (json) => ids(json).length === all.length)
      const none = { enabled: 0, paused: 0, disabled: 0 }
      const one = { ...none, enabled: 1 }
      expect(found).toEqual({
        data: [
          { id: "w_a", webhooks: none },
          { id: "w_b", webhooks: none },
          { id: "w_both", webhooks: one },
          { id: "w_c", webhooks: none },
          { id: "w_d", webhooks: one }
        ],
        next: null,
        complete: true
      })
      expect(ids(yield* list())).toEqual(["other", ...all])

      for (const limit of [1, 2, 3]) {
        const paged: Array<string> = []
        let cursor = ""
        for (let pages = 0; pages < all.length; pages++) {
          const page = yield* list(`?prefix=w_&limit=${limit}${cursor}`)
          paged.push(...ids(page))
          if (page.next === null) break
          cursor = `&cursor=${String(page.next)}`
        }
        expect(paged).toEqual(all)
      }

      // What it had is gone: nothing says any more that there was one.
      yield* ask("DELETE", `/v1/api-keys/${keyId}`, { workspace: "w_a" })
      expect(ids(yield* list("?prefix=w_a"))).toEqual([])
    }))

  it.effect("says that it is not complete where far too many have quarantine entries", () =>
    Effect.gen(function*() {
      const count = 10_001
      yield* Effect.forEach(
        Array.from({ length: count }),
        (_, index) => quarantined(`x_${String(index).padStart(5, "0")}`, "too_deep"),
        { concurrency: 500, discard: true }
      )
      const found = yield* until("they are seen", list("?prefix=x_&limit=1"), (json) => ids(json).length === 1)
      expect([ids(found), found.complete]).toEqual([["x_00000"], false])
      const last = yield* list("?prefix=x_0999")
      expect(ids(last).at(-1)).toBe("x_09999")
      expect(ids(yield* list("?prefix=x_1"))).toEqual([])
    }))
})
