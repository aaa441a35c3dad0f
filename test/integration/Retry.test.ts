import { describe, expect } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import type { ServerResponse } from "node:http"
import { Streams } from "../../src/broker/Streams.ts"
import { deliveriesStream, partitionOf } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { brokerLayer, eventually } from "../support/broker.ts"
import { receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import { asking, recorded, testsOn } from "../support/retries.ts"
import { addWebhook, publish, startWorker, until } from "../support/worker.ts"

const live = Clock.make()

/** An endpoint whose status can be set; without one it does not answer until it has one. */
const endpointWith = (first: number | undefined) =>
  Effect.gen(function*() {
    let status = first
    let waiting: ServerResponse | undefined
    const endpoint = yield* receiver((response) => {
      if (status === undefined) waiting = response
      else response.writeHead(status).end()
    })
    const answer = (next: number) => {
      status = next
      waiting?.writeHead(next).end()
    }
    return { ...endpoint, answer }
  })

const kinds = Effect.map(recorded, ({ records }) => records.map(({ kind }) => kind))
const untilKinds = (...wanted: ReadonlyArray<string>) =>
  until(wanted.join(", "), Effect.map(kinds, (all) => all.join() === wanted.join()))

const retrying = Effect.map(asking, (asked) =>
  Effect.map(recorded, ({ lastSequence, records }) => {
    const last = records.at(-1)
    if (last === undefined) throw new Error("nothing is recorded")
    return { delivery: last.delivery, ask: asked(last.delivery, lastSequence) }
  }))

const test = testsOn(brokerLayer({ masterKeys }))

describe("a retry by hand", () => {
  test(
    "of a delivery that succeeded: an attempt now, numbers go on, and the schedule anew should it fail",
    Effect.gen(function*() {
      const endpoint = yield* endpointWith(200)
      const { webhooks } = yield* startWorker
      const look = yield* retrying
      yield* addWebhook(webhooks, endpoint.url)
      yield* publish("task.created", "evt_1")
      yield* untilKinds("succeeded")
      endpoint.answer(500)
      expect(yield* (yield* look).ask).toBe("accepted")
      yield* untilKinds("succeeded", "retried", "attempt_failed")
      const [, , failed] = (yield* recorded).records
      expect(failed?.delivery).toMatchObject({ state: "due", round: 2, attempt: 2, roundAttempt: 1 })
      expect(endpoint.arrivals.map(({ body }) => body.toString())[1]).toBe(endpoint.arrivals[0]?.body.toString())
    })
  )

  test(
    "one that waits is moved to now, and a request that was overtaken does nothing",
    Effect.gen(function*() {
      const endpoint = yield* endpointWith(500)
      const { webhooks } = yield* startWorker
      const look = yield* retrying
      yield* addWebhook(webhooks, endpoint.url)
      yield* publish("task.created", "evt_1")
      yield* untilKinds("attempt_failed")
      const seen = yield* look
      expect(yield* seen.ask).toBe("accepted")
      yield* untilKinds("attempt_failed", "retried", "attempt_failed")
      expect(yield* seen.ask).toBe("overtaken")
      const last = (yield* look).delivery
      expect(last).toMatchObject({ state: "due", round: 1, attempt: 2 })
      expect(endpoint.arrivals).toHaveLength(2)
    })
  )

  test(
    "one that runs is left alone; of a disabled webhook it is refused; of a paused one it is held",
    Effect.gen(function*() {
      const endpoint = yield* endpointWith(undefined)
      const { webhooks } = yield* startWorker
      const look = yield* retrying
      const webhook = yield* addWebhook(webhooks, endpoint.url)
      yield* publish("task.created", "evt_1")
      yield* untilKinds("deferred")
      expect(yield* (yield* look).ask).toBe("already_running")
      endpoint.answer(500)
      yield* untilKinds("deferred", "attempt_failed")
      yield* webhooks.pause(webhook.workspaceId, webhook.id)
      expect(yield* (yield* look).ask).toBe("accepted")
      yield* untilKinds("deferred", "attempt_failed", "retried", "deferred")
      expect((yield* look).delivery).toMatchObject({ state: "held", heldReason: "paused", attempt: 1 })
      yield* webhooks.disable(webhook.workspaceId, webhook.id)
      yield* untilKinds("deferred", "attempt_failed", "retried", "deferred", "suppressed")
      expect(yield* (yield* look).ask).toBe("webhook_disabled")
    })
  )

  test(
    "asked of nobody, it is answered by the next worker; asked twice of what a worker took over, it comes once",
    Effect.gen(function*() {
      const endpoint = yield* endpointWith(500)
      const look = yield* retrying
      yield* Effect.scoped(Effect.gen(function*() {
        const { webhooks } = yield* startWorker
        yield* addWebhook(webhooks, endpoint.url)
        yield* publish("task.created", "evt_1")
        yield* untilKinds("attempt_failed")
      }))
      const seen = yield* look
      const asked = yield* Effect.fork(Effect.all([seen.ask, seen.ask], { concurrency: 2 }))
      const streams = yield* Streams
      const { deliveriesStreams, partitions } = yield* Topology
      const stream = deliveriesStream(partitionOf("ws_1", partitions), deliveriesStreams)
      const before = (yield* recorded).lastSequence
      yield* until(
        "both are asked",
        Effect.map(streams.state(stream), ({ lastSequence }) => lastSequence >= before + 2)
      )
      yield* startWorker
      expect(new Set(yield* Fiber.join(asked))).toEqual(new Set(["accepted", "overtaken"]))
      yield* eventually("the second attempt", () => endpoint.arrivals.length === 2)
      yield* untilKinds("attempt_failed", "retried", "attempt_failed")
    }).pipe(Effect.withClock(live))
  )
})
