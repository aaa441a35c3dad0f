/** Endpoints that do harm: to themselves alone. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { readFileSync } from "node:fs"
import { quantile } from "../bench/Stage.ts"
import { until } from "../support/until.ts"
import { figure } from "./support/Figure.ts"
import type { Load } from "./support/Generator.ts"
import { readMetrics } from "./support/Rest.ts"
import { quiet } from "./support/scenario.ts"
import { inShort, makeStage, short, type Stage, workspaces } from "./support/Stage.ts"

const events = inShort(1_000, 5_000)
const hanging = inShort(30, 100)
/** At a pace that one core keeps up with: what is measured is a delay, not a queue of the publisher's making. */
const perSecond = 50
const seconds = inShort(5, 30)
const healthy = "ws_well"
const dead = "ws_dead"

/** Resident memory of a process, in bytes. */
const residentBytes = (pid: number): number =>
  1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])

const endpointOf = hanging

/** Milliseconds from the moment an event was published to its arrival at the healthy endpoint, at a steady pace. */
const latencies = (stage: Stage, name: string, alongside = Effect.void) =>
  Effect.gen(function*() {
    const arrivals = Effect.map(stage.counts, (counts) => counts[endpointOf]?.distinct ?? 0)
    const before = yield* arrivals
    const from = yield* Clock.currentTimeMillis
    const published = new Map<string, number>()
    for (let number = 0; number < perSecond * seconds; number++) {
      const early = from + number * 1000 / perSecond - (yield* Clock.currentTimeMillis)
      if (early > 0) yield* Effect.sleep(early)
      if (number % perSecond === 0) yield* Effect.fork(alongside)
      const id = `${name}${number}`
      published.set(id, yield* Clock.currentTimeMillis)
      yield* Effect.fork(
        stage.hookline.api("POST", "/v1/events", { id, event: "task.created", data: {} }, healthy).pipe(
          Effect.map(({ status }) => expect(status).toBe(202))
        )
      )
    }
    yield* until("the last", arrivals, (count) => count === before + perSecond * seconds, 20_000)
    const { ids, times } = yield* Effect.orDie(stage.receivers.call("kept", endpointOf, "30 seconds"))
    return ids.flatMap((id, index) => {
      const at = published.get(id)
      return at === undefined ? [] : [(times[index] ?? 0) - at]
    })
  })

describe("endpoints that hang", () => {
  it.scopedLive(`${hanging} of them beside one that is well: it notices little, and memory stays`, () =>
    Effect.gen(function*() {
      const stage = yield* makeStage({
        // As a person gets it: 30 s until an attempt has failed.
        env: { HOOKLINE_TIMEOUT: "30s", HOOKLINE_RETRY_SCHEDULE: "0s,5m,30m,2h,24h" },
        webhooks: [
          ...Array.from({ length: hanging }, (_, endpoint) => ({
            workspace: dead,
            endpoint,
            behaviour: "hangs" as const,
            type: undefined
          })),
          { workspace: healthy, endpoint: endpointOf, behaviour: "well" as const, type: undefined }
        ]
      })
      yield* latencies(stage, "evt_warm_")
      const baseline = quantile(yield* latencies(stage, "evt_base_"), 0.99)
      const before = residentBytes(stage.hookline.pid())
      // More than they take at once each; then one more to each of them every second.
      const load: Partial<Load> = { workspaces: [dead], types: ["task.created"], width: 8 }
      yield* stage.publish(40, load)
      yield* stage.published(60_000)
      const open = Effect.map(stage.counts, (counts) => counts.reduce((sum, one) => sum + one.open, 0))
      yield* until("hundreds to hang", open, (count) => count >= Math.min(hanging * 4, 400), 30_000)
      const ready = Effect.map(
        readMetrics(stage.hookline),
        (all) => all.get("hookline_deliveries_live{state=\"ready\"}")
      )
      yield* until("the others to be held", ready, (count) => count === 0, 30_000)
      const oneMore = Effect.asVoid(
        stage.hookline.api("POST", "/v1/events", { event: "task.created", data: {} }, dead)
      )
      const beside = quantile(yield* latencies(stage, "evt_beside_", oneMore), 0.99)
      const grown = (residentBytes(stage.hookline.pid()) - before) / 2 ** 20
      // Of a few hundred on a machine that does other things, the slowest say little: the short form looks for a queue only, which would be seconds.
      if (short) return expect(beside).toBeLessThan(baseline + 1_000)
      const allowed = Math.max(2 * baseline, baseline + 5)
      figure(
        `${hanging} endpoints that hang: p99 of one that is well`,
        "≤ 2 × its baseline",
        `${beside.toFixed(1)} ms, baseline ${baseline.toFixed(1)} ms`,
        beside <= allowed
      )
      figure(
        `${hanging} endpoints that hang: memory`,
        "+ ≤ 100 MB",
        `${grown >= 0 ? "+" : "−"} ${Math.abs(grown).toFixed(0)} MB resident`,
        grown <= 100
      )
    }))
})

describe("connections that break", () => {
  it.scopedLive("are reset in the middle of an answer, or stay half open: each event arrives, and all comes to rest", () =>
    Effect.gen(function*() {
      const stage = yield* makeStage({
        env: { HOOKLINE_TIMEOUT: "1s" },
        webhooks: workspaces.flatMap((workspace, index) => [
          { workspace, endpoint: index % 2, behaviour: "well" as const, type: undefined },
          {
            workspace,
            endpoint: 2 + index % 2,
            behaviour: index % 2 === 0 ? "resets" as const : "half_open" as const,
            type: "project.created"
          }
        ])
      })
      const load = yield* stage.publish(events)
      const { compared } = yield* quiet(stage, load)
      expect(compared.repeatTimes).toEqual([])
    }))
})
