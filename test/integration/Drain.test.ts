import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { eventually } from "../support/broker.ts"
import { product } from "../support/product.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, publish, until, untilDelivery, untilHeld } from "../support/until.ts"

const live = Clock.make()
const env = { HOOKLINE_SYNC: "2m" }

describe("resumed at a rate", () => {
  it.scopedLive(
    "what was held drains at that rate, over a kill -9 too; new events are not slowed down; at once when asked again",
    () =>
      Effect.gen(function*() {
        const times = new Map<string, number>()
        const endpoint = yield* receiver((response, { id }) => {
          times.set(id, live.unsafeCurrentTimeMillis())
          response.end()
        })
        const hookline = yield* product({ env })
        const { id } = yield* addWebhook(hookline, { url: endpoint.url })
        const act = (what: string, body?: object) => hookline.api("POST", `/v1/webhooks/${id}/${what}`, body)
        yield* act("pause")
        const client = yield* natsClient(hookline.natsUrl())
        yield* publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "held_", count: 400 })
        const events = 400 + (yield* untilHeld(hookline, id, "held_probe_"))
        const resumedAt = live.unsafeCurrentTimeMillis()
        expect((yield* act("resume", { rate: 20 })).body).toMatchObject({ state: "enabled", drain_rate: 20 })
        yield* eventually("some of them", () => endpoint.seen.size >= 20)
        for (let n = 0; n < 20; n++) yield* publish(hookline, `new_${n}`)
        yield* untilDelivery(hookline, id, "new_19", "succeeded")
        const seen = () => Array.from(times.keys()).filter((event) => event.startsWith("held_")).length
        expect(seen()).toBeLessThan(390)
        yield* hookline.kill
        yield* hookline.start
        const before = seen()
        yield* eventually("the rate goes on", () => seen() >= before + 20)
        const held = Array.from(times).filter(([event]) => event.startsWith("held_"))
        for (const [index, [, at]] of held.entries()) {
          // One token at the beginning and one at the start after the kill, and what was in flight when it was killed.
          expect(index + 1 - (at - resumedAt) * 20 / 1000).toBeLessThanOrEqual(4)
        }
        expect(seen()).toBeLessThan(390)
        const answer = yield* until("resumed", act("resume"), ({ status }) => status === 200)
        expect(answer.body).not.toHaveProperty("drain_rate")
        const askedAt = live.unsafeCurrentTimeMillis()
        yield* eventually("the rest", () => seen() === events)
        expect(live.unsafeCurrentTimeMillis() - askedAt).toBeLessThan(4_000)
      }),
    60_000
  )
})
