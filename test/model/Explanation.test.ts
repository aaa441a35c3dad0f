import { describe, expect, it } from "@effect/vitest"
import { explain, type Explained, type Reason, type RecordedFact } from "../../src/model/Explanation.ts"
import { WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import type { WebhookFact } from "../../src/model/WebhookFacts.ts"
import { start } from "../support/delivery.ts"

const common = { v: 1, workspaceId: WorkspaceId.make("ws_1"), at: start } as const

const created = (name: string, events: ReadonlyArray<string>): WebhookFact => ({
  ...common,
  type: "webhook.created",
  webhookId: WebhookId.make(name),
  revision: 1,
  url: `https://${name}.example/`,
  events,
  description: "",
  headers: [],
  secretVersion: 1
})

const changed = (name: string, revision: number, type: "webhook.paused" | "webhook.disabled" | "webhook.deleted") =>
  ({ ...common, type, webhookId: WebhookId.make(name), revision }) as WebhookFact

/** One a second, from sequence 1 on. */
const recorded = (...facts: ReadonlyArray<WebhookFact>): ReadonlyArray<RecordedFact> =>
  facts.map((fact, index) => ({ sequence: index + 1, recordedAt: start + (index + 1) * 1000, fact }))

const facts = recorded(
  created("all", ["*"]),
  created("tasks", ["task.*"]),
  created("paused", ["project.created"]),
  changed("paused", 2, "webhook.paused"),
  created("disabled", ["project.*"]),
  changed("disabled", 2, "webhook.disabled"),
  created("deleted", ["*"]),
  changed("deleted", 2, "webhook.deleted"),
  created("notices", ["webhook.*"]),
  // 10: after the match.
  created("late", ["*"]),
  changed("all", 2, "webhook.deleted"),
  changed("late", 2, "webhook.deleted")
)

const event: Explained = {
  type: "project.created",
  outcome: "event",
  owed: new Map(),
  matchedAt: { sequence: 9 }
}

const reasons = (explained: Explained): Record<string, Reason> =>
  Object.fromEntries(explain(explained, facts).map(({ reason, webhook }) => [webhook.id, reason]))

const expected: Record<string, Reason> = {
  all: "matched",
  tasks: "not_subscribed",
  paused: "paused",
  disabled: "disabled",
  deleted: "deleted",
  notices: "not_subscribed",
  late: "created_later"
}

describe("why a webhook got an event", () => {
  it("as it was when the event was matched", () => expect(reasons(event)).toEqual(expected))

  it("without a record, as it was when the event was acknowledged", () => {
    expect(reasons({ ...event, matchedAt: { time: start + 9_999 } })).toEqual(expected)
    expect(reasons({ ...event, matchedAt: { time: start + 10_000 } })["late"]).toBe("matched")
  })

  it("of one that was owed it, as it was when that very delivery was matched: a crash may come between the matches of one event", () => {
    const late = WebhookId.make("late")
    const paused = WebhookId.make("paused")
    expect(reasons({ ...event, owed: new Map([[late, 10], [paused, 3]]) })).toEqual({
      ...expected,
      late: "matched",
      paused: "matched"
    })
    expect(reasons({ ...event, owed: new Map([[late, 10]]), matchedAt: { sequence: 8 } })).toEqual(
      { ...expected, late: "matched", notices: "created_later" }
    )
  })

  it.each(["duplicate", "quarantined"] as const)("a %s goes to nobody", (outcome) => {
    expect(new Set(Object.values(reasons({ ...event, outcome })))).toEqual(new Set([outcome]))
  })

  it("an event of hookline itself is not in *, and does not go to the webhook that it is about", () => {
    const notice = { ...event, type: "webhook.disabled", about: WebhookId.make("notices") }
    expect(reasons(notice)).toMatchObject({ all: "not_subscribed", notices: "own_notice" })
    expect(reasons({ ...notice, about: WebhookId.make("disabled") })).toMatchObject({ notices: "matched" })
  })

  it("shows the webhook as it was then, and a late one as it was made", () => {
    const webhooks = new Map(explain(event, facts).map(({ webhook }) => [String(webhook.id), webhook]))
    expect(webhooks.get("all")).toMatchObject({ deleted: false, url: "https://all.example/" })
    expect(webhooks.get("late")).toMatchObject({ deleted: false, revision: 1 })
  })
})
