import { expect, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { apiLayer, ask, type Json } from "../support/api.ts"

interface Entry {
  readonly workspace?: string
  readonly reason?: string
  readonly subject?: string
  readonly data: Uint8Array | string
  readonly eventId?: string
}

const publishedAt = Date.UTC(2025, 2, 23, 14, 35, 21)
const good = "{ \"event\":\"project.created\", \"data\":{\"n\":1.0} }"

/** As the worker puts what is no event into quarantine; its id. */
const quarantine = (
  { data, eventId, reason = "unknown_type", subject = "events.ws_1.project.created", workspace = "ws_1" }: Entry
) =>
  Effect.gen(function*() {
    const log = yield* AppendLog
    const { sequence } = yield* log.append({
      subject: `quarantine.${workspace}.${reason}`,
      data,
      headers: {
        "Hookline-Reason": reason,
        "Hookline-Message": "why it is no event",
        "Hookline-Subject": subject,
        "Hookline-Sequence": "7",
        "Hookline-Time": new Date(publishedAt).toISOString(),
        ...(eventId === undefined ? {} : { "Hookline-Event-Id": eventId })
      }
    })
    return `qrn_${sequence}`
  })

const list = (query = "", workspace = "ws_1") => ask("GET", `/v1/quarantine${query}`, { workspace })
const release = (id: string, workspace = "ws_1") => ask("POST", `/v1/quarantine/${id}/release`, { workspace })
const show = (id: string, workspace = "ws_1") => ask("GET", `/v1/quarantine/${id}`, { workspace })
const releaseAll = (body: object | string, workspace = "ws_1") =>
  ask("POST", "/v1/quarantine/release", { body, workspace })
const ids = (json: Json) => (json.data as unknown as ReadonlyArray<{ id: string }>).map(({ id }) => id)
const lastEvent = Effect.flatMap(
  Streams,
  (streams) => Effect.flatMap(streams.state("EVENTS"), ({ lastSequence }) => streams.message("EVENTS", lastSequence))
)
const lastSequence = Effect.flatMap(
  Streams,
  (streams) => Effect.map(streams.state("EVENTS"), (state) => state.lastSequence)
)

layer(apiLayer(), { excludeTestServices: true })("quarantine over HTTP", (it) => {
  it.effect("entries are shown as they came, newest first, to their workspace", () =>
    Effect.gen(function*() {
      const text = yield* quarantine({
        workspace: "ws_show",
        data: "{\u0001 no JSON ü",
        reason: "not_json",
        eventId: "evt_1"
      })
      const binary = yield* quarantine({
        workspace: "ws_show",
        data: new Uint8Array([0xff, 0, 0x7b]),
        reason: "invalid_utf8"
      })
      const { json, status } = yield* list("", "ws_show")
      expect(status).toBe(200)
      expect(json).toEqual({
        data: [
          expect.objectContaining({ id: binary, encoding: "base64", raw: "/wB7", size: 3, event_id: null }),
          {
            id: text,
            reason: "not_json",
            message: "why it is no event",
            subject: "events.ws_1.project.created",
            event_id: "evt_1",
            published_at: "2025-03-23T14:35:21.000Z",
            quarantined_at: expect.stringMatching(/^\d{4}-.*Z$/),
            size: 13,
            encoding: "utf8",
            raw: "{\u0001 no JSON ü",
            released: false
          }
        ],
        next: null
      })
      expect((yield* list("", "ws_nobody")).json).toEqual({ data: [], next: null })
      expect(ids((yield* list("?reason=not_json", "ws_show")).json)).toEqual([text])
    }))

  it.effect("pages go back to the oldest, each entry once", () =>
    Effect.gen(function*() {
      const made: Array<string> = []
      for (let index = 0; index < 230; index++) {
        made.push(yield* quarantine({ workspace: "ws_pages", data: `${index}` }))
        if (index % 3 === 0) yield* quarantine({ workspace: "ws_noise", data: "x" })
      }
      const seen: Array<string> = []
      const sizes: Array<number> = []
      let next: string | null = ""
      for (let page = 0; next !== null && page < 50; page++) {
        const { json, status }: { json: Json; status: number } = yield* list(
          `?limit=100${next === "" ? "" : `&cursor=${next}`}`,
          "ws_pages"
        )
        expect(status).toBe(200)
        seen.push(...ids(json))
        sizes.push(ids(json).length)
        next = json.next as unknown as string | null
      }
      expect(seen).toEqual(made.toReversed())
      expect(sizes.slice(0, 3)).toEqual([100, 100, 30])
    }), 30_000)

  it.effect("a page of large entries ends early and goes on", () =>
    Effect.gen(function*() {
      const made = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, index) => index),
        (index) => quarantine({ workspace: "ws_large", data: `${index} ${"x".repeat(900_000)}` })
      )
      const first = yield* list("", "ws_large")
      expect(first.text.length).toBeLessThan(6 * 1024 ** 2)
      const seen = ids(first.json)
      expect(seen.length).toBeGreaterThan(0)
      let next = first.json.next as unknown as string | null
      while (next !== null && seen.length < 20) {
        const { json } = yield* list(`?cursor=${next}`, "ws_large")
        seen.push(...ids(json))
        next = json.next as unknown as string | null
      }
      expect(seen).toEqual(made.toReversed())
    }), 30_000)

  it.effect("bad queries are refused with their field", () =>
    Effect.gen(function*() {
      for (
        const [query, field] of [
          ["?limit=0", "limit"],
          ["?limit=101", "limit"],
          ["?limit=x", "limit"],
          ["?limit=1.5", "limit"],
          ["?cursor=nothing", "cursor"],
          ["?cursor=qrn_0", "cursor"],
          ["?reason=*", "reason"],
          ["?reason=a.b", "reason"],
          ["?reason=%0d%0aSUB", "reason"]
        ] as const
      ) {
        const { json, status } = yield* list(query)
        expect([query, status, json.error?.field]).toEqual([query, 422, field])
      }
    }))

  it.effect("what is mended is released once, byte for byte, with its id and time", () =>
    Effect.gen(function*() {
      const id = yield* quarantine({ data: good, eventId: "evt_kept" })
      const before = yield* lastSequence
      const answer = yield* release(id)
      expect([answer.status, answer.json]).toEqual([202, { id: "evt_kept" }])
      const event = Option.getOrThrow(yield* lastEvent)
      expect(Buffer.from(event.data).toString()).toBe(good)
      expect(event.subject).toMatch(/^ev\.\d+\.ws_1\.project\.created$/)
      expect(event.header("Hookline-Event-Id")).toBe("evt_kept")
      expect(event.header("Hookline-Event-Time")).toBe("2025-03-23T14:35:21Z")
      expect(event.header("Hookline-Released")).toBe(id)
      const again = yield* release(id)
      expect([again.status, again.json.error?.type]).toEqual([409, "already_released"])
      expect(yield* lastSequence).toBe(before + 1)
      const { json } = yield* list()
      const data = json.data as unknown as ReadonlyArray<{ id: string; released: boolean }>
      expect(data.find((entry) => entry.id === id)?.released).toBe(true)
      expect(data.some(({ id }) => id === `qrn_${Number(id.slice(4)) + 1}`)).toBe(false)
    }))

  it.effect("an event whose first publication is still in the broker's window is released all the same", () =>
    Effect.gen(function*() {
      const log = yield* AppendLog
      yield* log.append({ subject: "events.ws_1.project.created", data: "bad", messageId: "ws_1/evt_window" })
      const before = yield* lastSequence
      const id = yield* quarantine({ data: good, eventId: "evt_window" })
      expect((yield* release(id)).status).toBe(202)
      expect(yield* lastSequence).toBe(before + 1)
    }))

  it.effect("of many releases at once one wins, and one event is stored", () =>
    Effect.gen(function*() {
      const id = yield* quarantine({ data: good, eventId: "evt_race" })
      const before = yield* lastSequence
      const answers = yield* Effect.all(Array.from({ length: 8 }, () => release(id)), { concurrency: "unbounded" })
      expect(answers.map(({ status }) => status).sort()).toEqual([202, ...Array.from({ length: 7 }, () => 409)])
      expect(yield* lastSequence).toBe(before + 1)
    }))

  it.effect("what is still bad stays, with the reason", () =>
    Effect.gen(function*() {
      const before = yield* lastSequence
      const cases: ReadonlyArray<readonly [Entry, string, string | undefined]> = [
        [{ data: "no JSON", reason: "not_json" }, "not_json", undefined],
        [{ data: "{\"data\":[]}" }, "data_not_object", "data"],
        [{ data: "{\"data\":{}}", subject: "events.ws_1.project.exploded" }, "unknown_type", "event"],
        [{ data: "{\"data\":{},\"workspace_id\":\"ws_2\"}" }, "workspace_mismatch", "workspace_id"],
        [{ data: good, subject: "events.ws_1.a.b.c" }, "bad_subject", undefined],
        [{ data: good, subject: "events.ws_2.project.created" }, "bad_subject", undefined],
        [{ data: good, subject: "" }, "bad_subject", undefined]
      ]
      for (const [entry, type, field] of cases) {
        const { json, status } = yield* release(yield* quarantine(entry))
        expect([entry.data, status, json.error?.type, json.error?.field]).toEqual([entry.data, 422, type, field])
      }
      expect(yield* lastSequence).toBe(before)
    }))

  it.effect("what names no workspace is shown under _, and never released", () =>
    Effect.gen(function*() {
      const id = yield* quarantine({ workspace: "_", reason: "bad_subject", subject: "events.a", data: good })
      expect(ids((yield* list("", "_")).json)).toEqual([id])
      const { json, status } = yield* release(id, "_")
      expect([status, json.error?.type]).toEqual([422, "bad_subject"])
    }))

  it.effect("there is no such entry: another workspace's, a marker, a wrong id", () =>
    Effect.gen(function*() {
      const id = yield* quarantine({ data: good })
      expect((yield* release(id, "ws_2")).status).toBe(404)
      expect((yield* release(id)).status).toBe(202)
      const marker = `qrn_${Number(id.slice(4)) + 1}`
      for (
        const other of [
          marker,
          "qrn_99999999",
          "qrn_0",
          "qrn_",
          "qrn_1x",
          "5",
          "%0a",
          "qrn_-1",
          `qrn_${"9".repeat(30)}`
        ]
      ) {
        expect([other, (yield* release(other)).status]).toEqual([other, 404])
      }
    }))

  it.effect("one entry is shown as the list shows it, with its whole input, to its workspace", () =>
    Effect.gen(function*() {
      const workspace = "ws_one"
      const id = yield* quarantine({ workspace, data: `{"x":"${"y".repeat(700_000)}"}`, subject: "events.ws_one.a.b" })
      const shown = yield* show(id, workspace)
      expect(shown.status).toBe(200)
      expect([shown.json]).toEqual((yield* list("", workspace)).json.data)
      expect(String(shown.json.raw)).toHaveLength(700_008)
      expect((yield* show(id, "ws_2")).status).toBe(404)
      const [other] = [yield* quarantine({ workspace, data: good, subject: "events.ws_one.project.created" })]
      expect((yield* release(other, workspace)).status).toBe(202)
      expect((yield* show(other, workspace)).json.released).toBe(true)
      for (const wrong of [`qrn_${Number(other.slice(4)) + 1}`, "qrn_99999999", "release", "qrn_0"]) {
        expect([wrong, (yield* show(wrong, workspace)).status]).toEqual([wrong, 404])
      }
      expect((yield* show(yield* quarantine({ workspace: "_", data: "x" }), "_")).status).toBe(200)
    }))

  it.effect(
    "all of a reason are released part by part, the oldest first; what is still bad stays",
    () =>
      Effect.gen(function*() {
        const workspace = "ws_bulk"
        const subject = "events.ws_bulk.project.created"
        for (let index = 0; index < 45; index++) {
          const bad = index % 9 === 0
          yield* quarantine({ workspace, subject, data: bad ? "{\"data\":[]}" : good, eventId: `evt_bulk_${index}` })
          yield* quarantine({ workspace, subject, data: good, reason: "schema" })
          yield* quarantine({ workspace: "ws_other", subject: "events.ws_other.project.created", data: good })
        }
        const before = yield* lastSequence
        const seen: Array<string> = []
        let cursor: string | null = null
        const parts: Array<number> = []
        do {
          const { json, status }: { json: Json; status: number } = yield* releaseAll(
            { reason: "unknown_type", limit: 20, ...(cursor === null ? {} : { cursor }) },
            workspace
          )
          expect(status).toBe(200)
          const released = json.released as unknown as ReadonlyArray<string>
          seen.push(...released)
          parts.push(released.length + Number(json.still_rejected))
          expect(json.already_released).toBe(0)
          cursor = json.next as unknown as string | null
        } while (cursor !== null)
        expect(parts).toEqual([20, 20, 5])
        expect(seen).toEqual(
          Array.from({ length: 45 }, (_, index) => index).filter((index) => index % 9 !== 0).map((index) =>
            `evt_bulk_${index}`
          )
        )
        expect(yield* lastSequence).toBe(before + 40)
        // Nothing of another reason or workspace, and again nothing at all.
        const again = yield* releaseAll({ reason: "unknown_type", limit: 1000 }, workspace)
        expect(again.json).toEqual({ released: [], still_rejected: 5, already_released: 40, next: null })
        expect((yield* releaseAll({ reason: "bom" }, workspace)).json).toMatchObject({ released: [], next: null })
        expect(yield* lastSequence).toBe(before + 40)
        const left = yield* list("?reason=schema", workspace)
        expect((left.json.data as unknown as ReadonlyArray<{ released: boolean }>).some(({ released }) => released))
          .toBe(false)
      }),
    30_000
  )

  it.effect("two who release the same reason at once publish each event once", () =>
    Effect.gen(function*() {
      const workspace = "ws_both"
      for (let index = 0; index < 40; index++) {
        yield* quarantine({
          workspace,
          subject: "events.ws_both.project.created",
          data: good,
          eventId: `evt_both_${index}`
        })
      }
      const before = yield* lastSequence
      const answers = yield* Effect.forEach(
        [1, 2, 3],
        () => releaseAll({ reason: "unknown_type" }, workspace),
        { concurrency: "unbounded" }
      )
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
      const released = answers.flatMap(({ json }) => json.released as unknown as ReadonlyArray<string>)
      expect(released.sort()).toEqual(Array.from({ length: 40 }, (_, index) => `evt_both_${index}`).sort())
      expect(yield* lastSequence).toBe(before + 40)
    }), 30_000)

  it.effect("what names no workspace stays, also when its reason is released", () =>
    Effect.gen(function*() {
      yield* quarantine({ workspace: "_", reason: "bad_subject", subject: "events.b", data: good })
      const { json, status } = yield* releaseAll({ reason: "bad_subject" }, "_")
      expect(status).toBe(200)
      expect(json).toMatchObject({ released: [], already_released: 0, next: null })
      expect(Number(json.still_rejected)).toBeGreaterThan(0)
    }))

  it.effect("a bulk release that says too little or too much is refused with its field", () =>
    Effect.gen(function*() {
      for (
        const [body, status, field] of [
          [{}, 422, "reason"],
          [{ reason: "nonsense" }, 422, "reason"],
          [{ reason: "released-1" }, 422, "reason"],
          [{ reason: "schema", limit: 0 }, 422, "limit"],
          [{ reason: "schema", limit: 1001 }, 422, "limit"],
          [{ reason: "schema", cursor: "x" }, 422, "cursor"],
          [{ reason: "schema", all: true }, 422, "all"],
          ["", 400, undefined],
          ["[", 400, undefined]
        ] as const
      ) {
        const answer = yield* releaseAll(body)
        expect([body, answer.status, answer.json.error?.field]).toEqual([body, status, field])
      }
    }))
})
