import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Delivery } from "../../../src/model/Delivery.ts"
import { verdictOn } from "../../../src/model/Matching.ts"
import {
  addWebhook,
  attempt,
  event,
  examine,
  type Examined,
  fact,
  happens,
  hour,
  match,
  nothing,
  retries,
  start,
  webhook,
  type Written
} from "../../support/auditing.ts"

/** What the world does next, a second later. */
type Step =
  | { readonly type: "create"; readonly events: ReadonlyArray<string> }
  | { readonly type: "change"; readonly which: number; readonly events: ReadonlyArray<string> }
  | { readonly type: "delete"; readonly which: number }
  /** `answers`: of the endpoint, attempt by attempt; `turns`: what else happens before each. */
  | {
    readonly type: "event"
    readonly of: string
    readonly answers: ReadonlyArray<boolean>
    readonly turns: ReadonlyArray<"none" | "held" | "retried" | "taken over">
    readonly disabled: boolean
  }

const types = ["project.created", "project.deleted", "task.created"]
const subscription = fc.constantFrom(["*"], ["project.*"], ["task.created"], ["project.created", "task.*"])
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ type: fc.constant("create" as const), events: subscription }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("change" as const), which: fc.nat(), events: subscription }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("delete" as const), which: fc.nat() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("event" as const),
      of: fc.constantFrom(...types),
      answers: fc.array(fc.boolean(), { maxLength: 5 }),
      turns: fc.array(fc.constantFrom("none", "none", "held", "retried", "taken over"), { maxLength: 5 }),
      disabled: fc.boolean()
    })
  }
)

interface Known {
  readonly id: string
  events: ReadonlyArray<string>
  revision: number
  deleted: boolean
}

/** A history as hookline would have left it when all has come to its end: which records belong to which delivery is told by their order. */
const lived = (steps: ReadonlyArray<Step>): { readonly written: Written; readonly epoch: number } => {
  const written = nothing()
  const webhooks: Array<Known> = []
  let now = start
  let epoch = 1
  /** To its end; the records of one after those of the other. */
  const runs = (first: Delivery, { answers, disabled, turns }: Extract<Step, { type: "event" }>): void => {
    let delivery = first
    if (disabled) return void happens(written, delivery, { type: "disabled", at: delivery.dueAt + 1 })
    for (let index = 0; index < retries.offsets.length; index++) {
      const turn = turns[index]
      if (turn === "held" && delivery.state !== "held") {
        delivery = happens(written, delivery, { type: "deferred", at: delivery.dueAt + 2, reason: "busy" }, epoch)
      }
      if (turn === "taken over") epoch++
      if (turn === "retried" && delivery.state !== "ready") {
        delivery = happens(written, delivery, { type: "retry_requested", at: delivery.dueAt + 3 }, epoch)
      }
      delivery = attempt(written, delivery, answers[index] === false ? 500 : 200, 5, epoch)
      if (delivery.state !== "due") return
    }
  }
  for (const one of steps) {
    now += 1000
    const known = one.type === "change" || one.type === "delete"
      ? webhooks[one.which % Math.max(1, webhooks.length)]
      : undefined
    if (one.type === "create") {
      const id = `wh_${webhooks.length}`
      addWebhook(written, now, id, one.events)
      webhooks.push({ id, events: one.events, revision: 1, deleted: false })
    } else if (one.type === "event") {
      const sequence = event(written, now, one.of)
      for (const known of webhooks) {
        const { deleted, events, id } = known
        if (verdictOn({ id: webhook(id), events, deleted }, { type: one.of }) !== "matched") continue
        if (one.disabled) fact(written, now, id, "webhook.disabled", { revision: ++known.revision })
        runs(match(written, sequence, id, { webhookRevision: known.revision }, epoch), one)
        if (one.disabled) fact(written, now + 10, id, "webhook.enabled", { revision: ++known.revision })
      }
    } else if (known !== undefined && !known.deleted) {
      known.revision++
      if (one.type === "change") {
        fact(written, now, known.id, "webhook.changed", { revision: known.revision, events: one.events })
        known.events = one.events
      } else {
        fact(written, now, known.id, "webhook.deleted", { revision: known.revision })
        known.deleted = true
      }
    }
  }
  return { written, epoch }
}

const steps = fc.array(step, { minLength: 1, maxLength: 40 })
/** Long after everything; a worker runs, and has written something since. */
const later = (epoch: number) => ({ epoch, at: start + 40 * 24 * hour })

/** Who was not known to be subscribed at every position may have been owed it or not; who was deleted may have been cancelled. */
const doubt = ({ counts: { cancelled, either_way } }: Examined) => either_way + cancelled

describe("an honest history", () => {
  it("has no findings, and everything in it has an outcome", () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const { epoch, written } = lived(steps)
        const { counts, findings } = examine(written, later(epoch))
        expect(findings).toEqual([])
        expect([counts.open, counts.due, counts.held, counts.ready]).toEqual([0, 0, 0, 0])
      }),
      { numRuns: 300 }
    )
  })

  it("has one when any record is taken out", () => {
    fc.assert(
      fc.property(steps, fc.nat(), (steps, which) => {
        const { epoch, written } = lived(steps)
        if (written.deliveries.length === 0) return
        const before = doubt(examine(written, later(epoch)))
        const [removed] = written.deliveries.splice(which % written.deliveries.length, 1)
        const after = examine(written, later(epoch))
        expect(after.findings.length + doubt(after) - before, removed?.subject).toBeGreaterThan(0)
      }),
      { numRuns: 300 }
    )
  })

  it("has one when a record is added", () => {
    fc.assert(
      fc.property(steps, fc.nat(), fc.constantFrom("event", "webhook", "step"), (steps, which, how) => {
        const { epoch, written } = lived(steps)
        const one = written.deliveries[which % Math.max(1, written.deliveries.length)]
        if (one === undefined) return
        const body = JSON.parse(Buffer.from(one.data).toString()) as Record<string, unknown>
        const changed = how === "event"
          ? { event_seq: written.events.length + 1 }
          : how === "webhook"
          ? { webhook_id: "wh_nobody" }
          : { step: 100, epoch, kind: "suppressed", state: "suppressed" }
        const data = Buffer.from(JSON.stringify({ ...body, ...changed }))
        written.deliveries.push({ ...one, sequence: written.deliveries.length + 1, data })
        expect(examine(written, later(epoch)).findings.length).toBeGreaterThan(0)
      }),
      { numRuns: 300 }
    )
  })
})
