import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { Streams } from "../../src/broker/Streams.ts"
import * as Subjects from "../../src/broker/Subjects.ts"
import { brokerLayer, testConfig } from "../support/broker.ts"

describe("Subjects", () => {
  it("builds and parses", () => {
    expect(Subjects.eventSubject("ws_1", "project.created")).toBe("events.ws_1.project.created")
    expect(Option.getOrThrow(Subjects.parseStoredEventSubject("ev.12.ws_1.project.created")))
      .toEqual({ partition: 12, workspaceId: "ws_1", type: "project.created" })
    expect(Subjects.publishedSubject("ev.12.ws_1.project.created")).toBe("events.ws_1.project.created")
    expect(Subjects.publishedSubject("events.a")).toBe("events.a")
    const delivery = Subjects.deliverySubject(5, "ws_1", "_", "duplicate")
    expect(Option.getOrThrow(Subjects.parseDeliverySubject(delivery)))
      .toEqual({ partition: 5, workspaceId: "ws_1", webhookId: "_", kind: "duplicate" })
    expect(Subjects.deliveriesStream(6, 4)).toBe("DELIVERIES-2")
    expect(Option.getOrThrow(Subjects.parseWebhookSubject(Subjects.webhookSubject("ws_1", "wh_1"))))
      .toEqual({ workspaceId: "ws_1", webhookId: "wh_1" })
    expect(Option.getOrThrow(Subjects.parseQuarantineSubject(Subjects.quarantineSubject("_", "bad_subject"))))
      .toEqual({ workspaceId: "_", reason: "bad_subject" })
    expect(Subjects.objectName(Subjects.objectSubject("p0-1"))).toBe("p0-1")
  })

  it("parses nothing foreign", () => {
    for (
      const subject of [
        "events.a",
        "ev.1.a.b",
        "ev.1.a.b.c.d",
        "ev.x.a.b.c",
        "ev.1.a b.b.c",
        "ev.1.é.b.c",
        "ev.1..b.c",
        ""
      ]
    ) {
      expect(Option.isNone(Subjects.parseStoredEventSubject(subject))).toBe(true)
    }
    for (const subject of ["webhooks.a", "webhooks.a.b.c", "webhooks.a. b", "other.a.b"]) {
      expect(Option.isNone(Subjects.parseWebhookSubject(subject))).toBe(true)
    }
    for (const subject of ["deliveries.1.a.b", "deliveries.x.a.b.c", "deliveries.1.a.b.c.d"]) {
      expect(Option.isNone(Subjects.parseDeliverySubject(subject))).toBe(true)
    }
    expect(Option.isNone(Subjects.parseQuarantineSubject("quarantine.a"))).toBe(true)
  })

  for (const partitions of [16, 7, 1]) {
    it.scopedLive(`partitions workspaces as the broker does (${partitions})`, () =>
      Effect.gen(function*() {
        const log = yield* AppendLog
        const streams = yield* Streams
        const workspaces = Array.from(
          { length: 100 },
          (_, index) => [`ws_${index}`, `${index * 7919}-Z`, "x".repeat(index % 64 + 1)]
        )
          .flat()
        yield* Effect.forEach(
          workspaces,
          (workspace) => log.append({ subject: Subjects.eventSubject(workspace, "project.created"), data: "{}" }),
          { concurrency: 100, discard: true }
        )
        const wrong: Array<string> = []
        let count = 0
        yield* streams.scan({
          stream: "EVENTS",
          filter: "ev.>",
          from: 1,
          to: workspaces.length,
          onMessage: ({ subject }) => {
            const { partition, workspaceId } = Option.getOrThrow(Subjects.parseStoredEventSubject(subject))
            count++
            if (Subjects.partitionOf(workspaceId, partitions) !== partition) wrong.push(subject)
          }
        })
        expect(count).toBe(300)
        expect(wrong).toEqual([])
      }).pipe(Effect.provide(brokerLayer({ ...testConfig(), partitions }))))
  }

  it.scopedLive("leaves what has the wrong shape under events.", () =>
    Effect.gen(function*() {
      const log = yield* AppendLog
      const streams = yield* Streams
      for (const subject of ["events.a", "events.a.b", "events.a.b.c.d"]) yield* log.append({ subject, data: "{}" })
      const misfits: Array<string> = []
      const onMessage = ({ subject }: { readonly subject: string }) => void misfits.push(subject)
      yield* streams.scan({ stream: "EVENTS", filter: Subjects.misfitFilter, from: 1, to: 3, onMessage })
      expect(misfits).toEqual(["events.a", "events.a.b", "events.a.b.c.d"])
      expect((yield* Effect.either(log.append({ subject: "ev.1.a.b.c", data: "{}" })))._tag).toBe("Left")
    }).pipe(Effect.provide(brokerLayer())))
})
