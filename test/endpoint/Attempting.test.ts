import { describe, expect } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { BrokerUnavailable, Streams } from "../../src/broker/Streams.ts"
import { deliverySubject, eventSubject, partitionOf, streamNames } from "../../src/broker/Subjects.ts"
import { encode } from "../../src/ledger/Record.ts"
import { EventId } from "../../src/model/Id.ts"
import type { Webhook } from "../../src/model/Webhook.ts"
import { brokerLayer } from "../support/broker.ts"
import { delivery, hour } from "../support/delivery.ts"
import { receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import { recorded, testsOn } from "../support/retries.ts"
import { addWebhook, folded, startWorker, until } from "../support/worker.ts"

const test = testsOn(brokerLayer({ masterKeys }, { sync: "2m" }))

const webhookAt = (url: string) =>
  Effect.scoped(Effect.flatMap(startWorker, ({ webhooks }) => addWebhook(webhooks, url)))

const append = (workspace: string, id: string) =>
  Effect.flatMap(
    AppendLog,
    (log) => log.append({ subject: eventSubject(workspace, "task.created"), data: JSON.stringify({ id, data: {} }) })
  )

/** A delivery of ws_1 that is tried again once a worker is there, of the event that stood at that place of EVENTS. */
const holding = (webhook: Webhook, eventSequence: number, id: string) =>
  Effect.gen(function*() {
    const log = yield* AppendLog
    const { created, lastTime } = yield* (yield* Streams).state(streamNames.events)
    const held = delivery({
      webhookId: webhook.id,
      eventId: EventId.make(id),
      eventSequence,
      publishedAt: lastTime,
      expiresAt: lastTime + hour,
      state: "held",
      heldReason: "busy",
      heldSince: lastTime,
      step: 1
    })
    yield* log.append({
      subject: deliverySubject(partitionOf("ws_1", 16), "ws_1", webhook.id, "deferred"),
      data: encode({ kind: "deferred", at: lastTime, delivery: held }, created)
    })
  })

describe("an attempt", () => {
  test(
    "whose event is another one by now, or another workspace's, sends nothing: a fault of ours, said with its place",
    Effect.suspend(() => {
      const said: Array<string> = []
      return Effect.gen(function*() {
        const endpoint = yield* receiver()
        const webhook = yield* webhookAt(endpoint.url)
        yield* append("ws_1", "evt_1")
        yield* append("ws_2", "evt_2")
        yield* holding(webhook, 1, "evt_of_before")
        yield* holding(webhook, 2, "evt_2")
        yield* Effect.scoped(Effect.zipRight(
          startWorker,
          until("both held again", Effect.map(folded, (all) => all.every(({ heldReason }) => heldReason === "local")))
        ))
        expect((yield* folded).map(({ attempt, eventId, state }) => [eventId, state, attempt]).sort()).toEqual([
          ["evt_2", "held", 0],
          ["evt_of_before", "held", 0]
        ])
        expect(endpoint.arrivals).toEqual([])
        for (
          const place of ["message 1 of EVENTS is not event evt_of_before", "message 2 of EVENTS is not event evt_2"]
        ) {
          expect(said).toContainEqual(
            `deliveries are held by a fault on our side: ${place} of ws_1 (docs/backup.md)`
          )
        }
      }).pipe(
        Effect.provide(
          Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void said.push(String(message))))
        )
      )
    })
  )

  test(
    "whose event cannot be asked for while the broker is away waits for it, and nobody is held for longer than that",
    Effect.gen(function*() {
      const endpoint = yield* receiver()
      const webhook = yield* webhookAt(endpoint.url)
      yield* append("ws_1", "evt_1")
      yield* holding(webhook, 1, "evt_1")
      const streams = yield* Streams
      let refusals = 2
      const away = Streams.of({
        ...streams,
        message: (stream, sequence) =>
          stream === streamNames.events && refusals-- > 0
            ? Effect.fail(new BrokerUnavailable({ operation: "message", detail: "away" }))
            : streams.message(stream, sequence)
      })
      yield* Effect.scoped(Effect.zipRight(
        startWorker.pipe(Effect.provideService(Streams, away)),
        until("delivered", Effect.map(folded, ([only]) => only?.state === "succeeded"))
      ))
      expect(refusals).toBe(-1)
      expect(endpoint.arrivals.map(({ id }) => id)).toEqual(["evt_1"])
      const { records } = yield* recorded
      expect(records.filter(({ delivery: { heldReason } }) => heldReason === "local")).toEqual([])
    })
  )
})
