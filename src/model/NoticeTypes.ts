import type { EventType, JsonObject } from "./EventType.ts"

/** The types of hookline's own events; each is an ordinary event of the workspace whose webhook it tells of. */
export type NoticeType = "webhook.disabled" | "webhook.failing" | "delivery.failed"

const text = { type: "string" }
const time = { type: "string", format: "date-time" }
const count = { type: "integer", minimum: 0 }
const optional = (schema: JsonObject): JsonObject => ({ ...schema, type: [schema["type"], "null"] })

/** What every one has. Never the whole URL: its query may hold a secret. */
const webhook = { webhook_id: text, url_origin: text }

const schema = (properties: JsonObject): JsonObject => ({
  type: "object",
  required: ["webhook_id", ...Object.keys(properties)],
  properties: { ...webhook, ...properties }
})

const example = { webhook_id: "wh_d1c21edaf1094ae1a4bd6d2770dbde6f", url_origin: "https://crm.example.com" }

/** What every catalogue has, the bundled one and an operator's own alike. */
export const noticeTypes: ReadonlyArray<EventType & { readonly type: NoticeType; readonly reserved: true }> = [
  {
    type: "webhook.disabled",
    description: "A webhook was disabled: by hand, by a 410 of its endpoint, or after nothing but failures",
    example: { ...example, reason: "its endpoint answered 410 Gone", disabled_at: "2025-03-23T14:35:21.000Z" },
    schema: schema({ reason: optional(text), disabled_at: time }),
    reserved: true
  },
  {
    type: "webhook.failing",
    description:
      "Less than half of a webhook's last 20 attempts succeeded, and the last one did not; at most once a day",
    example: {
      ...example,
      attempts: 20,
      succeeded: 3,
      failing_since: "2025-03-23T09:12:40.000Z",
      last_success_at: "2025-03-23T09:10:02.000Z",
      last_error: "the endpoint answered 500"
    },
    schema: schema({
      attempts: count,
      succeeded: count,
      failing_since: time,
      last_success_at: optional(time),
      last_error: optional(text)
    }),
    reserved: true
  },
  {
    type: "delivery.failed",
    description: "A delivery was given up: its attempts are used up, its event expired, or its endpoint gave no answer",
    example: {
      ...example,
      delivery_id: "dlv_d2281c1d0ca3a240cde0d639f173ef9d",
      event_id: "evt_550e8400e29b41d4a716446655440000",
      event_type: "project.created",
      attempts: 5,
      fail_reason: "attempts",
      last_status: 500,
      last_error: "the endpoint answered 500",
      failed_at: "2025-03-24T14:35:22.000Z"
    },
    schema: schema({
      delivery_id: text,
      event_id: text,
      event_type: text,
      attempts: count,
      fail_reason: { enum: ["attempts", "expired", "circuit"] },
      last_status: optional({ type: "integer" }),
      last_error: optional(text),
      failed_at: time
    }),
    reserved: true
  }
]
