import { describe, expect, it } from "@effect/vitest"
import type { Delivery } from "../../src/model/Delivery.ts"
import { judge, type RetryAnswer } from "../../src/model/RetryRequest.ts"
import type { Webhook } from "../../src/model/Webhook.ts"
import { delivery, start } from "../support/delivery.ts"

const webhook = (state: Webhook["state"]) => ({ state }) as Webhook
const failed = delivery({ state: "failed", epoch: 3, step: 5 })
const due = delivery({ state: "due", epoch: 3, step: 5 })

interface Case {
  readonly what: string
  readonly seen: Delivery
  readonly known?: Partial<Parameters<typeof judge>[1]>
  readonly answer: RetryAnswer
}

const cases: ReadonlyArray<Case> = [
  { what: "one that failed", seen: failed, answer: "accepted" },
  { what: "one that succeeded", seen: { ...failed, state: "succeeded" }, answer: "accepted" },
  { what: "one that is due, as it was seen", seen: due, known: { live: due }, answer: "accepted" },
  { what: "one that is held", seen: { ...due, state: "held" }, known: { live: due }, answer: "accepted" },
  { what: "one in flight", seen: due, known: { live: { ...due, state: "in_flight" } }, answer: "already_running" },
  { what: "one that went on since", seen: due, known: { live: { ...due, step: 6 } }, answer: "overtaken" },
  { what: "one of a later owner", seen: due, known: { live: { ...due, epoch: 4, step: 1 } }, answer: "overtaken" },
  { what: "one seen waiting that has ended since", seen: due, answer: "overtaken" },
  { what: "one retried and ended since", seen: failed, known: { ended: { epoch: 3, step: 7 } }, answer: "overtaken" },
  { what: "one retried before it was seen", seen: failed, known: { ended: { epoch: 3, step: 5 } }, answer: "accepted" },
  {
    what: "what was seen before the owner's knowledge begins",
    seen: failed,
    known: { since: 32 },
    answer: "overtaken"
  },
  { what: "one of a deleted webhook", seen: failed, known: { webhook: undefined }, answer: "webhook_deleted" },
  {
    what: "one of a disabled webhook",
    seen: failed,
    known: { webhook: webhook("disabled") },
    answer: "webhook_disabled"
  },
  { what: "one of a paused webhook", seen: failed, known: { webhook: webhook("paused") }, answer: "accepted" },
  { what: "one whose event leaves", seen: failed, known: { at: failed.expiresAt }, answer: "event_expired" }
]

describe("a request for a retry", () => {
  it.each(cases)("$what: $answer", ({ answer, known, seen }) => {
    const request = { id: "r", at: start, expiresAt: start + 10_000, seenSequence: 31, delivery: seen }
    const all = { webhook: webhook("enabled"), live: undefined, ended: undefined, since: 31, at: start, ...known }
    expect(judge(request, all)).toBe(answer)
  })
})
