import { expect, layer } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { EventId, WebhookId } from "../../src/model/Id.ts"
import { apiLayer, ask, type Json, recorded } from "../support/api.ts"
import { answered, delivery, hour } from "../support/delivery.ts"

const url = "http://127.0.0.1:9/hook"
const made = Effect.map(
  ask("POST", "/v1/webhooks", { body: { url, events: ["project.*"] } }),
  ({ json }) => WebhookId.make(String(json.id))
)

/** One delivery of a webhook with one attempt at a time. */
const attempted = (webhookId: WebhookId, eventSequence: number, at: number, status: number) =>
  recorded({
    kind: status === 200 ? "succeeded" : "attempt_failed",
    at,
    delivery: delivery({
      webhookId,
      eventSequence,
      eventId: EventId.make(`evt_${eventSequence}`),
      state: status === 200 ? "succeeded" : "due",
      attempt: 1
    }),
    outcome: answered(status, { startedAt: at, ...(status === 200 ? {} : { error: "the endpoint answered 500" }) })
  })

const listed = (json: Json, id: string) =>
  (json.data as unknown as ReadonlyArray<Json>).find((one) => String(one.id) === id)

layer(apiLayer(), { excludeTestServices: true, timeout: 30_000 })("how webhooks fare, in a list", (it) => {
  it.effect("with include=health each has its last attempts and its hours, and without it none", () =>
    Effect.gen(function*() {
      const [used, unused] = [yield* made, yield* made]
      const now = Clock.make().unsafeCurrentTimeMillis()
      const thisHour = Math.floor(now / hour) * hour
      const minutesAgo = (hours: number) => thisHour - hours * hour + 1
      yield* attempted(used, 1, minutesAgo(30), 200)
      yield* attempted(used, 2, minutesAgo(23), 200)
      yield* attempted(used, 3, minutesAgo(1), 500)
      yield* attempted(used, 4, minutesAgo(1) + 1, 500)
      yield* attempted(used, 5, thisHour, 200)

      const { json, status } = yield* ask("GET", "/v1/webhooks?include=health")
      expect(status).toBe(200)
      const health = listed(json, used)?.health
      // The hour may have ended meanwhile.
      const from = Date.parse(String(health?.hours?.from))
      const hours = (figures: Readonly<Record<number, number>>) =>
        Array.from({ length: 24 }, (_, index) => figures[from + index * hour] ?? 0)
      expect([thisHour - 23 * hour, thisHour - 22 * hour]).toContain(from)
      expect(health).toEqual({
        recent: { attempts: 5, succeeded: 3 },
        success_rate: 0.6,
        last_attempt_at: new Date(thisHour).toISOString(),
        last_error: "the endpoint answered 500",
        last_error_at: new Date(minutesAgo(1) + 1).toISOString(),
        hours: {
          from: new Date(from).toISOString(),
          succeeded: hours({ [thisHour - 23 * hour]: 1, [thisHour]: 1 }),
          failed: hours({ [thisHour - hour]: 2 })
        }
      })
      expect(listed(json, unused)?.health).toEqual({
        recent: { attempts: 0, succeeded: 0 },
        success_rate: null,
        last_attempt_at: null,
        last_error: null,
        last_error_at: null,
        hours: { from: new Date(from).toISOString(), succeeded: hours({}), failed: hours({}) }
      })

      const plain = yield* ask("GET", "/v1/webhooks")
      expect([json.behind, plain.json.behind]).toEqual([expect.any(Number), undefined])
      expect(listed(plain.json, used)).toEqual(
        Object.fromEntries(Object.entries(listed(json, used) ?? {}).filter(([name]) => name !== "health"))
      )
      const refused = yield* ask("GET", "/v1/webhooks?include=secrets")
      expect([refused.status, refused.json.error?.field]).toEqual([422, "include"])
      const other = yield* ask("GET", "/v1/webhooks?include=health", { workspace: "ws_2" })
      expect(other.json).toEqual({ data: [], next: null, behind: expect.any(Number) })
    }))

  it.effect("shown alone it has the numbers of what is held and suppressed, as after a change", () =>
    Effect.gen(function*() {
      const webhookId = yield* made
      const path = `/v1/webhooks/${webhookId}`
      expect((yield* ask("GET", path)).json).toMatchObject({ held: 0, suppressed: 0 })
      for (const [eventSequence, state] of [[11, "held"], [12, "suppressed"], [13, "suppressed"]] as const) {
        yield* recorded({
          kind: state === "held" ? "deferred" : "suppressed",
          at: 1_700_000_000_000,
          delivery: delivery({
            webhookId,
            eventSequence,
            eventId: EventId.make(`evt_${eventSequence}`),
            state,
            heldReason: state === "held" ? "paused" : undefined
          })
        })
      }
      const shown = (yield* ask("GET", path)).json
      expect(shown).toMatchObject({ held: 1, suppressed: 2 })
      expect((yield* ask("POST", `${path}/enable`)).json).toEqual(shown)
    }))
})
