import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { eventSubject, partitionOf } from "../../src/broker/Subjects.ts"
import { WorkspaceId } from "../../src/model/Id.ts"
import { brokerLayer, eventually, TestBroker } from "../support/broker.ts"
import { natsClient } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import { startWorker } from "../support/worker.ts"

const partition = partitionOf("ws_1", 16)
/** Another workspace of the same partition. */
const neighbour = Array.from({ length: 1_000 }, (_, index) => `ws_n${index}`)
  .find((workspace) => partitionOf(workspace, 16) === partition) ?? ""

describe("a consumer that somebody else changes", () => {
  it.scopedLive(
    "what its filter passes over is delivered nevertheless: no position rests on it",
    () =>
      Effect.gen(function*() {
        const endpoint = yield* receiver()
        const { webhooks } = yield* startWorker
        for (const workspace of ["ws_1", neighbour]) {
          yield* webhooks.create(WorkspaceId.make(workspace), { url: endpoint.url, events: ["*"] })
        }
        const { append } = yield* AppendLog
        const publish = (workspace: string, id: string) =>
          append({ subject: eventSubject(workspace, "task.created"), data: JSON.stringify({ id, data: {} }) })
        yield* publish("ws_1", "evt_before")
        yield* eventually("the first", () => endpoint.seen.has("evt_before"))

        const client = yield* natsClient((yield* TestBroker).url)
        const { consumers } = yield* Effect.promise(() => client.jetstreamManager())
        const { config } = yield* Effect.promise(() => consumers.info("EVENTS", `p${partition}-e1`))
        const changed = { ...config, filter_subject: `ev.${partition}.${neighbour}.>` }
        const answer = yield* Effect.promise(() =>
          client.request(
            `$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.p${partition}-e1`,
            JSON.stringify({ stream_name: "EVENTS", config: changed })
          )
        )
        expect(answer.json()).not.toHaveProperty("error")
        yield* publish("ws_1", "evt_passed_over")
        // It is behind the other and comes: were the position to follow it, the other would be settled.
        yield* publish(neighbour, "evt_behind")
        yield* eventually("the one that the filter lets through", () => endpoint.seen.has("evt_behind"))
        yield* eventually("the one that was passed over", () => endpoint.seen.has("evt_passed_over"))
        expect((yield* Effect.promise(() => consumers.list("EVENTS").next())).map(({ name }) => name))
          .toContain(`p${partition}-e2`)
      }).pipe(Effect.provide(brokerLayer({ masterKeys }))),
    60_000
  )
})
