/** What is looked at again stays what its record says it is, whatever is known of it by now. */
import { describe, expect } from "@effect/vitest"
import { Effect, Option } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { Streams } from "../../src/broker/Streams.ts"
import { deliverySubject, key, partitionOf, streamNames } from "../../src/broker/Subjects.ts"
import { encode, encodeDuplicate } from "../../src/ledger/Record.ts"
import { EventId, WorkspaceId } from "../../src/model/Id.ts"
import { brokerLayer } from "../support/broker.ts"
import { delivery } from "../support/delivery.ts"
import { receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import { testsOn } from "../support/retries.ts"
import { addWebhook, folded, publish, records, startWorker, until } from "../support/worker.ts"

const test = testsOn(brokerLayer({ masterKeys }, { sync: "2m" }))

const partition = partitionOf("ws_1", 16)
const position = Effect.flatMap(KeyValue, ({ get }) => get("POSITIONS", key(`p${partition}`))).pipe(
  Effect.map(Option.getOrThrow),
  Effect.map(({ revision, value }) => ({ revision, value, floor: JSON.parse(Buffer.from(value).toString()).floor })),
  Effect.orDie
)

const subject = (webhookId: string, kind: string) => deliverySubject(partition, "ws_1", webhookId, kind)

/** A worker that works until this event is delivered, and hands over: whatever else it began is recorded too. */
const untilDelivered = (id: string) =>
  Effect.scoped(Effect.zipRight(
    startWorker,
    until(id, Effect.map(folded, (all) => all.some(({ eventId, state }) => eventId === id && state === "succeeded")))
  ))

describe("an event that is looked at again", () => {
  test(
    "and was recorded as a repeat is none's, though nothing else knows its first; one with deliveries is no repeat of a later one",
    Effect.gen(function*() {
      const endpoint = yield* receiver()
      const webhook = yield* Effect.scoped(Effect.flatMap(
        startWorker,
        ({ webhooks }) => addWebhook(webhooks, endpoint.url)
      ))
      const log = yield* AppendLog
      yield* Effect.forEach(["evt_1", "evt_1", "evt_3", "evt_4"], (id) => publish("task.created", id))
      const { created, lastTime } = yield* (yield* Streams).state(streamNames.events)
      for (const eventSequence of [2, 1]) {
        const state = delivery({
          webhookId: webhook.id,
          eventSequence,
          publishedAt: lastTime,
          state: "succeeded",
          attempt: 1,
          step: 1
        })
        const data = encode({ kind: "succeeded", at: lastTime, delivery: state }, created)
        yield* log.append({ subject: subject(webhook.id, "succeeded"), data })
      }
      const data = encodeDuplicate({
        at: lastTime,
        workspaceId: WorkspaceId.make("ws_1"),
        eventId: EventId.make("evt_3"),
        eventType: "task.created",
        eventSequence: 3,
        firstSequence: 1,
        epoch: 1
      })
      yield* log.append({ subject: subject("_", "duplicate"), data })
      yield* untilDelivered("evt_4")
      expect([...endpoint.seen]).toEqual([["evt_4", 1]])
      // Three that were there, and that of the fourth event.
      expect(yield* records).toBe(4)
    })
  )

  test(
    "is not, where only its position was put back: the snapshot fits the streams, and a webhook that is younger gets nothing older",
    Effect.gen(function*() {
      const endpoint = yield* receiver()
      const before = yield* Effect.scoped(Effect.gen(function*() {
        const { webhooks } = yield* startWorker
        const { value } = yield* position
        yield* publish("task.created", "evt_1")
        yield* until("its position", Effect.map(position, ({ floor }) => floor === 1))
        yield* addWebhook(webhooks, endpoint.url)
        return value
      }))
      const { revision } = yield* position
      yield* (yield* KeyValue).write("POSITIONS", key(`p${partition}`), before, revision)
      expect((yield* position).floor).toBe(0)
      yield* publish("task.created", "evt_2")
      yield* untilDelivered("evt_2")
      expect([...endpoint.seen]).toEqual([["evt_2", 1]])
      expect((yield* position).floor).toBe(2)
    })
  )
})
