import { describe, expect, it } from "@effect/vitest"
import { bundled } from "../../src/model/Catalogue.ts"
import type { DeliveryRecord } from "../../src/model/Delivery.ts"
import { parseEvent } from "../../src/model/Event.ts"
import { DeliveryId, WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import { disabledNotice, encodeNotice, failedNotice, type Notice } from "../../src/model/Notice.ts"
import { answered, delivery, start } from "../support/delivery.ts"

const url = "https://user.example.com:8443/hook/private?token=secret#x"
const origin = "https://user.example.com:8443"
const at = "2023-11-14T22:13:20.000Z"
const deliveryId = DeliveryId.make("dlv_1")

const common = {
  v: 1,
  webhookId: WebhookId.make("wh_1"),
  workspaceId: WorkspaceId.make("ws_1"),
  revision: 4,
  at: start
} as const
const disabled = { ...common, type: "webhook.disabled", reason: "its endpoint answered 410 Gone" } as const

const failed = (change: Partial<DeliveryRecord> = {}): DeliveryRecord => ({
  kind: "failed",
  at: start,
  delivery: delivery({ state: "failed", attempt: 5, failReason: "attempts" }),
  outcome: answered(503, { error: "the endpoint answered 503" }),
  ...change
})

const made = (notice: Notice | undefined): Notice => {
  if (notice === undefined) throw new Error("no notice")
  return notice
}

/** As the worker will read it. */
const parsed = (notice: Notice) =>
  parseEvent({
    payload: Buffer.from(encodeNotice(notice)),
    workspaceId: notice.workspaceId,
    type: notice.type,
    notice: true,
    fallbackId: () => "evt_none",
    time: 0
  }, bundled)

describe("webhook.disabled", () => {
  it("says which webhook and why, and of its URL no more than the origin", () => {
    const notice = made(disabledNotice(disabled, url))
    expect(notice.data).toEqual({ webhook_id: "wh_1", url_origin: origin, reason: disabled.reason, disabled_at: at })
    expect(parsed(notice)).toMatchObject({
      _tag: "Event",
      id: notice.id,
      timestamp: "2023-11-14T22:13:20Z",
      about: "wh_1"
    })
  })

  it("without a reason, and of a webhook that nobody knows, it is an event too", () => {
    const notice = made(disabledNotice({ ...common, type: "webhook.disabled" }, undefined))
    expect(notice.data).toEqual({ webhook_id: "wh_1", reason: null, disabled_at: at })
    expect(parsed(notice)._tag).toBe("Event")
  })

  it("has one id for one disabling", () => {
    const { id } = made(disabledNotice(disabled, url))
    expect(disabledNotice(disabled, undefined)?.id).toBe(id)
    expect(disabledNotice({ ...disabled, revision: 6 }, url)?.id).not.toBe(id)
    expect(disabledNotice({ ...disabled, webhookId: WebhookId.make("wh_2") }, url)?.id).not.toBe(id)
  })

  it.each(["webhook.enabled", "webhook.paused", "webhook.resumed", "webhook.deleted"] as const)(
    "not for %s",
    (type) => {
      expect(disabledNotice({ ...common, type }, url)).toBeUndefined()
    }
  )
})

describe("delivery.failed", () => {
  it("says which delivery, of which event, after how many attempts and why", () => {
    const notice = made(failedNotice(failed(), deliveryId, url))
    expect(notice.data).toEqual({
      webhook_id: "wh_1",
      url_origin: origin,
      delivery_id: "dlv_1",
      event_id: "evt_1",
      event_type: "project.created",
      attempts: 5,
      fail_reason: "attempts",
      last_status: 503,
      last_error: "the endpoint answered 503",
      failed_at: at
    })
    expect(parsed(notice)).toMatchObject({ _tag: "Event", about: "wh_1" })
  })

  it.each(["expired", "circuit"] as const)("%s: there was no attempt to tell of", (failReason) => {
    const { outcome: _, ...record } = failed({ delivery: delivery({ state: "failed", failReason }) })
    const notice = made(failedNotice(record, deliveryId, url))
    expect(notice.data).toMatchObject({ fail_reason: failReason, attempts: 0, last_status: null, last_error: null })
    expect(parsed(notice)._tag).toBe("Event")
  })

  it("has one id for one round, however often and by whom it was recorded", () => {
    const { id } = made(failedNotice(failed(), deliveryId, url))
    const again = failed({ at: start + 1, delivery: delivery({ state: "failed", attempt: 5, epoch: 9, step: 3 }) })
    expect(failedNotice(again, deliveryId, url)?.id).toBe(id)
    const later = failed({ delivery: delivery({ state: "failed", attempt: 6, round: 2 }) })
    expect(failedNotice(later, deliveryId, url)?.id).not.toBe(id)
    expect(failedNotice(failed(), DeliveryId.make("dlv_2"), url)?.id).not.toBe(id)
  })

  it("never for one of hookline's own events, and for no other record", () => {
    for (const eventType of ["delivery.failed", "webhook.disabled", "webhook.failing"]) {
      const record = failed({ delivery: delivery({ state: "failed", attempt: 5, eventType }) })
      expect(failedNotice(record, deliveryId, url)).toBeUndefined()
    }
    for (const kind of ["attempt_failed", "succeeded", "deferred", "suppressed", "retried"] as const) {
      expect(failedNotice(failed({ kind }), deliveryId, url)).toBeUndefined()
    }
  })
})
