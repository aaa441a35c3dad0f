import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Delivery } from "../../src/model/Delivery.ts"
import { EventId, WebhookId } from "../../src/model/Id.ts"
import { pack, PackedDeliveries, unpack } from "../../src/model/PackedDelivery.ts"
import { delivery } from "../support/delivery.ts"

const time = fc.nat({ max: 4_102_444_800_000 })
const count = fc.nat()

const any: fc.Arbitrary<Delivery> = fc.record({
  eventSequence: fc.maxSafeNat(),
  eventId: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).map((id) => EventId.make(id)),
  webhookId: fc.constantFrom("wh_1", "wh_2", "wh_3").map((id) => WebhookId.make(id)),
  eventType: fc.constantFrom("project.created", "a"),
  webhookRevision: count,
  webhooksSequence: count,
  state: fc.constantFrom("due", "held", "ready"),
  round: count,
  attempt: count,
  roundAttempt: count,
  roundStart: time,
  dueAt: time,
  heldReason: fc.constantFrom(undefined, "busy", "paused"),
  heldSince: time,
  failReason: fc.constantFrom(undefined, "expired"),
  publishedAt: time,
  expiresAt: time,
  epoch: count,
  step: count
}).map((fields) => delivery(fields as Partial<Delivery>))

describe("a packed delivery", () => {
  it("is the delivery again, every field of it", () => {
    fc.assert(fc.property(any, (one) => {
      expect(unpack(pack(one), one)).toStrictEqual(one)
    }))
  })

  it("takes less than 200 bytes", () => {
    const one = delivery({ eventId: EventId.make("evt_0123456789abcdef0123456789abcdef"), eventSequence: 12_345_678 })
    expect(pack(one).length).toBeLessThan(200)
  })

  it("is found among many, webhook by webhook, and handed over once", () => {
    fc.assert(fc.property(fc.array(any), (all) => {
      const many = new PackedDeliveries(all)
      const byWebhook = [...new Set(all.map(({ webhookId }) => webhookId))].flatMap((webhookId) =>
        all.filter((one) => one.webhookId === webhookId)
      )
      expect(many.size).toBe(all.length)
      expect([...many]).toStrictEqual(byWebhook)
      expect([...many.drain()]).toStrictEqual(byWebhook)
      expect([many.size, [...many]]).toStrictEqual([0, []])
    }))
  })
})
