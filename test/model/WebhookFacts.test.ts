import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import { decodeFact, encodeFact, type WebhookFact } from "../../src/model/WebhookFacts.ts"

const common = {
  v: 1,
  webhookId: WebhookId.make("wh_1"),
  workspaceId: WorkspaceId.make("ws_1"),
  revision: 2,
  at: Date.parse("2025-03-23T14:35:21.007Z")
} as const
const start =
  `{"type":"TYPE","v":1,"webhook_id":"wh_1","workspace_id":"ws_1","revision":2,"at":"2025-03-23T14:35:21.007Z"`

const examples: ReadonlyArray<readonly [WebhookFact, string]> = [
  [
    {
      ...common,
      type: "webhook.created",
      url: "https://example.com/hook",
      events: ["project.*"],
      description: "CRM",
      headers: ["x-team"],
      headersVersion: 2,
      concurrency: 4,
      rateLimit: 0.5,
      secretVersion: 1
    },
    `,"url":"https://example.com/hook","events":["project.*"],"description":"CRM","headers":["x-team"],"headers_version":2,"concurrency":4,"rate_limit":0.5,"secret_version":1}`
  ],
  [
    { ...common, type: "webhook.changed", headers: [], headersVersion: null, concurrency: null, rateLimit: null },
    `,"headers":[],"headers_version":null,"concurrency":null,"rate_limit":null}`
  ],
  [{ ...common, type: "webhook.enabled" }, "}"],
  [{ ...common, type: "webhook.disabled", reason: "410 Gone" }, `,"reason":"410 Gone"}`],
  [{ ...common, type: "webhook.paused" }, "}"],
  [{ ...common, type: "webhook.resumed" }, "}"],
  [{ ...common, type: "webhook.resumed", drainRate: 0.5 }, `,"drain_rate":0.5}`],
  [
    {
      ...common,
      type: "webhook.secret_rotated",
      secretVersion: 3,
      previousSecretVersion: 1,
      overlapUntil: common.at + 86_400_000
    },
    `,"secret_version":3,"previous_secret_version":1,"overlap_until":"2025-03-24T14:35:21.007Z"}`
  ],
  [{ ...common, type: "webhook.deleted" }, "}"]
]

describe("facts about webhooks", () => {
  for (const [fact, rest] of examples) {
    it(`${fact.type} is JSON that a person can read: ${rest}`, () => {
      const json = start.replace("TYPE", fact.type) + rest
      expect(encodeFact(fact)).toBe(json)
      expect(decodeFact(Buffer.from(json))).toEqual(Either.right(fact))
    })
  }

  const enabled = start.replace("TYPE", "webhook.enabled") + "}"
  const broken: ReadonlyArray<readonly [string, string | Uint8Array, RegExp]> = [
    ["no JSON", "{", /JSON/],
    ["no object", "[]", /./],
    ["no UTF-8", Uint8Array.of(0x22, 0xff, 0x22), /UTF-8/],
    ["another version", enabled.replace(`"v":1`, `"v":2`), /^v: /],
    ["another type", enabled.replace("webhook.enabled", "webhook.exploded"), /^type: /],
    ["an id that is no token", enabled.replace("wh_1", "wh.1"), /^webhook_id: /],
    ["revision 0", enabled.replace(`"revision":2`, `"revision":0`), /^revision: /],
    ["no time", enabled.replace("14:35", "25:35"), /^at: /],
    ["a time without milliseconds", enabled.replace(".007", ""), /^at: /],
    ["a key missing", enabled.replace(`"workspace_id":"ws_1",`, ""), /^workspace_id: /]
  ]
  for (const [name, data, reason] of broken) {
    it(`refuses ${name}`, () => {
      const decoded = decodeFact(typeof data === "string" ? Buffer.from(data) : data)
      expect(Either.isLeft(decoded) && decoded.left).toMatch(reason)
    })
  }

  it("ignores keys that a later version may add", () => {
    expect(decodeFact(Buffer.from(enabled.replace("}", `,"colour":"red"}`)))).toEqual(
      Either.right({ ...common, type: "webhook.enabled" })
    )
  })
})
