import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { headers } from "nats"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundled } from "../../src/model/Catalogue.ts"
import type { RejectionReason } from "../../src/model/Rejection.ts"
import { eventually } from "../support/broker.ts"
import { type Product, product } from "../support/product.ts"
import { natsClient } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, never, until, untilDelivery } from "../support/until.ts"

interface Bad {
  readonly name: string
  readonly reason: RejectionReason
  readonly body: string | Uint8Array
  /** Behind `events.`. */
  readonly subject?: string
  /** Where it is shown. */
  readonly workspace?: string
  readonly messageId?: string
}

const deep = `{"data":${"{\"a\":".repeat(64)}1${"}".repeat(64)}}`
const good = "{\"data\":{}}"

const bad: ReadonlyArray<Bad> = [
  { name: "no JSON", reason: "not_json", body: "project was created" },
  { name: "nothing", reason: "not_json", body: "" },
  { name: "JSON that is cut off", reason: "not_json", body: "{\"data\":{\"a\":1}" },
  { name: "something behind the JSON", reason: "not_json", body: "{\"data\":{}}{}" },
  { name: "a list", reason: "not_object", body: "[{\"data\":{}}]" },
  { name: "no data", reason: "data_not_object", body: "{\"id\":\"evt_1\"}" },
  { name: "data is a list", reason: "data_not_object", body: "{\"data\":[]}" },
  { name: "data is null", reason: "data_not_object", body: "{\"data\":null}" },
  { name: "an unknown type", reason: "unknown_type", body: good, subject: "ws_1.project.exploded" },
  { name: "another workspace", reason: "workspace_mismatch", body: "{\"workspace_id\":\"ws_2\",\"data\":{}}" },
  { name: "another type", reason: "event_mismatch", body: "{\"event\":\"task.deleted\",\"data\":{}}" },
  { name: "an unknown key", reason: "unknown_key", body: "{\"data\":{},\"extra\":1}" },
  { name: "a repeated key", reason: "repeated_key", body: "{\"data\":{},\"d\\u0061ta\":{}}" },
  { name: "a bad timestamp", reason: "bad_timestamp", body: "{\"timestamp\":\"yesterday\",\"data\":{}}" },
  { name: "a bad id", reason: "bad_id", body: "{\"id\":\"a b\",\"data\":{}}" },
  { name: "a bad id in the header", reason: "bad_id", body: good, messageId: "ws_1/a.b" },
  { name: "a byte order mark", reason: "bom", body: `\ufeff${good}` },
  { name: "no UTF-8", reason: "invalid_utf8", body: Buffer.from("7b2264617461223a7b2261223a22ff227d7d", "hex") },
  { name: "65 levels", reason: "too_deep", body: deep },
  { name: "over 512 KiB", reason: "too_large", body: `{"data":{"a":"${"x".repeat(512 * 1024)}"}}` },
  { name: "one token", reason: "bad_subject", body: good, subject: "a", workspace: "a" },
  { name: "two tokens", reason: "bad_subject", body: good, subject: "a.b", workspace: "a" },
  { name: "four tokens", reason: "bad_subject", body: good, subject: "a.b.c.d", workspace: "a" },
  { name: "many tokens", reason: "bad_subject", body: good, subject: `a.${"b.".repeat(20)}c`, workspace: "a" },
  { name: "no workspace's name", reason: "bad_subject", body: good, subject: "w!.task.created", workspace: "_" },
  {
    name: "a long workspace",
    reason: "bad_subject",
    body: good,
    subject: `${"w".repeat(65)}.task.created`,
    workspace: "_"
  },
  { name: "an unusable entity", reason: "bad_subject", body: good, subject: "ws_1.täsk.created" },
  { name: "a wildcard", reason: "bad_subject", body: good, subject: "ws_1.task.>" },
  { name: "wildcards only", reason: "bad_subject", body: good, subject: "*.*.*", workspace: "_" },
  { name: "an unusable action", reason: "bad_subject", body: good, subject: "ws_1.task.$created" },
  {
    name: "bytes of no use on a subject of no use",
    reason: "bad_subject",
    body: Buffer.from([0, 255, 10, 13]),
    subject: "a",
    workspace: "a"
  }
]

