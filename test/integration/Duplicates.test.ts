import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { headers } from "nats"
import { partitionOf } from "../../src/broker/Subjects.ts"
import { eventually } from "../support/broker.ts"
import { product } from "../support/product.ts"
import { natsClient } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, until, untilDelivery } from "../support/until.ts"

describe("the same event again", () => {
  it.scopedLive(
    "makes no second delivery, whatever its header, after a restart and after a kill too; each repeat is recorded",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver()
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
        const { id } = yield* addWebhook(hookline, { url: endpoint.url })
        yield* addWebhook(hookline, { url: endpoint.url }, "ws_2")
        const client = yield* natsClient(hookline.natsUrl())
        const js = client.jetstream()
        const jsm = yield* Effect.promise(() => client.jetstreamManager())
        const publish = (workspace: string, id: string, header?: string, type = "task.created") => {
          const options = headers()
          if (header !== undefined) options.set("Nats-Msg-Id", header)
          const body = id === "" ? `{"data":{}}` : `{"id":"${id}","data":{}}`
          return Effect.retry(
            Effect.tryPromise(() => js.publish(`events.${workspace}.${type}`, body, { headers: options })),
            { times: 200 }
          )
        }
        const recorded = Effect.gen(function*() {
          let count = 0
          for (let stream = 0; stream < 4; stream++) {
            const info = yield* Effect.promise(() =>
              jsm.streams.info(`DELIVERIES-${stream}`, { subjects_filter: "deliveries.*.*._.duplicate" })
            )
            for (const messages of Object.values(info.state.subjects ?? {})) count += messages
          }
          return count
        })

        yield* publish("ws_1", "evt_1", "ws_1/evt_1")
        // By the body's id, by the header's, under another type; the broker takes them all.
        expect((yield* publish("ws_1", "evt_1", "ws_1/other")).duplicate).toBe(false)
        expect((yield* publish("ws_1", "evt_1")).duplicate).toBe(false)
        expect((yield* publish("ws_1", "evt_1", undefined, "task.deleted")).duplicate).toBe(false)
        yield* until("three records", recorded, (count) => count === 3)

        // A person sees the one that counts, and what repeats it; of what repeats it, which one that is.
        const shown = (yield* until(
          "the repeats in the history",
          hookline.api("GET", "/v1/events/evt_1"),
          ({ body }) => body.repeats?.count === 3 && body.deliveries.succeeded === 1
        )).body
        expect(shown).toMatchObject({ event_type: "task.created", outcome: "event", duplicate_of: null })
        const types = shown.repeats.latest.map((one: { readonly event_type: string }) => one.event_type)
        expect(types).toEqual(["task.deleted", "task.created", "task.created"])
        const { body: explained } = yield* hookline.api("GET", "/v1/events/evt_1/explain")
        expect(explained).toMatchObject({
          event: { sequence: shown.sequence },
          repeats: shown.repeats,
          webhooks: [{ webhook_id: id, reason: "matched", delivery: { status: "succeeded" } }]
        })
        const { body: listed } = yield* hookline.api("GET", "/v1/events")
        expect(listed.data.map((one: { readonly duplicate_of: unknown }) => one.duplicate_of)).toEqual([
          ...Array.from({ length: 3 }, () => ({ sequence: shown.sequence, published_at: shown.published_at })),
          null
        ])
        expect(listed.data.slice(0, 3).map((one: { readonly sequence: number }) => one.sequence)).toEqual(
          shown.repeats.latest.map((one: { readonly sequence: number }) => one.sequence)
        )

        // The same id is another event in another workspace.
        yield* publish("ws_2", "evt_1", "ws_2/evt_1")
        yield* eventually("both workspaces", () => endpoint.arrivals.length === 2)

        // The broker's own window answers before anything is stored.
        expect((yield* publish("ws_1", "evt_1", "ws_1/evt_1")).duplicate).toBe(true)
        const api = yield* hookline.api("POST", "/v1/events", { id: "evt_1", event: "task.created", data: {} })
        expect([api.status, api.body]).toEqual([202, { id: "evt_1", duplicate: true }])

        hookline.signal("SIGTERM")
        expect(yield* hookline.ended).toBe(0)
        yield* hookline.start
        yield* publish("ws_1", "evt_1", "after-restart")
        yield* publish("ws_1", "", "ws_1/evt_header")
        yield* until("a fourth record", recorded, (count) => count === 4)
        // With its record: a kill before that may repeat it.
        yield* untilDelivery(hookline, id, "evt_header", "succeeded")
        // What went to quarantine used up no id, even when it is read again after a kill.
        const { seq } = yield* publish("ws_1", "evt_typo", undefined, "tsk.created")
        const position = Effect.promise(() =>
          jsm.streams.getMessage("KV_POSITIONS", { last_by_subj: `$KV.POSITIONS.p${partitionOf("ws_1", 16)}` })
        )
        yield* until("the position", position, (message) => Number(JSON.parse(message.string()).floor) >= seq)
        yield* hookline.kill
        yield* hookline.start
        yield* publish("ws_1", "evt_1", "after-kill")
        yield* publish("ws_1", "evt_typo", "after-the-typo")
        yield* publish("ws_1", "evt_header", "after-kill-too")
        yield* publish("ws_1", "evt_last")
        yield* until("six records", recorded, (count) => count === 6)
        yield* eventually("the two new ones", () => endpoint.seen.has("evt_last") && endpoint.seen.has("evt_typo"))
        const workspaces = endpoint.arrivals.map(({ body, id }) => `${JSON.parse(body.toString()).workspace_id}/${id}`)
        expect(workspaces.sort()).toEqual([
          "ws_1/evt_1",
          "ws_1/evt_header",
          "ws_1/evt_last",
          "ws_1/evt_typo",
          "ws_2/evt_1"
        ])
      }),
    60_000
  )
})
