import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import {
  circuitLimit,
  decide,
  type Decision,
  type Delivery,
  type DeliveryRecord,
  type DeliveryState,
  evolve,
  type Happening,
  type HoldReason
} from "../../src/model/Delivery.ts"
import { answered, delivery, hour, minute, retries, rules, start, unanswered } from "../support/delivery.ts"

const at = start + 1_000

const happening: Record<Happening["type"], Happening> = {
  started: { type: "started", at },
  finished: { type: "finished", at, outcome: answered(500) },
  faulted: { type: "faulted", at, reason: "local" },
  still_running: { type: "still_running", at },
  deferred: { type: "deferred", at, reason: "busy" },
  disabled: { type: "disabled", at },
  expired: { type: "expired", at },
  circuit_exhausted: { type: "circuit_exhausted", at },
  retry_requested: { type: "retry_requested", at }
}

/** ARCHITECTURE's table: state × happening → next state and record; `-` where it does not apply. */
const table: Record<Happening["type"], Record<DeliveryState, string>> = {
  started: row("in_flight", "-", "in_flight", "in_flight", "-", "-", "-"),
  finished: row("-", "due attempt_failed", "-", "-", "-", "-", "-"),
  faulted: row("-", "held deferred", "-", "-", "-", "-", "-"),
  still_running: row("-", "in_flight deferred", "-", "-", "-", "-", "-"),
  deferred: row("held deferred", "-", "held deferred", "-", "-", "-", "-"),
  disabled: row("suppressed suppressed", "-", "suppressed suppressed", "suppressed suppressed", "-", "-", "-"),
  expired: row("failed failed", "failed failed", "failed failed", "failed failed", "-", "-", "-"),
  circuit_exhausted: row("-", "-", "-", "failed failed", "-", "-", "-"),
  retry_requested: row(
    "ready",
    "already_running",
    "ready retried",
    "ready retried",
    "ready retried",
    "ready retried",
    "ready retried"
  )
}

function row(
  ready: string,
  in_flight: string,
  due: string,
  held: string,
  succeeded: string,
  failed: string,
  suppressed: string
): Record<DeliveryState, string> {
  return { ready, in_flight, due, held, succeeded, failed, suppressed }
}

const decided = (state: Delivery, what: Happening): Decision => {
  const decision = decide(state, what, rules)
  if ("refused" in decision) throw new Error(`refused: ${decision.refused}`)
  return decision
}

const through = (state: Delivery, ...happenings: ReadonlyArray<Happening>): Delivery =>
  happenings.reduce((current, next) => decided(current, next).next, state)

const attempt = (state: Delivery, outcome: ReturnType<typeof answered>): Decision =>
  decided(through(state, { type: "started", at: outcome.startedAt }), {
    type: "finished",
    at: outcome.startedAt + outcome.latency,
    outcome
  })

const fold = (many: ReadonlyArray<DeliveryRecord>) => many.reduce<Delivery | undefined>(evolve, undefined)

describe("the table", () => {
  for (const [type, row] of Object.entries(table)) {
    for (const [state, expected] of Object.entries(row)) {
      it(`${state}, ${type}: ${expected}`, () => {
        const from = delivery({ state: state as DeliveryState, step: 4, epoch: 3 })
        const decision = decide(from, happening[type as Happening["type"]], rules)
        if ("refused" in decision) return expect(decision.refused).toBe(expected === "-" ? "not_applicable" : expected)
        expect([decision.next.state, decision.record?.kind].filter(Boolean).join(" ")).toBe(expected)
        // Every record is the owner's, and newer than all before; what has none changes neither.
        expect([decision.next.epoch, decision.next.step]).toEqual(
          decision.record === undefined ? [3, 4] : [rules.epoch, 5]
        )
      })
    }
  }
})

