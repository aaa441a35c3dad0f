import { describe, expect, it } from "@effect/vitest"
import { bundled } from "../../src/model/Catalogue.ts"
import { WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import { failingNotice, givenUp, type RecentAttempts, stillTold } from "../../src/model/Struggling.ts"
import { hour, start } from "../support/delivery.ts"

const day = 24 * hour
const webhook = {
  id: WebhookId.make("wh_1"),
  workspaceId: WorkspaceId.make("ws_1"),
  url: "https://crm.example.com/hook?token=secret",
  events: ["*", "webhook.*"]
}

/** `1` for success, `0` for failure, the newest last. */
const after = (outcomes: string, change: Partial<RecentAttempts> = {}): RecentAttempts => ({
  recent: Number.parseInt(outcomes.slice(-20), 2),
  recentCount: Math.min(20, outcomes.length),
  lastAttemptAt: start,
  lastSuccessAt: undefined,
  failingSince: outcomes.endsWith("0") ? start - hour : undefined,
  lastError: undefined,
  ...change
})

const twenty = (succeeded: number) => "1".repeat(succeeded) + "0".repeat(20 - succeeded)

const idAt = (now: number, id = webhook.id) =>
  failingNotice({ ...webhook, id }, after(twenty(0), { lastAttemptAt: now }), now)?.id

describe("webhook.failing", () => {
  it.each<[string, string, boolean]>([
    ["no success in 20", twenty(0), true],
    ["9 in 20", twenty(9), true],
    ["half of 20", twenty(10), false],
    ["all of 20", twenty(20), false],
    ["only failures, but 19", "0".repeat(19), false],
    ["one attempt, which failed", "0", false],
    ["only the last 20 count, as failures", "1".repeat(100) + twenty(0), true],
    ["only the last 20 count, as successes", "0".repeat(100) + twenty(15), false],
    // What stands behind it is no longer so: the endpoint answers.
    ["it has just recovered", `${"0".repeat(19)}1`, false],
    ["11 failures, and 9 successes after them", "0".repeat(11) + "1".repeat(9), false],
    ["9 successes, and 11 failures after them", "1".repeat(9) + "0".repeat(11), true],
    ["it answers now and then, and did so last", "01001".repeat(4), false],
    ["it answers now and then, and did not last", "10010".repeat(4), true],
    ["it recovers, and fails again before half has succeeded", `${"0".repeat(11)}${"1".repeat(8)}0`, true],
    ["it recovers, and fails again after that", `${"0".repeat(9)}${"1".repeat(10)}0`, false]
  ])("%s: %s", (_, outcomes, told) => {
    expect(failingNotice(webhook, after(outcomes), start) !== undefined).toBe(told)
  })

  it("says how many of how many, since when, and the last error", () => {
    const health = after(twenty(3), { lastSuccessAt: start - 2 * hour, lastError: "no answer within 30 s" })
    const notice = failingNotice(webhook, health, start)
    expect(notice).toMatchObject({ type: "webhook.failing", workspaceId: "ws_1", at: start })
    expect(notice?.data).toEqual({
      webhook_id: "wh_1",
      url_origin: "https://crm.example.com",
      attempts: 20,
      succeeded: 3,
      failing_since: "2023-11-14T21:13:20.000Z",
      last_success_at: "2023-11-14T20:13:20.000Z",
      last_error: "no answer within 30 s"
    })
    const check = bundled.checks.get("webhook.failing")
    expect(check?.(notice?.data)).toBeUndefined()
    expect(check?.(failingNotice(webhook, after(twenty(0)), start)?.data)).toBeUndefined()
  })

  it("only after an attempt within the hour, and not for one that takes nothing but hookline's own events", () => {
    expect(failingNotice(webhook, after(twenty(0)), start + hour)).toBeDefined()
    expect(failingNotice(webhook, after(twenty(0)), start + hour + 1)).toBeUndefined()
    const own = { ...webhook, events: ["webhook.*", "delivery.failed"] }
    expect(failingNotice(own, after(twenty(0)), start)).toBeUndefined()
  })

  it("has one id a webhook and day of its last attempt", () => {
    const midnight = Date.UTC(2023, 10, 15)
    expect(idAt(midnight - 1)).toBe(idAt(midnight - day))
    expect(idAt(midnight)).not.toBe(idAt(midnight - 1))
    expect(idAt(midnight)).not.toBe(idAt(midnight, WebhookId.make("wh_2")))
    // After midnight of the same attempts it is the event of the day before.
    const before = after(twenty(0), { lastAttemptAt: midnight - 1 })
    expect(failingNotice(webhook, before, midnight + 60_000)?.id).toBe(idAt(midnight - 1))
  })
})

const noticeAt = (at: number, now: number) => failingNotice(webhook, after(twenty(0), { lastAttemptAt: at }), now)!
const toldAt = (at: number) => new Map([[webhook.id, noticeAt(at, at)]])

describe("what was told", () => {
  const midnight = Date.UTC(2023, 10, 15)

  it("is remembered for as long as the same notice may come again, and no longer", () => {
    const lastOfTheDay = noticeAt(midnight + day - 1, midnight + day - 1 + hour)
    const told = stillTold(toldAt(midnight), midnight + day - 1 + hour)
    expect(told.get(webhook.id)?.id).toBe(lastOfTheDay.id)
    expect(stillTold(toldAt(midnight), midnight + day + hour + 1).size).toBe(0)
  })

  it("each for itself, whatever became of its webhook", () => {
    const other = WebhookId.make("wh_2")
    const told = toldAt(midnight).set(other, noticeAt(midnight + hour, midnight + hour))
    expect([...stillTold(told, midnight + day + hour + 1).keys()]).toEqual([other])
    expect(stillTold(told, midnight)).toEqual(told)
  })
})

describe("nothing but failures for long enough", () => {
  const patience = 5 * day
  it.each<[string, number | undefined, number | undefined, boolean]>([
    ["a failure then and one now", start, start + patience, true],
    ["and later", start, start + 9 * day, true],
    ["not yet", start, start + patience - 1, false],
    ["a single failure, however long ago", start, start, false],
    ["the last attempt succeeded", undefined, start + 9 * day, false],
    ["no attempt at all", undefined, undefined, false]
  ])("%s", (_, failingSince, lastAttemptAt, expected) => {
    expect(givenUp({ failingSince, lastAttemptAt }, patience)).toBe(
      expected ? "nothing but failures since 2023-11-14T22:13:20.000Z" : undefined
    )
  })

  it("never where it is switched off", () => {
    const health = { failingSince: 0, lastAttemptAt: start }
    expect(givenUp(health, Number.POSITIVE_INFINITY)).toBeUndefined()
  })
})