interface Entry {
  readonly id: string
  readonly reason: string
  readonly message: string
  readonly subject: string
  readonly event_id: string | null
  readonly published_at: string
  readonly size: number
  readonly encoding: BufferEncoding
  readonly raw: string
  readonly released: boolean
}

const listed = (hookline: Product, workspace: string, reason: string): Effect.Effect<ReadonlyArray<Entry>> =>
  Effect.map(
    hookline.api("GET", `/v1/quarantine?reason=${reason}`, undefined, workspace),
    ({ body }) => body.data as ReadonlyArray<Entry>
  )

describe("input that cannot be an event", () => {
  it.scopedLive(
    "goes to quarantine byte for byte with its reason, and the next event is processed at once",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver(undefined)
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
        yield* addWebhook(hookline, { url: endpoint.url })
        const client = yield* natsClient(hookline.natsUrl())
        const js = client.jetstream()
        for (
          const [index, { body, messageId, name, reason, subject = "ws_1.task.created", workspace = "ws_1" }] of bad
            .entries()
        ) {
          const options = headers()
          if (messageId !== undefined) options.set("Nats-Msg-Id", messageId)
          yield* Effect.promise(() => js.publish(`events.${subject}`, body, { headers: options }))
          const next = `{"id":"evt_after_${index}","data":{}}`
          yield* Effect.promise(() => js.publish("events.ws_1.task.created", next))
          yield* eventually(`the event after ${name}`, () => endpoint.seen.get(`evt_after_${index}`) === 1, 5_000)
          const bytes = Buffer.from(body)
          const [entry] = yield* until(
            `${name} in quarantine`,
            listed(hookline, workspace, reason),
            (entries) => entries[0] !== undefined && Buffer.from(entries[0].raw, entries[0].encoding).equals(bytes)
          )
          expect(entry, name).toMatchObject({ reason, size: bytes.length, released: false })
          // What a subject of ours cannot hold is shown escaped.
          if (/^[\w.]+$/.test(subject)) expect(entry?.subject, name).toBe(`events.${subject}`)
          expect(entry?.message.length, name).toBeGreaterThan(10)
        }
        // Beyond what the stream, or the server, takes: the acknowledgement that is awaited says so, and nothing is stored.
        for (const size of [1_100_000, 2_500_000]) {
          const refused = Effect.tryPromise(() => js.publish("events.ws_1.task.created", "x".repeat(size)))
          expect(String((yield* Effect.flip(refused)).error)).toMatch(/max/i)
        }
        expect(yield* listed(hookline, "ws_1", "too_large")).toHaveLength(1)
        expect(endpoint.seen.size, "nothing else was delivered").toBe(bad.length)
      }),
    60_000
  )

  it.scopedLive(
    "is there once, though hookline is killed with -9 while it comes in",
    () =>
      Effect.gen(function*() {
        const count = 300
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
        const client = yield* natsClient(hookline.natsUrl())
        const js = client.jetstream()
        const jsm = yield* Effect.promise(() => client.jetstreamManager())
        const publish = (n: number) =>
          Effect.tryPromise(() =>
            js.publish(n % 2 === 0 ? "events.ws_1.task.created" : "events.a.b", `bad ${n}`, { msgID: `m${n}` })
          )
            .pipe(Effect.retry({ times: 200 }), Effect.orDie)
        const stored = Effect.promise(() => jsm.streams.info("QUARANTINE")).pipe(
          Effect.map(({ state }) => state.messages)
        )
        yield* Effect.forEach(Array.from({ length: count / 2 }, (_, n) => n), publish, {
          concurrency: 10,
          discard: true
        })
        yield* hookline.kill
        yield* hookline.start
        yield* Effect.forEach(Array.from({ length: count / 2 }, (_, n) => n + count / 2), publish, {
          concurrency: 10,
          discard: true
        })
        yield* until("all of it", stored, (messages) => messages >= count)
        const bodies = new Set<string>()
        for (let sequence = 1; sequence <= count; sequence++) {
          const message = yield* Effect.promise(() => jsm.streams.getMessage("QUARANTINE", { seq: sequence }))
          bodies.add(message.string())
        }
        expect(bodies.size).toBe(count)
        expect(yield* stored).toBe(count)
      }),
    60_000
  )

  it.scopedLive(
    "is released once its cause is mended, with the id and the time that it had, and delivered once",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver()
        const hookline = yield* product({ env: { HOOKLINE_SYNC: "2m" } })
        const catalogue = join(hookline.data, "catalogue.json")
        writeFileSync(
          catalogue,
          JSON.stringify({
            types: [
              ...Array.from(bundled.types.values()).filter(({ reserved }) => reserved !== true),
              {
                type: "robot.built",
                description: "A robot was built",
                example: { name: "R" },
                schema: { type: "object", required: ["name"] }
              }
            ]
          })
        )
        const webhook = yield* addWebhook(hookline, { url: endpoint.url })
        const client = yield* natsClient(hookline.natsUrl())
        const js = client.jetstream()
        const [named, made, schemaless] = [
          `{"id":"evt_robot", "data":{"name" : 1.0}}`,
          `{"data":{"name":"a","name":"b"}}`,
          `{"data":{"nom":"x"}}`
        ]
        for (const body of [named, made, schemaless]) {
          yield* Effect.promise(() => js.publish("events.ws_1.robot.built", body))
        }
        const before = yield* until("three entries", listed(hookline, "ws_1", "unknown_type"), ({ length }) =>
          length === 3)
        hookline.signal("SIGTERM")
        yield* hookline.ended
        const mended = yield* product({
          data: hookline.data,
          env: { HOOKLINE_SYNC: "2m", HOOKLINE_CATALOGUE: catalogue }
        })
        const release = ({ id }: Entry) =>
          mended.api("POST", `/v1/quarantine/${id}/release`)
        const entry = (raw: string) =>
          before.find((one) => one.raw === raw)!
        const refused = yield* release(entry(schemaless))
        expect([refused.status, refused.body.error.type]).toEqual([422, "schema"])
        for (const raw of [named, made]) {
          expect((yield* release(entry(raw))).status).toBe(202)
          expect((yield* release(entry(raw))).status).toBe(409)
        }
        // Recorded, not only received: what is not recorded when it is killed is sent again.
        for (const raw of [named, made]) {
          yield* untilDelivery(mended, webhook.id, entry(raw).event_id!, "succeeded")
        }
        for (const [raw, data] of [[named, `{"name" : 1.0}`], [made, `{"name":"a","name":"b"}`]] as const) {
          const { event_id, published_at } = entry(raw)
          const arrival = endpoint.arrivals.find(({ id }) => id === event_id)
          const timestamp = `${published_at.slice(0, 19)}Z`
          expect(arrival?.body.toString()).toBe(
            `{"id":"${event_id}","event":"robot.built","timestamp":"${timestamp}","workspace_id":"ws_1","data":${data}}`
          )
        }
        expect(entry(named).event_id).toBe("evt_robot")
        yield* mended.kill
        yield* mended.start
        const after = yield* listed(mended, "ws_1", "unknown_type")
        expect(after.map(({ raw, released }) => [raw, released])).toEqual([
          [schemaless, false],
          [made, true],
          [named, true]
        ])
        yield* never("a second delivery", () => endpoint.arrivals.length > 2, 500)
      }),
    60_000
  )
})
