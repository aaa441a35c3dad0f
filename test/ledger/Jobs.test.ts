import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as fc from "fast-check"
import { JobProgress, type Settled } from "../../src/ledger/JobProgress.ts"
import { nextOf } from "../../src/ledger/JobRunner.ts"
import { makePace } from "../../src/ledger/Pace.ts"
import { WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import { finished, type Job, newJobId, retriedSince, settledOf } from "../../src/model/Job.ts"

const job = (change: Partial<Job> = {}): Job => ({
  v: 1,
  id: newJobId(1_000),
  type: "recover",
  workspaceId: WorkspaceId.make("ws_1"),
  webhookId: WebhookId.make("wh_1"),
  only: "failed",
  from: null,
  to: 1_000,
  rate: 100,
  state: "running",
  total: 10,
  cursor: 0,
  seenSequence: 1,
  accepted: 0,
  skipped: { already_running: 0, retried_meanwhile: 0, event_expired: 0 },
  createdAt: 1_000,
  updatedAt: 1_000,
  finishedAt: null,
  error: null,
  runner: null,
  ...change
})

describe("a job's pace", () => {
  it.effect.each([1, 7, 100, 2_500])("is %i a second, whatever is late", (rate) =>
    Effect.gen(function*() {
      let passed = 0
      const pace = makePace(rate)
      const fiber = yield* Effect.fork(Effect.forever(Effect.zipRight(pace, Effect.sync(() => passed++))))
      yield* TestClock.adjust("2 seconds")
      expect(passed).toBeGreaterThanOrEqual(rate * 2 * 0.99)
      expect(passed).toBeLessThanOrEqual(rate * 2.102 + 1)
      yield* Fiber.interrupt(fiber)
      // Nothing is saved up over a rest.
      yield* TestClock.adjust("1 hour")
      passed = 0
      yield* Effect.fork(Effect.forever(Effect.zipRight(pace, Effect.sync(() => passed++))))
      yield* TestClock.adjust("1 second")
      expect(passed).toBeLessThanOrEqual(rate * 1.102 + 2)
    }))
})

describe("a job's progress", () => {
  it("counts a delivery when it and all before it are settled", () => {
    const settled = fc.constantFrom<Settled>("accepted", "already_running", "retried_meanwhile", "event_expired")
    fc.assert(fc.property(
      fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 1_000 }), settled, fc.nat()), {
        minLength: 1,
        selector: ([sequence]) => sequence
      }),
      fc.nat(),
      (all, part) => {
        const ordered = all.toSorted(([left], [right]) => left - right)
        const arriving = all.toSorted(([, , left], [, , right]) => left - right).slice(0, part % (all.length + 1))
        const progress = new JobProgress(job())
        for (const [sequence] of ordered) progress.begin(sequence)
        for (const [sequence, result] of arriving) progress.settle(sequence, result)
        const done = new Set(arriving.map(([sequence]) => sequence))
        const open = ordered.findIndex(([sequence]) => !done.has(sequence))
        const counted = ordered.slice(0, open === -1 ? undefined : open)
        expect(progress.counted.cursor).toBe(counted.at(-1)?.[0] ?? 0)
        expect(progress.counted.accepted).toBe(counted.filter(([, result]) => result === "accepted").length)
        expect(settledOf(progress.counted)).toBe(counted.length)
        expect(progress.open).toBe(ordered.length - counted.length)
      }
    ))
  })

  it("accounts at its end for what never came up", () => {
    const ended = finished(
      job({ accepted: 6, skipped: { already_running: 1, retried_meanwhile: 1, event_expired: 0 } }),
      "done",
      5
    )
    expect(ended).toMatchObject({ state: "done", total: 10, finishedAt: 5, skipped: { retried_meanwhile: 3 } })
    expect(settledOf(ended)).toBe(10)
    expect(finished(job({ accepted: 12 }), "done", 5)).toMatchObject({ total: 12, skipped: { retried_meanwhile: 0 } })
    expect(finished(job({ accepted: 6 }), "cancelled", 5)).toMatchObject({ total: 10, accepted: 6 })
  })

  it("knows what was retried since it was made", () => {
    expect(retriedSince({ round: 1, roundStart: 2_000 }, job())).toBe(false)
    expect(retriedSince({ round: 2, roundStart: 999 }, job())).toBe(false)
    expect(retriedSince({ round: 2, roundStart: 1_000 }, job())).toBe(true)
  })
})

const known = (workspace: string, turnAt: number, createdAt = 0) => ({
  job: job({ workspaceId: WorkspaceId.make(workspace), createdAt }),
  turnAt
})

describe("whose turn it is", () => {
  it("is a workspace's with little at work, then of whoever waits the longest", () => {
    const waiting = [["a1", known("a", 0)], ["b1", known("b", 7)], ["b2", known("b", 5)]] as const
    expect(nextOf(waiting, () => 0)).toBe("a1")
    expect(nextOf(waiting, (workspace) => workspace === "a" ? 1 : 0)).toBe("b2")
    expect(nextOf([["old", known("a", 0, 1)], ["new", known("a", 0, 2)]], () => 0)).toBe("old")
    expect(nextOf([], () => 0)).toBeUndefined()
  })

  it("ids sort by time", () => {
    expect(newJobId(1_742_740_521_000) < newJobId(1_742_740_521_001)).toBe(true)
    expect(newJobId(1)).toMatch(/^job_[0-9a-f]{28}$/)
  })
})
