import { expect, it } from "@effect/vitest"
import { Clock, Effect, Queue } from "effect"
import { stripVTControlCharacters } from "node:util"
import { type LiveEvent, reader } from "../support/live.ts"
import { type Product, product } from "../support/product.ts"
import { receiver } from "../support/receiver.ts"
import { typeOn } from "../support/shell.ts"
import { addWebhook, publish, until, untilDelivery } from "../support/until.ts"

const watch = (hookline: Product, { headers = {}, query = "" } = {}) =>
  reader((signal) => hookline.request("GET", `/v1/deliveries/stream${query}`, signal, headers))

const attempts = (events: ReadonlyArray<LiveEvent>): ReadonlyArray<string> =>
  events.filter(({ name }) => name === "attempt").map(({ data }) => String(data.delivery.event_id))

it.live("an attempt is shown within a second; of the workspace and the webhook asked for; all states that follow", () =>
  Effect.gen(function*() {
    const clock = Clock.make()
    const arrived = new Map<string, number>()
    const endpoint = yield* receiver((response, { id }) => {
      arrived.set(id, clock.unsafeCurrentTimeMillis())
      response.writeHead(id === "evt_bad" ? 500 : 200).end("x".repeat(5000))
    })
    const hookline = yield* product()
    const hook = yield* addWebhook(hookline, { url: endpoint.url })
    const other = yield* addWebhook(hookline, { url: endpoint.url, events: ["member.joined"] })
    const all = yield* watch(hookline)
    const one = yield* watch(hookline, { query: `?webhook_id=${other.id}` })
    const foreign = yield* watch(hookline, { headers: { "x-workspace-id": "ws_2" } })
    expect(all.status).toBe(200)
    expect(all.headers.get("content-type")).toBe("text/event-stream")

    const ids = Array.from({ length: 20 }, (_, index) => `evt_${index}`)
    for (const id of ids) yield* publish(hookline, id)
    yield* publish(hookline, "evt_bad")
    yield* publish(hookline, "evt_both", "member.joined")
    yield* until("all attempts are shown", Effect.sync(() => attempts(all.events)), (seen) => seen.length === 23)
    expect(new Set(attempts(all.events))).toEqual(new Set([...ids, "evt_bad", "evt_both"]))
    const late = all.events.flatMap(({ at, data, name }) =>
      name === "attempt" ? [at - (arrived.get(data.delivery.event_id) ?? 0)] : []
    )
    expect(Math.max(...late)).toBeLessThan(1000)

    const bad = all.events.find(({ data }) => data.delivery?.event_id === "evt_bad")
    expect(bad?.data).toMatchObject({
      delivery: { webhook_id: hook.id, status: "retrying", attempts: 1, last_status: 500 },
      attempt: { attempt: 1, class: "status", status: 500, next_attempt_at: expect.any(String) }
    })
    expect(bad?.data.attempt.response).toHaveLength(1024)
    // As the lists have it.
    const { body } = yield* until(
      "the history has it",
      hookline.api("GET", `/v1/deliveries?event_id=evt_bad`),
      ({ body }) => body.data?.[0]?.attempts === 1
    )
    expect(bad?.data.delivery).toEqual(body.data[0])

    yield* until("the other webhook's attempt", Effect.sync(() => attempts(one.events)), (seen) => seen.length > 0)
    expect(attempts(one.events)).toEqual(["evt_both"])

    yield* hookline.api("POST", `/v1/webhooks/${hook.id}/pause`)
    yield* publish(hookline, "evt_held")
    const held = yield* until(
      "it is held",
      Effect.sync(() => all.events.find(({ data }) => data.delivery?.event_id === "evt_held")),
      (event) => event !== undefined
    )
    expect(held).toMatchObject({ name: "delivery", data: { delivery: { status: "held", held_reason: "paused" } } })
    const { body: tested } = yield* hookline.api("POST", `/v1/webhooks/${hook.id}/test`)
    yield* until("the test", Effect.sync(() => all.events.at(-1)), (event) => event?.name === "test")
    expect(all.events.at(-1)?.data).toMatchObject({
      webhook_id: hook.id,
      event_id: tested.id,
      attempt: { status: 200 }
    })
    expect(foreign.events.map(({ name }) => name)).toEqual(["begin"])
    expect((yield* watch(hookline, { query: `?webhook_id=${hook.id}`, headers: { "x-workspace-id": "ws_2" } })).status)
      .toBe(404)
  }).pipe(Effect.scoped))

