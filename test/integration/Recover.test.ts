import { describe, expect, it } from "@effect/vitest"
import { Effect, Runtime } from "effect"
import { isDeepStrictEqual, stripVTControlCharacters } from "node:util"
import { eventually, TestBroker } from "../support/broker.ts"
import { externalProduct } from "../support/external.ts"
import { type Product, product } from "../support/product.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { type } from "../support/shell.ts"
import { addWebhook, atRest, deliveries, publish, until, untilDelivery } from "../support/until.ts"

/** How many failed deliveries are recovered across a kill -9: about 45 s with 10,000. */
const many = Number(process.env["RECOVERED"] ?? 10_000)

/** One attempt and no more: what fails has failed. */
const once = { HOOKLINE_RETRY_SCHEDULE: "0s" }

/** An endpoint whose status can be set. */
const endpointWith = (first: number) => {
  let status = first
  return Effect.map(receiver((response) => response.writeHead(status).end(), { keepArrivals: false }), (endpoint) => ({
    ...endpoint,
    answer: (next: number) => {
      status = next
    },
    total: () => Array.from(endpoint.seen.values()).reduce((sum, count) => sum + count, 0)
  }))
}

/** Without a count while the history is not there yet. */
const preview = (hookline: Product, id: string, body: object = {}) =>
  Effect.map(
    hookline.api("POST", `/v1/webhooks/${id}/recover`, { ...body, dry_run: true }),
    ({ body }) => body as { readonly count?: number; readonly first: ReadonlyArray<string> }
  )

const untilCount = (hookline: Product, id: string, count: number, body: object = {}, limit = 120_000) =>
  until(`${count} to recover`, preview(hookline, id, body), (found) => found.count === count, limit)

const recover = (hookline: Product, id: string, body: object = {}) =>
  Effect.map(hookline.api("POST", `/v1/webhooks/${id}/recover`, body), (answer) => {
    expect([answer.status, answer.body.error]).toEqual([202, null])
    expect(answer.headers.get("location")).toBe(`/v1/jobs/${answer.body.id}`)
    return answer.body as { readonly id: string; readonly total: number }
  })

const jobOf = (hookline: Product, id: string) => Effect.map(hookline.api("GET", `/v1/jobs/${id}`), ({ body }) => body)

const untilEnded = (hookline: Product, id: string, limit?: number) =>
  until(`the end of ${id}`, jobOf(hookline, id), ({ state }) => state !== "running", limit)

/** `count` deliveries that have failed. */
const failed = (hookline: Product, url: string, count: number) =>
  Effect.gen(function*() {
    const { id } = yield* addWebhook(hookline, { url })
    const client = yield* natsClient(hookline.natsUrl())
    yield* publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_", count })
    yield* untilCount(hookline, id, count)
    return id
  })

