import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { headers } from "nats"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { type StoredMessage, Streams } from "../../src/broker/Streams.ts"
import { WorkspaceId } from "../../src/model/Id.ts"
import { brokerLayer, eventually } from "../support/broker.ts"
import { product } from "../support/product.ts"
import { natsClient } from "../support/publisher.ts"
import { type Arrival, type Receiver, receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import * as over from "../support/until.ts"
import { addWebhook, publish, records, startWorker, until } from "../support/worker.ts"

interface Told {
  readonly id: string
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

const read = ({ body }: Arrival): Told => JSON.parse(body.toString())
const told = (endpoint: Receiver, type: string) => endpoint.arrivals.map(read).filter(({ event }) => event === type)
const aboutOf = ({ data }: Told) => data["webhook_id"]

/** hookline's own events as EVENTS holds them. */
const notices = Effect.gen(function*() {
  const streams = yield* Streams
  const { lastSequence } = yield* streams.state("EVENTS")
  const found: Array<StoredMessage> = []
  for (const filter of ["ev.*.*.webhook.*", "ev.*.*.delivery.*"]) {
    yield* streams.scan({ stream: "EVENTS", filter, from: 1, to: lastSequence, onMessage: (one) => found.push(one) })
  }
  return found
}).pipe(Effect.orDie)
const noticeCount = Effect.map(notices, ({ length }) => length)

const position = Effect.gen(function*() {
  const found = yield* Effect.flatMap(KeyValue, (store) => store.get("POSITIONS", "notices"))
  if (found._tag === "None") throw new Error("no position")
  const stored = JSON.parse(new TextDecoder().decode(found.value.value)) as {
    readonly epoch: number
    readonly streams: Readonly<Record<string, number>>
  }
  return { ...stored, revision: found.value.revision }
}).pipe(Effect.orDie)

/** The position has reached the ends of the streams: everything is told of. */
const allTold = until(
  "everything to be told",
  Effect.gen(function*() {
    const streams = yield* Streams
    const { streams: at } = yield* position
    for (const [stream, seq] of Object.entries(at)) {
      if ((yield* streams.state(stream)).lastSequence !== seq) return false
    }
    return true
  }).pipe(Effect.orDie)
)

const answering = (status: number) => receiver((response) => void response.writeHead(status).end("no"))

/** One attempt each. */
const oneAttempt = brokerLayer({ masterKeys, retrySchedule: [0] })
const ws = WorkspaceId.make("ws_1")

describe("hookline's own events", () => {
  it.scopedLive(
    "tell of failed deliveries and disabled webhooks: once, to who asked for them, not to the webhook they are about",
    () =>
      Effect.gen(function*() {
        const [star, own, failing, gone] = [
          yield* receiver(),
          yield* receiver(),
          yield* answering(500),
          yield* answering(410)
        ]
        const { webhooks } = yield* startWorker
        yield* addWebhook(webhooks, star.url)
        yield* addWebhook(webhooks, own.url, ["webhook.*", "delivery.*"])
        const bad = yield* addWebhook(webhooks, `${failing.url}?token=secret`, ["*", "delivery.*", "webhook.*"])
        const left = yield* addWebhook(webhooks, gone.url, ["task.*"])
        yield* publish("task.created", "evt_1")
        yield* eventually("the failures and the 410", () => own.arrivals.length === 3)
        yield* webhooks.disable(ws, bad.id, "for a test")
        yield* eventually("the disabling by hand", () => own.arrivals.length === 4)

        const failures = told(own, "delivery.failed")
        expect(new Set(failures.map(aboutOf))).toEqual(new Set([bad.id, left.id]))
        expect(failures.find((one) => aboutOf(one) === bad.id)?.data).toMatchObject({
          url_origin: new URL(failing.url).origin,
          event_id: "evt_1",
          event_type: "task.created",
          attempts: 1,
          fail_reason: "attempts",
          last_status: 500,
          last_error: "the endpoint answered 500"
        })
        expect(JSON.stringify(failures)).not.toContain("secret")
        expect(told(own, "webhook.disabled").map((one) => [aboutOf(one), one.data["reason"]])).toEqual([
          [left.id, "its endpoint answered 410 Gone"],
          [bad.id, "for a test"]
        ])
        yield* allTold
        // To the star nothing of this; to the failing one what is about the other, and nothing about itself.
        yield* eventually("the event at the star", () => star.arrivals.length > 0)
        expect(star.arrivals.map(read).map(({ event }) => event)).toEqual(["task.created"])
        yield* eventually("what is about the other", () => failing.arrivals.length === 3)
        expect(new Set(failing.arrivals.map(read).map(aboutOf))).toEqual(new Set([undefined, left.id]))
        // That these failed too makes none.
        const stored = yield* notices
        expect(stored).toHaveLength(4)
        for (const message of stored) {
          expect(message.header("Hookline-Notice")).toMatch(/^(WEBHOOKS|DELIVERIES-\d)\.\d+$/)
          expect(message.header("Nats-Msg-Id")).toMatch(/^ws_1\/evt_[0-9a-f]{32}$/)
        }
        expect([...own.seen.values()]).toEqual([1, 1, 1, 1])
      }).pipe(Effect.provide(oneAttempt), Effect.orDie),
    30_000
  )

  it.scopedLive(
    "make no further ones, whoever takes them and fails",
    () =>
      Effect.gen(function*() {
        const [one, other] = [yield* answering(500), yield* answering(500)]
        const { webhooks } = yield* startWorker
        for (const { url } of [one, other]) yield* addWebhook(webhooks, url, ["*", "webhook.*", "delivery.*"])
        yield* publish("task.created", "evt_1")
        yield* eventually("the event, and what each is told of the other", () =>
          one.arrivals.length === 2 && other.arrivals.length === 2)
        yield* allTold
        expect(yield* noticeCount).toBe(2)
        yield* over.never("more", () =>
          one.arrivals.length + other.arrivals.length > 4, 1_500)
        yield* allTold
        expect(yield* noticeCount).toBe(2)
      }).pipe(Effect.provide(oneAttempt), Effect.orDie),
    30_000
  )

  it.scopedLive(
    "are not repeated by the next worker, not even by one that reads the same records again; at first they begin now",
    () =>
      Effect.gen(function*() {
        const [own, failing] = [yield* receiver(), yield* answering(500)]
        yield* Effect.scoped(Effect.gen(function*() {
          const { webhooks } = yield* startWorker
          yield* addWebhook(webhooks, own.url, ["delivery.*"])
          yield* addWebhook(webhooks, failing.url)
          for (const id of ["evt_1", "evt_2"]) yield* publish("task.created", id)
          yield* eventually("both", () => own.arrivals.length === 2)
          // Two failures, and the two deliveries of what is told of them: nothing is appended any more.
          yield* until("their records", Effect.map(records, (count) => count === 4))
          yield* allTold
        }))
        const { revision, ...before } = yield* position
        yield* Effect.scoped(Effect.zipRight(startWorker, allTold))
        expect(yield* noticeCount).toBe(2)

        // As a kill leaves it, after the notices and before the position.
        const store = yield* KeyValue
        const rewind = Object.fromEntries(Object.keys(before.streams).map((stream) => [stream, 0]))
        const { revision: latest } = yield* position
        expect(latest).toBeGreaterThan(revision)
        yield* store.write("POSITIONS", "notices", JSON.stringify({ v: 1, epoch: 7, streams: rewind }), latest)
        yield* Effect.scoped(Effect.zipRight(startWorker, allTold))
        expect((yield* position).epoch).toBe(8)
        expect(yield* noticeCount).toBe(2)

        yield* store.remove("POSITIONS", "notices")
        yield* Effect.scoped(startWorker)
        expect((yield* position).streams).toEqual(before.streams)
        expect([...own.seen.values()]).toEqual([1, 1])
      }).pipe(Effect.provide(oneAttempt), Effect.orDie),
    30_000
  )

  it.scopedLive(
    "cannot be forged: without our header they go to quarantine, for good",
    () =>
      Effect.gen(function*() {
        const own = yield* receiver()
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
        yield* over.addWebhook(hookline, { url: own.url, events: ["webhook.*", "delivery.*"] })
        const client = yield* natsClient(hookline.natsUrl())
        const js = client.jetstream()
        const data = { webhook_id: "wh_1", reason: null, disabled_at: "2025-03-23T14:35:21.000Z" }
        for (const type of ["webhook.disabled", "delivery.failed", "webhook.anything"]) {
          yield* Effect.promise(() => js.publish(`events.ws_1.${type}`, JSON.stringify({ data })))
        }
        const entries = yield* over.until(
          "all in quarantine",
          Effect.map(hookline.api("GET", "/v1/quarantine?reason=reserved_type"), ({ body }) =>
            body.data as ReadonlyArray<{ readonly id: string; readonly event_id: string | null }>),
          ({ length }) =>
            length === 3
        )
        for (const { event_id, id } of entries) {
          expect(event_id).toBe(null)
          const { body, status } = yield* hookline.api("POST", `/v1/quarantine/${id}/release`)
          expect([status, body.error.type]).toEqual([422, "reserved_type"])
        }
        const { body, status } = yield* hookline.api("POST", "/v1/events", { event: "webhook.disabled", data })
        expect([status, body.error.type, body.error.field]).toEqual([422, "reserved_type", "event"])
        // The header is what makes one of ours: only hookline's own user may set it, once permissions say so.
        const ours = headers()
        ours.set("Hookline-Notice", "by hand")
        yield* Effect.promise(() =>
          js.publish("events.ws_1.webhook.disabled", JSON.stringify({ id: "evt_ours", data }), { headers: ours })
        )
        yield* eventually("it", () => own.seen.get("evt_ours") === 1)
        expect(own.arrivals).toHaveLength(1)
      }),
    60_000
  )

  it.scopedLive(
    "come once though hookline is killed with -9 between the record and the notice",
    () =>
      Effect.gen(function*() {
        const own = yield* receiver()
        let answer: (() => void) | undefined
        const failing = yield* receiver((response, { id }) => {
          if (id === "evt_slow") answer = () => void response.writeHead(500).end()
          else response.end()
        })
        const settings = { HOOKLINE_SYNC: "2m", HOOKLINE_RETRY_SCHEDULE: "0s" }
        const full = yield* product({ env: { ...settings, HOOKLINE_EVENTS_MAX_BYTES: "64K" } })
        yield* over.addWebhook(full, { url: own.url, events: ["delivery.*"] })
        const { id: webhookId } = yield* over.addWebhook(full, { url: failing.url })
        yield* over.publish(full, "evt_slow")
        yield* eventually("the request", () => answer !== undefined)
        // EVENTS is full before the endpoint answers: there is room for the record, and none for the notice.
        const fill: Effect.Effect<void> = Effect.gen(function*() {
          const { body, status } = yield* full.api("POST", "/v1/events", { event: "task.created", data: {} })
          if (status === 202) return yield* fill
          expect(body.error.type).toBe("stream_full")
        })
        yield* fill
        answer?.()
        yield* over.until(
          "the record",
          full.api("GET", `/v1/deliveries?webhook_id=${webhookId}&event_id=evt_slow`),
          ({ body }) => body?.data?.[0]?.status === "failed"
        )
        yield* eventually("the notice to wait", () => /delivery\.failed evt_\w+ waits/.test(full.output()))
        yield* full.kill
        yield* product({ data: full.data, env: settings })
        yield* eventually("the notice", () => own.arrivals.length === 1)
        const [notice] = told(own, "delivery.failed")
        expect(notice?.data).toMatchObject({ webhook_id: webhookId, event_id: "evt_slow", last_status: 500 })
        yield* over.never("a second one", () => own.arrivals.length > 1, 1_500)
      }),
    120_000
  )
})
