import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { bundled } from "../../src/model/Catalogue.ts"
import { WebhookId } from "../../src/model/Id.ts"
import { validateSubscription, type Verdict, verdictOn } from "../../src/model/Matching.ts"

const webhook = (events: ReadonlyArray<string>, deleted = false) => ({ id: WebhookId.make("wh_1"), events, deleted })

describe("whether a webhook subscribes to a type", () => {
  it.each<[ReadonlyArray<string>, string, boolean]>([
    [["project.created"], "project.created", true],
    [["project.created"], "project.updated", false],
    [["project.created"], "project.created_at", false],
    [["project.created_at"], "project.created", false],
    [["project.*"], "project.created", true],
    [["project.*"], "projects.created", false],
    [["project.*"], "task.created", false],
    [["projects.*"], "project.created", false],
    [["*"], "project.created", true],
    [["task.created", "member.*", "project.updated"], "member.joined", true],
    [["task.created", "member.*", "project.updated"], "project.updated", true],
    [["task.created", "member.*", "project.updated"], "project.created", false],
    [[], "project.created", false],
    // None of these can be subscribed to; they match nothing all the same.
    [["project"], "project.created", false],
    [["*.created"], "project.created", false],
    [["project.c*"], "project.created", false],
    [["*.*"], "project.created", false],
    [[""], "project.created", false]
  ])("%j, %s: %s", (events, type, expected) => {
    expect(verdictOn(webhook(events), { type })).toBe(expected ? "matched" : "not_subscribed")
  })
})

describe("who gets an event, and why not", () => {
  const mine = "wh_1"
  const another = "wh_2"
  it.each<[ReadonlyArray<string>, string, string | undefined, Verdict]>([
    // hookline's own events are not in the star; by name or by family they are had.
    [["*"], "webhook.disabled", another, "not_subscribed"],
    [["*"], "delivery.failed", another, "not_subscribed"],
    [["*"], "webhook.anything", another, "not_subscribed"],
    [["*", "project.*"], "webhook.failing", another, "not_subscribed"],
    [["*", "webhook.*"], "webhook.failing", another, "matched"],
    [["webhook.*"], "webhook.disabled", another, "matched"],
    [["webhook.*"], "delivery.failed", another, "not_subscribed"],
    [["delivery.*"], "delivery.failed", another, "matched"],
    [["webhook.disabled"], "webhook.disabled", another, "matched"],
    [["webhook.disabled"], "webhook.failing", another, "not_subscribed"],
    // Nor are they ever sent to the webhook that they tell of.
    [["webhook.*"], "webhook.disabled", mine, "own_notice"],
    [["webhook.failing"], "webhook.failing", mine, "own_notice"],
    [["*", "delivery.*"], "delivery.failed", mine, "own_notice"],
    [["*"], "delivery.failed", mine, "not_subscribed"],
    // An entity that only begins like theirs is a platform's.
    [["*"], "webhooks.made", undefined, "matched"],
    [["*"], "delivery_note.sent", undefined, "matched"]
  ])("%j, %s about %s: %s", (events, type, about, expected) => {
    expect(verdictOn(webhook(events), { type, about })).toBe(expected)
  })

  it("a deleted one gets nothing", () => {
    expect(verdictOn(webhook(["*"], true), { type: "project.created" })).toBe("deleted")
  })
})

const refused = (events: ReadonlyArray<string>) => Either.flip(validateSubscription(events, bundled))

describe("validateSubscription", () => {
  it("takes types, families and the star, as given, and each once", () => {
    const events = ["task.created", "project.*", "*", "task.created", "project.created", "project.*"]
    expect(Either.getOrThrow(validateSubscription(events, bundled)))
      .toEqual(["task.created", "project.*", "*", "project.created"])
    const all = [...bundled.types.keys()]
    expect(Either.getOrThrow(validateSubscription(all, bundled))).toEqual(all)
    const own = ["webhook.*", "delivery.*", "webhook.disabled", "webhook.failing", "delivery.failed"]
    expect(Either.getOrThrow(validateSubscription(own, bundled))).toEqual(own)
  })

  it("an empty list is refused", () => {
    expect(Either.getOrThrow(refused([]))).toMatchObject({
      _tag: "SubscriptionInvalid",
      field: "events",
      message: "must have at least one event type"
    })
  })

  it.each([
    "project.creatd",
    "project",
    "project.",
    ".created",
    ".*",
    "*.*",
    "*.created",
    "**",
    "",
    " ",
    "project.* ",
    "nothing.*",
    "project.c*",
    "project.created.*",
    "Project.created",
    "__proto__.*",
    "constructor",
    "webhook.created",
    "webhooks.*",
    ">"
  ])("%j is refused with its place", (wanted) => {
    const error = Either.getOrThrow(refused(["project.created", wanted]))
    expect(error.field).toBe("events[1]")
    expect(error.message).toContain(`"${wanted}"`)
  })

  it("the message shows what is not printable as such, and not all of what is long", () => {
    expect(Either.getOrThrow(refused(["a\r\nb\u001b"])).message).toMatch(/^"a\\u000d\\u000ab\\u001b" is not/)
    expect(Either.getOrThrow(refused(["x".repeat(100_000)])).message.length).toBeLessThan(200)
  })
})
