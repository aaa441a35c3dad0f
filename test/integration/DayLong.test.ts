/** A day of retries on a real broker and real endpoints, under the test's clock. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Scope, TestClock } from "effect"
import { brokerLayer } from "../support/broker.ts"
import { type Receiver, receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import { addWebhook, folded, publish, realTime, records, startWorker, until } from "../support/worker.ts"

const broker = brokerLayer({ masterKeys })

const failing = receiver((response) => {
  response.statusCode = 500
  response.end()
})

const arrived = (endpoint: Receiver, count: number) =>
  until(`attempt ${count}, there are ${endpoint.arrivals.length}`, Effect.sync(() => endpoint.arrivals.length >= count))

const recorded = (count: number) => until(`${count} records`, Effect.map(records, (found) => found >= count))

/** Of the webhook's deliveries that have a record. */
const states = (webhookId: string) =>
  Effect.map(folded, (all) => all.flatMap((one) => one.webhookId === webhookId ? [one.state] : []))

/** Everything the worker would have done by now is done: an event published now has arrived and is recorded. */
const settled = (well: Receiver, id: string) =>
  Effect.gen(function*() {
    const before = yield* records
    const count = well.arrivals.length
    yield* publish("task.created", id)
    yield* arrived(well, count + 1)
    yield* recorded(before + 1)
  })

describe("24 hours", () => {
  it.scoped("five attempts at 0, 5 min, 30 min, 2 h and 24 h, none early, then failed", () =>
    Effect.gen(function*() {
      yield* realTime
      const endpoint = yield* failing
      const well = yield* receiver()
      const { webhooks } = yield* startWorker
      yield* addWebhook(webhooks, endpoint.url, ["project.created"])
      yield* addWebhook(webhooks, well.url, ["task.created"])
      yield* publish("project.created", "evt_1")
      yield* arrived(endpoint, 1)
      yield* recorded(1)
      let attempts = 1
      for (const wait of ["5 minutes", "25 minutes", "90 minutes", "22 hours"] as const) {
        yield* TestClock.adjust(wait)
        yield* TestClock.adjust("1 seconds")
        attempts++
        yield* arrived(endpoint, attempts)
        // One of each attempt, and one of each probe so far.
        yield* recorded(2 * attempts - 2)
        yield* settled(well, `probe_${attempts}`)
      }
      expect(endpoint.arrivals.map(({ body }) => body.toString())).toEqual(
        Array(5).fill(endpoint.arrivals[0]?.body.toString())
      )
      yield* TestClock.adjust("48 hours")
      yield* settled(well, "probe_end")
      expect(endpoint.arrivals.length).toBe(5)
    }).pipe(Effect.scoped, Effect.provide(broker)), 60_000)

  it.scoped("an attempt is never early", () =>
    Effect.gen(function*() {
      yield* realTime
      const endpoint = yield* failing
      const well = yield* receiver()
      const { webhooks } = yield* startWorker
      yield* addWebhook(webhooks, endpoint.url, ["project.created"])
      yield* addWebhook(webhooks, well.url, ["task.created"])
      yield* publish("project.created", "evt_1")
      yield* arrived(endpoint, 1)
      yield* recorded(1)
      yield* TestClock.adjust("299 seconds")
      yield* settled(well, "probe_1")
      expect(endpoint.arrivals.length).toBe(1)
      yield* TestClock.adjust("2 seconds")
      yield* arrived(endpoint, 2)
      yield* recorded(3)
      yield* TestClock.adjust("24 minutes")
      yield* settled(well, "probe_2")
      expect(endpoint.arrivals.length).toBe(2)
    }).pipe(Effect.scoped, Effect.provide(broker)), 60_000)

  for (const outage of ["3 hours", "25 hours"] as const) {
    it.scoped(
      `hookline is down for ${outage}: what is late goes out at once, and no two attempts bunch`,
      () =>
        Effect.gen(function*() {
          yield* realTime
          const endpoint = yield* failing
          const first = yield* Scope.make()
          const { webhooks } = yield* Scope.extend(startWorker, first)
          yield* addWebhook(webhooks, endpoint.url, ["project.created"])
          yield* publish("project.created", "evt_1")
          yield* arrived(endpoint, 1)
          yield* recorded(1)
          yield* Scope.close(first, Exit.void)
          yield* TestClock.adjust(outage)

          const well = yield* receiver()
          const second = yield* startWorker
          yield* addWebhook(second.webhooks, well.url, ["task.created"])
          // The second attempt is late and comes now; the third is late too, and comes five minutes after it.
          yield* arrived(endpoint, 2)
          yield* recorded(2)
          yield* settled(well, "probe_1")
          expect(endpoint.arrivals.length).toBe(2)
          yield* TestClock.adjust("299 seconds")
          yield* settled(well, "probe_2")
          expect(endpoint.arrivals.length).toBe(2)
          yield* TestClock.adjust("2 seconds")
          yield* arrived(endpoint, 3)
        }).pipe(Effect.scoped, Effect.provide(broker)),
      60_000
    )
  }

  // The probes of the 25th hour are the fifth attempts of those they try: these have failed, as the schedule says; every other one arrives.
  for (const [outage, lost] of [["3 hours", 0], ["25 hours", 14]] as const) {
    it.scoped(
      `an endpoint is gone for ${outage}: the circuit opens, probes and closes, and what it held arrives`,
      () =>
        Effect.gen(function*() {
          yield* realTime
          let gone = true
          const delivered = new Set<string>()
          const endpoint = yield* receiver((response, { id }) => {
            if (gone) return response.socket?.destroy()
            delivered.add(id)
            response.end()
          })
          const { webhooks } = yield* startWorker
          const webhook = yield* addWebhook(webhooks, endpoint.url)
          for (let n = 0; n < 30; n++) yield* publish("task.created", `evt_${n}`)
          yield* until("all are tried or held", Effect.map(states(webhook.id), (all) => all.length === 30))
          // Ten attempts without an answer open the circuit; the lanes in flight then may add a few.
          expect(endpoint.arrivals.length).toBeGreaterThanOrEqual(10)
          expect(endpoint.arrivals.length).toBeLessThanOrEqual(14)
          yield* TestClock.adjust(outage)
          expect(endpoint.arrivals.length).toBeGreaterThan(30)
          gone = false
          // In steps of the longest pause between probes: the probe closes the circuit, what was held follows, what failed comes when it is due.
          const ended = Effect.map(states(webhook.id), (all) =>
            all.every((state) => state === "succeeded" || state === "failed"))
          for (let step = 0; step < 24 * 12 && !(yield* ended); step++) {
            yield* TestClock.adjust("5 minutes")
            yield* until(
              "what was sent is answered",
              Effect.sync(() =>
                endpoint.open() === 0
              )
            )
          }
          yield* until("all have ended", ended)
          const failed = (yield* states(webhook.id)).filter((state) => state === "failed").length
          expect(failed).toBeLessThanOrEqual(lost)
          expect(delivered.size).toBe(30 - failed)
        }).pipe(Effect.scoped, Effect.provide(broker)),
      60_000
    )
  }
})