describe("a recovery", () => {
  it.scopedLive(
    `of ${many} failed deliveries, its process killed half-way: started again, it ends with each delivered`,
    () =>
      Effect.gen(function*() {
        const endpoint = yield* endpointWith(500)
        const hookline = yield* product({ env: once })
        const webhook = yield* failed(hookline, endpoint.url, many)
        expect((yield* preview(hookline, webhook)).first).toHaveLength(10)
        endpoint.answer(200)
        const { id, total } = yield* recover(hookline, webhook, { rate: 1_000 })
        expect(total).toBe(many)
        yield* until("a half", jobOf(hookline, id), ({ settled }) => settled > many / 2)
        const before = endpoint.total()
        yield* hookline.kill
        expect(before).toBeLessThan(2 * many)
        yield* hookline.start
        const job = yield* untilEnded(hookline, id, 60_000)
        expect(job).toMatchObject({ state: "done", total: many, settled: many, error: null })
        yield* untilCount(hookline, webhook, 0)
        yield* untilCount(hookline, webhook, many, { only: "all" })
        yield* eventually("each again", () => Array.from(endpoint.seen.values()).every((count) => count > 1))
        expect(endpoint.seen.size).toBe(many)
        // Sent before the kill and not recorded: what was in flight.
        expect(endpoint.total() - 2 * many).toBeLessThanOrEqual(16)
      }),
    30_000 + many * 20
  )

  it.scopedLive(
    "keeps its rate, goes on after an orderly restart, and ends within a second when it is cancelled",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* endpointWith(500)
        const hookline = yield* product({ env: once })
        const webhook = yield* failed(hookline, endpoint.url, 400)
        endpoint.answer(200)
        const began = performance.now()
        const { id } = yield* recover(hookline, webhook, { rate: 100 })
        yield* until("a part", jobOf(hookline, id), ({ settled }) => settled >= 80)
        // What 100 a second allow for this time, and what a late timer may catch up.
        expect(endpoint.total() - 400).toBeLessThanOrEqual((performance.now() - began) / 10 + 11)
        hookline.signal("SIGTERM")
        expect(yield* hookline.ended).toBe(0)
        yield* hookline.start
        yield* until("more", jobOf(hookline, id), ({ settled }) => settled >= 160)
        expect((performance.now() - began) / 10).toBeGreaterThan(150)

        const cancelled = (yield* hookline.api("POST", `/v1/jobs/${id}/cancel`)).body
        expect(cancelled).toMatchObject({ state: "cancelled", finished_at: expect.any(String) })
        const at = endpoint.total()
        // What was asked for before the cancel is still sent, and counted: what a second allows, and no more.
        const sent = yield* atRest("what is sent", endpoint.total, 1_500)
        expect(sent - at).toBeLessThanOrEqual(100)
        // What was asked for when the process ended, and not answered in time, is in no count.
        yield* until(
          "the counts, and that they are those of a second cancel",
          Effect.zip(jobOf(hookline, id), hookline.api("POST", `/v1/jobs/${id}/cancel`)),
          ([job, again]) => job.settled >= sent - 400 - 2 && isDeepStrictEqual(again.body, job)
        )
        expect(Math.max(...endpoint.seen.values())).toBe(2)
        yield* untilCount(hookline, webhook, 800 - endpoint.total())
      }),
    60_000
  )

  it.scopedLive(
    "of what was suppressed, of all in a time, and of a webhook that is disabled meanwhile",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* endpointWith(200)
        const hookline = yield* product({ env: once })
        const { id: webhook } = yield* addWebhook(hookline, { url: endpoint.url })
        yield* publish(hookline, "evt_before")
        yield* untilDelivery(hookline, webhook, "evt_before", "succeeded")
        const disabled = yield* hookline.api("POST", `/v1/webhooks/${webhook}/disable`, {})
        expect(disabled.body).toMatchObject({ state: "disabled", held: 0, suppressed: 0 })
        const five = [1, 2, 3, 4, 5].map((n) => `evt_${n}`)
        yield* Effect.forEach(five, (event) => publish(hookline, event))
        /** The history knows the last attempt of each: what it has of the time before says that they have ended, too. */
        const untilAttempts = (attempts: number) =>
          until(
            `${attempts} attempts of each`,
            deliveries(hookline, webhook),
            (all) =>
              five.every((event) => {
                const one = all.get(event)
                return one?.attempts === attempts && one.status === "succeeded"
              })
          )
        yield* untilCount(hookline, webhook, 5, { only: "suppressed" })
        const refused = yield* hookline.api("POST", `/v1/webhooks/${webhook}/recover`, { only: "suppressed" })
        expect([refused.status, refused.body.error.type]).toEqual([409, "webhook_disabled"])
        const enabled = yield* hookline.api("POST", `/v1/webhooks/${webhook}/enable`)
        expect(enabled.body).toMatchObject({ state: "enabled", suppressed: 5 })
        expect((yield* preview(hookline, webhook)).count).toBe(0)

        const first = yield* recover(hookline, webhook, { only: "suppressed" })
        expect(yield* untilEnded(hookline, first.id)).toMatchObject({ state: "done", total: 5, accepted: 5 })
        yield* eventually("all five", () => endpoint.seen.size === 6)
        yield* untilAttempts(1)

        const list = (yield* hookline.api("GET", `/v1/deliveries?webhook_id=${webhook}`)).body.data
        const from = list.find((one: { event_id: string }) => one.event_id === "evt_1").published_at
        const second = yield* recover(hookline, webhook, { only: "all", from })
        expect(yield* untilEnded(hookline, second.id)).toMatchObject({ state: "done", total: 5, accepted: 5, from })
        yield* eventually("all five again", () => endpoint.total() === 11)
        expect(endpoint.seen.get("evt_before")).toBe(1)

        yield* untilAttempts(2)
        const shell = { env: { HOOKLINE_DATA: hookline.data, HOOKLINE_WORKSPACE: "ws_1" } }
        const command = ["webhooks", "recover", webhook, "--only", "all", "--from", from, "--rate", "5"]
        const seen = yield* type(command, { ...shell, columns: 80 })
        expect([seen.code, stripVTControlCharacters(seen.error)]).toEqual([
          0,
          expect.stringMatching(/\r\[#* *\] \d+ % {2}\d of 5/)
        ])
        expect(stripVTControlCharacters(seen.out)).toMatch(/state +done\n.*progress +5 of 5\nsent again +5\n/)
        yield* untilAttempts(3)
        const piped = yield* type([...command, "--json"], shell)
        expect(JSON.parse(piped.out)).toMatchObject({ state: "done", accepted: 5 })
        expect(piped.error).toMatch(/^job job_\w+: it goes on without this command[^\n]+\n(?:\d of 5\n)+$/)
        yield* eventually("all five twice more", () => endpoint.total() === 21)

        yield* untilAttempts(4)
        const third = yield* recover(hookline, webhook, { only: "all", rate: 2 })
        yield* until("one", jobOf(hookline, third.id), ({ settled }) => settled > 0)
        yield* hookline.api("POST", `/v1/webhooks/${webhook}/disable`, {})
        expect(yield* untilEnded(hookline, third.id)).toMatchObject({ state: "failed", error: "webhook_disabled" })
        const jobs = (yield* hookline.api("GET", "/v1/jobs?limit=2")).body
        expect(jobs.data.map(({ id }: { id: string }) => id)).toEqual([third.id, expect.any(String)])
        expect((yield* hookline.api("GET", `/v1/jobs?limit=2&cursor=${jobs.next}`)).body)
          .toMatchObject({ data: [{}, { id: second.id }] })
      }),
    60_000
  )

  it.scopedLive(
    "of a slow endpoint lets fresh deliveries through",
    () =>
      Effect.gen(function*() {
        let slow = false
        const fork = Runtime.runFork(yield* Effect.runtime<never>())
        const endpoint = yield* receiver((response) =>
          slow
            ? void fork(Effect.delay(Effect.sync(() => response.end()), "20 millis"))
            : void response.writeHead(500).end()
        )
        const hookline = yield* product({ env: once })
        const { id: webhook } = yield* addWebhook(hookline, { url: endpoint.url, concurrency: 1 })
        const client = yield* natsClient(hookline.natsUrl())
        yield* publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_", count: 300 })
        yield* untilCount(hookline, webhook, 300)
        slow = true
        const { id } = yield* recover(hookline, webhook, { rate: 2_000 })
        yield* untilEnded(hookline, id)
        const before = endpoint.arrivals.length
        expect(before).toBeLessThan(540)
        yield* publish(hookline, "evt_fresh")
        yield* eventually("the fresh one", () => endpoint.seen.has("evt_fresh"))
        // It had its turn before those that had waited longer.
        expect(endpoint.arrivals.findIndex(({ id }) => id === "evt_fresh") - before).toBeLessThan(20)
        yield* eventually("all", () => endpoint.arrivals.length === 601)
      }),
    60_000
  )

  it.scopedLive(
    "is run by one of two processes on a broker, and by the other once that is gone",
    () =>
      Effect.provide(
        Effect.gen(function*() {
          const endpoint = yield* endpointWith(500)
          const first = yield* externalProduct(once)
          const { url } = yield* TestBroker
          const { id: webhook } = yield* addWebhook(first, { url: endpoint.url })
          const client = yield* natsClient(url)
          yield* publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_", count: 600 })
          const second = yield* externalProduct(once)
          yield* untilCount(first, webhook, 600)
          yield* untilCount(second, webhook, 600)
          endpoint.answer(200)
          const { id } = yield* recover(second, webhook, { rate: 100 })
          const other = yield* recover(second, webhook, { rate: 10_000, to: "2025-01-01" })
          expect(yield* untilEnded(first, other.id)).toMatchObject({ state: "done", total: 0 })
          yield* until("a part", jobOf(second, id), ({ settled }) => settled > 100)
          yield* first.kill
          expect(yield* untilEnded(second, id, 40_000)).toMatchObject({ state: "done", total: 600, settled: 600 })
          yield* eventually("each again", () => Array.from(endpoint.seen.values()).every((count) => count > 1))
          expect(endpoint.total() - 1_200).toBeLessThanOrEqual(16)
        }),
        TestBroker.layer()
      ),
    90_000
  )
})
