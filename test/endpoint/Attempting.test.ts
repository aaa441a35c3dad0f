import { describe, expect } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { deliverySubject, eventSubject, partitionOf, streamNames } from "../../src/broker/Subjects.ts"
import { encode } from "../../src/ledger/Record.ts"
import { EventId } from "../../src/model/Id.ts"
import { brokerLayer } from "../support/broker.ts"
import { delivery, hour } from "../support/delivery.ts"
import { receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import { testsOn } from "../support/retries.ts"
import { addWebhook, folded, startWorker, until } from "../support/worker.ts"

const test = testsOn(brokerLayer({ masterKeys }, { sync: "2m" }))

describe("an attempt", () => {
  test(
    "whose event is another one by now, or another workspace's, sends nothing: a fault of ours, said with its place",
    Effect.suspend(() => {
      const said: Array<string> = []
      return Effect.gen(function*() {
        const endpoint = yield* receiver()
        const webhook = yield* Effect.scoped(
          Effect.flatMap(startWorker, ({ webhooks }) => addWebhook(webhooks, endpoint.url))
        )
        const log = yield* AppendLog
        for (const [workspace, id] of [["ws_1", "evt_1"], ["ws_2", "evt_2"]] as const) {
          const data = JSON.stringify({ id, data: {} })
          yield* log.append({ subject: eventSubject(workspace, "task.created"), data })
        }
        const { created, lastTime } = yield* (yield* Streams).state(streamNames.events)
        for (const [eventSequence, id] of [[1, "evt_of_before"], [2, "evt_2"]] as const) {
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
        }
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
          expect(said).toContainEqual(`nothing is sent to ${webhook.id}: ${place} of ws_1 (docs/backup.md)`)
        }
      }).pipe(
        Effect.provide(
          Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void said.push(String(message))))
        )
      )
    })
  )
})
