import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { partitionOf } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { Positions } from "../../src/ledger/Positions.ts"
import { apiLayer, ask } from "../support/api.ts"

const audit = (query = "") => ask("GET", `/v1/audit${query}`, { workspace: null })

layer(apiLayer(), { excludeTestServices: true, timeout: 60_000 })("GET /v1/audit", (it) => {
  it.effect("says what became of what was owed, in a range of time", () =>
    Effect.gen(function*() {
      const hook = { url: "http://127.0.0.1:9/", events: ["*"] }
      const { json: webhook } = yield* ask("POST", "/v1/webhooks", { body: hook })
      yield* ask("POST", "/v1/events", { body: { id: "evt_1", event: "project.created", data: {} } })
      expect((yield* audit()).json, "nobody has ever said how far it is").toMatchObject({
        verdict: "unknown",
        unknown: [expect.stringMatching(/^POSITIONS has no p\d+, which has events/)],
        counts: { live: { open: 1 } }
      })
      // A worker had the partition, and is gone: the event is taken by nobody.
      const { partitions } = yield* Topology
      yield* Effect.flatMap(Positions, (positions) => positions.claim(`p${partitionOf("ws_1", partitions)}`, 0)).pipe(
        Effect.provide(Positions.layer)
      )
      const { json, status } = yield* audit()
      expect(status).toBe(200)
      expect(json).toMatchObject({
        verdict: "proven",
        worker_running: false,
        counts: { events: 1, webhooks: 1, live: { open: 1 }, either_way: 0 },
        findings: [],
        deliveries: [{ state: "open", event_seq: 1, webhook_id: webhook.id, workspace_id: "ws_1" }]
      })
      expect((yield* audit("?to=2020-01-01")).json).toMatchObject({
        counts: { events: 0 },
        to: "2020-01-01T00:00:00.000Z"
      })
      expect((yield* audit("?from=2020-01-01&to=2100-01-01")).json).toMatchObject({ counts: { events: 1 } })
    }))

  it.effect("refuses what is no range, and a second one while one is running", () =>
    Effect.gen(function*() {
      for (const query of ["?from=yesterday", "?from=2021-01-01&to=2020-01-01"]) {
        const { json, status } = yield* audit(query)
        expect([status, json.error?.field]).toEqual([422, "from"])
      }
      const all = yield* Effect.all([audit(), audit(), audit()], { concurrency: "unbounded" })
      expect(all.map(({ status }) => status)).toContain(200)
      const refused = all.find(({ status }) => status !== 200)
      expect([refused?.status, refused?.json.error?.type]).toEqual([409, "audit_running"])
      expect((yield* audit()).status, "when it has ended").toBe(200)
    }))
})
