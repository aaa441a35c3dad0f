import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { readFileSync } from "node:fs"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { partitionOf } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { deliveryId, type WebhookId } from "../../src/model/Id.ts"
import { addWebhook, attempt, event, fact, happens, match, nothing, start, stored } from "../support/auditing.ts"
import { brokerLayer, TestBroker } from "../support/broker.ts"
import { type } from "../support/shell.ts"

const id = "wh_d1c21edaf1094ae1a4bd6d2770dbde6f"

/** Four events: one delivered, one that waits, one that is held, and one of which there is no record; settled up to there. */
const made = Effect.gen(function*() {
  const written = nothing()
  addWebhook(written, start, id)
  const [first, second, third] = [1, 2, 3, 4].map((second) => event(written, start + 1000 * second))
  attempt(written, match(written, first!, id), 200)
  attempt(written, match(written, second!, id), 500)
  fact(written, start + 3000, id, "webhook.paused", { revision: 2 })
  happens(written, match(written, third!, id), { type: "deferred", at: start + 3010, reason: "paused" })
  yield* stored(written)
  const { eventsCreated, partitions } = yield* Topology
  const store = yield* KeyValue
  const settled = (floor: number, revision: number) => {
    const position = JSON.stringify({ v: 1, epoch: 1, floor, webhooks_seq: 1, events_created: eventsCreated })
    return store.write("POSITIONS", `p${partitionOf("ws_1", partitions)}`, position, revision)
  }
  const revision = yield* settled(3, 0)
  return {
    settled: Effect.suspend(() => settled(4, revision)),
    delivery: deliveryId(eventsCreated, 1, id as WebhookId)
  }
})

it.scopedLive(
  "audit verify says what it found, to people and to scripts, and how it went to the shell",
  () =>
    Effect.gen(function*() {
      const { kill, url } = yield* TestBroker
      const { delivery, settled } = yield* made
      const env = { HOOKLINE_NATS_URL: url }
      const verified = (...words: ReadonlyArray<string>) => type(["audit", "verify", ...words], { env })

      const proven = yield* verified()
      expect([proven.code, proven.error]).toEqual([0, ""])
      expect(proven.out).toContain("events          4 (EVENTS 1 to 4)")
      expect(proven.out).toContain("live            1 due, 1 held, 0 ready, 1 open")
      for (const state of ["due", "held", "open"]) {
        expect(proven.out).toMatch(new RegExp(`^${state} \\(1\\)\n  dlv_\\w+ `, "m"))
      }
      expect(proven.out).toContain("no worker runs")
      expect(proven.out.trim()).toMatch(/proven: nothing that was owed is missing$/)

      yield* settled
      const missing = yield* verified()
      expect([missing.code, missing.error]).toEqual([1, "error: 1 findings\n"])
      expect(missing.out).toMatch(
        new RegExp(`^missing \\(1\\)\n  event 4  ${id}  dlv_\\w+  project.created is owed`, "m")
      )
      const json = JSON.parse((yield* verified("--json")).out)
      expect(json).toMatchObject({ verdict: "findings", finding_counts: { missing: 1 }, counts: { deliveries: 3 } })
      expect((yield* verified("--to", "2020-01-01")).code).toBe(0)
      const range = yield* verified("--from", "2021-01-01", "--to", "2020-01-01")
      expect([range.code, range.error]).toEqual([2, "error: --from must be before --to\n"])

      // Every command of the page for operators can be typed as it stands there.
      const page = readFileSync(new URL("../../docs/auditing.md", import.meta.url), "utf8")
      const lines = [...page.matchAll(/^node dist\/main\.js (.*)$/gm)].map(([, words = ""]) =>
        words
          .replaceAll("ws_550e", "ws_1")
          .replaceAll(/dlv_[0-9a-f]{32}/g, delivery)
          .replace(/^at \S+/, "at 0s")
          .replace(/^(audit verify) .*/, "$1 --to 2020-01-01")
          .split(" ")
      )
      expect(lines.length).toBeGreaterThan(6)
      for (const words of lines) {
        const { code, error } = yield* type(words, { env })
        expect([words, code, error]).toEqual([words, 0, ""])
      }
      const replayed = (yield* type(["replay"], { env })).out.trim().split("\n")
      expect(replayed.length).toBe(2 + 4 + 3 + 3)
      const at = yield* type(["at", "0s", "delivery", delivery], { env, columns: 120 })
      expect(at.out).toContain("succeeded")
      expect((yield* type(["at", "0s", "webhook", "wh_none"], { env })).code).toBe(1)
      expect((yield* type(["at", "0s", "webhook"], { env })).code).toBe(2)
      expect((yield* type(["at", "then", "webhooks"], { env })).code).toBe(2)

      yield* kill
      const silent = yield* verified()
      expect([silent.code, silent.out]).toEqual([2, ""])
      expect(silent.error).toContain("the broker cannot be asked")
    }).pipe(Effect.provide(brokerLayer())),
  30_000
)

it.scopedLive("where hookline has never been, it cannot be told", () =>
  Effect.gen(function*() {
    const { url } = yield* TestBroker
    for (const words of [["audit", "verify"], ["replay"], ["at", "0s", "webhooks"]]) {
      expect((yield* type(words, { env: { HOOKLINE_NATS_URL: url } })).code, words[0]).toBe(2)
    }
    expect((yield* type(["audit", "verify", "--data-dir", "/nowhere/at/all"])).code).toBe(2)
  }).pipe(Effect.provide(Layer.fresh(TestBroker.layer()))), 30_000)