describe("attempts", () => {
  it("five, at the offsets of the schedule, and then it has failed", () => {
    let state = delivery()
    const dues: Array<number> = []
    for (let k = 0; k < 5; k++) {
      state = attempt(state, answered(500, { startedAt: state.dueAt })).next
      dues.push(state.dueAt - start)
    }
    expect(dues).toEqual([5 * minute + 100, 30 * minute, 2 * hour, 24 * hour, 24 * hour])
    expect(state).toMatchObject({ state: "failed", failReason: "attempts", attempt: 5, roundAttempt: 5 })
  })

  it("a late first attempt moves the whole round; an early end is no reason to hurry", () => {
    const state = attempt(delivery(), answered(503, { startedAt: start + hour, retryAfter: 3 * hour })).next
    expect(state).toMatchObject({ roundStart: start + hour, attempt: 1, dueAt: start + 4 * hour + 100 })
  })

  it("success records the outcome and ends it", () => {
    const { next, record } = attempt(delivery(), answered(200))
    expect(next).toMatchObject({ state: "succeeded", attempt: 1 })
    expect(record).toMatchObject({ kind: "succeeded", delivery: next, outcome: { status: 200 } })
  })

  it("what is no fault of the endpoint uses up no attempt", () => {
    const reasons: ReadonlyArray<HoldReason> = ["busy", "circuit", "paused", "rate", "shutdown"]
    for (const reason of reasons) {
      const held = decided(delivery(), { type: "deferred", at, reason })
      expect(held.next).toMatchObject({ state: "held", heldReason: reason, heldSince: at, attempt: 0, roundAttempt: 0 })
    }
    for (const reason of ["local", "secret", "shutdown"] as const) {
      const held = through(delivery(), { type: "started", at }, { type: "faulted", at, reason })
      expect(held).toMatchObject({ state: "held", heldReason: reason, attempt: 0, dueAt: start })
    }
  })

  it("an attempt that runs long is recorded as held and counted once when it ends", () => {
    const running = decided(through(delivery(), { type: "started", at }), { type: "still_running", at })
    expect(running.record?.delivery).toMatchObject({ state: "held", heldReason: "in_flight", attempt: 0 })
    expect(running.next.state).toBe("in_flight")
    const ended = decided(running.next, { type: "finished", at: at + 30_000, outcome: unanswered({ startedAt: at }) })
    expect(ended.next).toMatchObject({ state: "due", attempt: 1, step: 2, heldReason: undefined })
  })

  it("a retry by hand begins a new round: numbers go on, the schedule starts anew", () => {
    const failed = delivery({ state: "failed", failReason: "attempts", attempt: 5, roundAttempt: 5, step: 5 })
    const again = decided(failed, { type: "retry_requested", at: start + 25 * hour }).next
    expect(again).toMatchObject({ state: "ready", round: 2, attempt: 5, roundAttempt: 0, failReason: undefined })
    const next = attempt(again, answered(500, { startedAt: start + 25 * hour })).next
    expect(next).toMatchObject({ attempt: 6, roundAttempt: 1, dueAt: start + 25 * hour + 5 * minute + 100 })
  })

  it("one that waits keeps its round when it is moved to now", () => {
    const due = delivery({ state: "due", round: 1, attempt: 2, roundAttempt: 2, dueAt: start + hour })
    expect(decided(due, { type: "retry_requested", at }).next).toMatchObject({
      state: "ready",
      round: 1,
      roundAttempt: 2,
      dueAt: at
    })
  })
})

describe("the circuit's limit", () => {
  it("is 24 h after the later of the schedule's end and the start of the hold", () => {
    const held = delivery({ state: "held", heldReason: "circuit", heldSince: start + hour })
    expect(circuitLimit(held, start, retries)).toBe(start + 48 * hour)
    expect(circuitLimit({ ...held, heldSince: start + 30 * hour }, start, retries)).toBe(start + 54 * hour)
    expect(circuitLimit(held, start + 40 * hour, retries)).toBe(start + 64 * hour)
  })
})

describe("evolve", () => {
  /** A history as an owner writes it: every record of a delivery that is attempted until it ends, with holds between. */
  const history = fc.array(fc.constantFrom("fail", "hold", "long", "fault"), { maxLength: 12 }).map((steps) => {
    const records: Array<DeliveryRecord> = []
    let state = delivery()
    const happen = (what: Happening) => {
      const decision = decide(state, what, rules)
      if ("refused" in decision) return
      state = decision.next
      if (decision.record !== undefined) records.push(decision.record)
    }
    for (const step of steps) {
      happen({ type: "deferred", at, reason: step === "hold" ? "busy" : "rate" })
      happen({ type: "started", at })
      if (step === "long") happen({ type: "still_running", at })
      if (step === "fault") happen({ type: "faulted", at, reason: "local" })
      happen({ type: "finished", at, outcome: answered(500, { startedAt: at }) })
    }
    return records
  })

  it("leaves the last state, whatever the order and repetition of the records", () => {
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.nat()), (records, numbers) => {
        const shuffled = [...records, ...records]
          .map((record) => ({ record, key: numbers.next().value }))
          .sort((left, right) => left.key - right.key)
          .map(({ record }) => record)
        expect(fold(shuffled)).toEqual(records.at(-1)?.delivery)
      })
    )
  })

  it("a later owner's record wins over any step of a former one", () => {
    const old: DeliveryRecord = { kind: "attempt_failed", at, delivery: delivery({ epoch: 7, step: 9, state: "due" }) }
    const new_: DeliveryRecord = {
      kind: "succeeded",
      at,
      delivery: delivery({ epoch: 8, step: 1, state: "succeeded" })
    }
    expect(evolve(new_.delivery, old)).toBe(new_.delivery)
    expect(evolve(old.delivery, new_)).toBe(new_.delivery)
  })
})