it.live("nothing is left out over broken connections and a restart, and open streams delay no stop", () =>
  Effect.gen(function*() {
    const endpoint = yield* receiver()
    const hookline = yield* product()
    const hook = yield* addWebhook(hookline, { url: endpoint.url })
    const tail = yield* typeOn(["deliveries", "tail", "--json"], {
      env: { HOOKLINE_DATA: hookline.data, HOOKLINE_WORKSPACE: "ws_1" }
    })
    const human = yield* typeOn(["deliveries", "tail", "--webhook", hook.id], {
      env: { HOOKLINE_DATA: hookline.data, HOOKLINE_WORKSPACE: "ws_1" },
      columns: 200
    })
    for (const { error } of [tail, human]) expect(yield* Queue.take(error)).toBe("watching ws_1 (Ctrl-C ends)")
    const first = yield* watch(hookline)
    yield* until("it begins", Effect.sync(() => first.events), (events) => events.length > 0)
    // Also when nothing had come before it broke.
    const begun = first.last()
    first.hangUp()
    const ids: Array<string> = []
    const some = Effect.forEach(Array.from({ length: 50 }), () => {
      const id = `evt_${ids.length}`
      ids.push(id)
      return publish(hookline, id)
    })
    yield* some
    const second = yield* watch(hookline, { headers: { "last-event-id": begun } })
    yield* until("what was missed", Effect.sync(() => attempts(second.events)), (seen) => seen.length > 10)
    const last = second.last()
    second.hangUp()
    const seen = attempts(second.events)
    yield* some
    yield* untilDelivery(hookline, hook.id, "evt_99", "succeeded")

    const open = yield* watch(hookline)
    hookline.signal("SIGTERM")
    expect(yield* hookline.ended).toBe(0)
    yield* until("the open stream ends", Effect.sync(open.ended), (ended) => ended)
    yield* hookline.start
    // Not cut off at the end of the grace that requests in flight have: it did not use it.
    expect(open.cut()).toBe(false)
    yield* some
    const third = yield* watch(hookline, { headers: { "last-event-id": last } })
    yield* until(
      "all others",
      Effect.sync(() => new Set([...seen, ...attempts(third.events)])),
      (all) => all.size === ids.length
    )
    expect(third.events.some(({ name }) => name === "gap")).toBe(false)
    expect(new Set(attempts(third.events)).size).toBe(attempts(third.events).length)

    // The commands went through the same.
    const printed = new Set<string>()
    yield* until(
      "the command prints all",
      Effect.map(Queue.takeAll(tail.out), (lines) => {
        for (const line of lines) {
          const { delivery, event } = JSON.parse(line)
          if (event === "attempt") printed.add(delivery.event_id)
        }
        return printed.size
      }),
      (size) => size === ids.length
    )
    expect([...yield* Queue.takeAll(tail.error)].join("\n")).toMatch(
      /^the stream broke: .+; connecting again behind the last event\nconnected again$/
    )
    const line = yield* Queue.take(human.out)
    expect(line).toContain(hook.id)
    expect(stripVTControlCharacters(line)).toMatch(
      /^\d\d:\d\d:\d\d {2}wh_\S+ {2}task\.created {2}evt_\d+ {2}attempt 1 {2}200 in .+ m?s$/
    )
    expect(line).toContain("\u001b[32m200 in")
  }).pipe(Effect.scoped))
