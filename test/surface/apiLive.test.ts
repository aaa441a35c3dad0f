import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { connect, type Socket } from "node:net"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { BrokerClock } from "../../src/broker/BrokerClock.ts"
import { deliverySubject, partitionOf } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { encode, encodeDeferred } from "../../src/ledger/Record.ts"
import { EventId, WorkspaceId } from "../../src/model/Id.ts"
import { ApiServer } from "../../src/surface/api/Server.ts"
import { apiLayer, ask, operatorKey } from "../support/api.ts"
import { answered, delivery, start } from "../support/delivery.ts"
import { reader } from "../support/live.ts"
import { until } from "../support/until.ts"

const watch = (headers: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(ApiServer, ({ url }) =>
    reader((signal) =>
      Effect.promise(() =>
        fetch(`${url}/v1/deliveries/stream`, {
          signal,
          headers: { authorization: `Bearer ${operatorKey}`, "x-workspace-id": "ws_1", ...headers }
        })
      )
    ))

const append = (workspaceId: string, data: string, kind: string) =>
  Effect.gen(function*() {
    const log = yield* AppendLog
    const { partitions } = yield* Topology
    return yield* log.append({
      subject: deliverySubject(partitionOf(workspaceId, partitions), workspaceId, "wh_1", kind),
      data
    })
  })

const succeeded = (eventId: string, workspaceId = "ws_1") =>
  Effect.flatMap(Topology, ({ eventsCreated }) =>
    append(
      workspaceId,
      encode(
        {
          kind: "succeeded",
          at: start,
          delivery: delivery({
            eventId: EventId.make(eventId),
            workspaceId: WorkspaceId.make(workspaceId),
            attempt: 1,
            state: "succeeded"
          }),
          outcome: answered(200)
        },
        eventsCreated
      ),
      "succeeded"
    ))

/** 500 deliveries in a message, 300 KB. */
const manyDeferred = (workspaceId: string) =>
  Effect.flatMap(Topology, ({ eventsCreated }) =>
    append(
      workspaceId,
      encodeDeferred(
        Array.from({ length: 500 }, (_, index) => ({
          kind: "deferred" as const,
          at: start,
          delivery: delivery({
            eventId: EventId.make(`evt_${index}`),
            workspaceId: WorkspaceId.make(workspaceId),
            eventSequence: index + 1,
            state: "held",
            heldReason: "busy",
            heldSince: start
          })
        })),
        eventsCreated
      ),
      "deferred"
    ))

/** A key of the workspace ws_keys. */
const newKey = (more: object = {}) =>
  Effect.map(
    ask("POST", "/v1/api-keys", { body: { name: "n", role: "read", ...more }, workspace: "ws_keys" }),
    ({ json }) => ({ id: String(json.id), authorization: `Bearer ${String(json.key)}` })
  )

layer(apiLayer(), { excludeTestServices: true, timeout: 60_000 })("the live stream", (it) => {
  it.scoped("many deliveries of one message come singly, the id with the last", () =>
    Effect.gen(function*() {
      const watched = yield* watch()
      yield* manyDeferred("ws_1")
      const events = yield* until("all come", Effect.sync(() => watched.events), ({ length }) => length === 501)
      expect(events[1]).toMatchObject({ name: "delivery", id: undefined, data: { delivery: { event_id: "evt_0" } } })
      expect(events.filter(({ id }) => id !== undefined).map(({ name }) => name)).toEqual(["begin", "delivery"])
      expect(events.at(-1)?.id).toBeDefined()
    }))

  it.scoped("begins behind an id; says that there is a gap where it cannot; refuses what is no id", () =>
    Effect.gen(function*() {
      yield* succeeded("evt_first")
      const before = yield* watch()
      yield* until("it begins", Effect.sync(() => before.events), ({ length }) => length > 0)
      yield* succeeded("evt_second")
      const [mark, sequence] = before.events[0]?.id?.split("-") ?? []
      const behind = yield* watch({ "last-event-id": `${mark}-${Number(sequence) - 1}` })
      const seen = yield* until("both come", Effect.sync(() => behind.events), ({ length }) => length === 3)
      expect(seen.map(({ data, name }) => [name, data.delivery?.event_id])).toEqual([
        ["begin", undefined],
        ["attempt", "evt_first"],
        ["attempt", "evt_second"]
      ])
      const otherStream = yield* watch({ "last-event-id": "00000000-1" })
      const all = yield* until("all of it", Effect.sync(() => otherStream.events), ({ length }) => length > 3)
      expect(all[1]?.name).toBe("gap")
      const future = yield* watch({ "last-event-id": `${mark}-999999` })
      yield* until("a gap", Effect.sync(() => future.events), ([, second]) => second?.name === "gap")
      expect(yield* ask("GET", "/v1/deliveries/stream", { headers: { "last-event-id": "7" } })).toMatchObject({
        status: 422,
        json: { error: { field: "last-event-id" } }
      })
      expect((yield* ask("GET", "/v1/deliveries/stream", { key: null })).status).toBe(401)
    }))

  it.scoped("a client that takes nothing is cut off, one that reads gets the same to its end", () =>
    Effect.gen(function*() {
      const { host, port } = yield* ApiServer
      const accepted: Array<Socket> = []
      const onAccepted = (message: unknown) => void accepted.push((message as { readonly socket: Socket }).socket)
      subscribe("net.server.socket", onAccepted)
      const sleeping = connect(port, host).on("error", () => undefined)
      yield* Effect.addFinalizer(() => Effect.sync(() => unsubscribe("net.server.socket", onAccepted)))
      yield* Effect.addFinalizer(() => Effect.sync(() => sleeping.destroy()))
      yield* Effect.async<void>((resume) => {
        sleeping.once("data", () => {
          sleeping.pause()
          resume(Effect.void)
        })
        sleeping.write(
          `GET /v1/deliveries/stream HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${operatorKey}\r\nx-workspace-id: ws_slow\r\n\r\n`
        )
      })
      const ofServer = accepted.find(({ remotePort }) => remotePort === sleeping.localPort)
      expect(ofServer?.destroyed).toBe(false)
      const reading = yield* watch({ "x-workspace-id": "ws_slow" })
      yield* until("it begins", Effect.sync(() => reading.events), ({ length }) => length > 0)
      yield* Effect.forEach(Array.from({ length: 60 }), () => manyDeferred("ws_slow"), { concurrency: 10 })
      yield* until("all are read", Effect.sync(() => reading.events), ({ length }) => length === 30_001, 30_000)
      yield* until("the other is cut off", Effect.sync(() => ofServer?.destroyed), (cut) => cut === true, 20_000)
      expect(reading.ended()).toBe(false)
    }))

  it.scoped("ends within 5 s when its key is revoked or expires, and shows nothing more; other keys go on", () =>
    Effect.gen(function*() {
      const now = (yield* BrokerClock).now()
      const [revoked, brief, kept] = [
        yield* newKey(),
        yield* newKey({ expires_at: new Date(now + 2000).toISOString() }),
        yield* newKey()
      ]
      const watchWith = ({ authorization }: { readonly authorization: string }) =>
        watch({ authorization, "x-workspace-id": "ws_keys" })
      const [first, second] = [yield* watchWith(revoked), yield* watchWith(brief)]
      const others = [yield* watchWith(kept), yield* watch({ "x-workspace-id": "ws_keys" })]
      expect([first, second, ...others].map(({ status }) => status)).toEqual([200, 200, 200, 200])
      yield* until("it begins", Effect.sync(() => first.events), ({ length }) => length === 1)
      expect((yield* ask("DELETE", `/v1/api-keys/${revoked.id}`, { workspace: "ws_keys" })).status).toBe(204)
      yield* succeeded("evt_after", "ws_keys")
      yield* until("its end", Effect.sync(() => first.ended() && second.ended()), (ended) => ended, 5_000)
      expect([first.cut(), second.cut()]).toEqual([false, false])
      expect(first.events.map(({ name }) => name)).toEqual(["begin"])
      for (const other of others) {
        yield* until("the others see it", Effect.sync(() => other.events), ({ length }) => length === 2)
        expect(other.ended()).toBe(false)
      }
    }))

  it.scoped("128 may watch, 32 of them of a workspace; the next is told to come again; who goes makes room", () =>
    Effect.gen(function*() {
      const of = (workspace: string) =>
        Effect.forEach(Array.from({ length: 32 }), () => watch({ "x-workspace-id": workspace }), { concurrency: 16 })
      const first = yield* of("ws_1")
      const refused = yield* ask("GET", "/v1/deliveries/stream")
      expect(refused).toMatchObject({
        status: 503,
        json: { error: { type: "too_many_streams", message: "32 connections of the workspace watch already" } }
      })
      expect(refused.headers.get("retry-after")).toBe("5")
      const others = yield* Effect.forEach(["ws_2", "ws_3", "ws_4"], of)
      expect(new Set([first, ...others].flat().map(({ status }) => status))).toEqual(new Set([200]))
      expect(yield* ask("GET", "/v1/deliveries/stream", { workspace: "ws_5" })).toMatchObject({
        status: 503,
        json: { error: { type: "too_many_streams", message: "128 connections watch already" } }
      })
      first[0]?.hangUp()
      yield* until("there is room", watch(), ({ status }) => status === 200)
    }))

  it.effect("is in the description of the API", () =>
    Effect.gen(function*() {
      const { json } = yield* ask("GET", "/openapi.json")
      const operation = json.paths?.["/v1/deliveries/stream"]?.get
      expect(Object.keys(operation?.responses?.["200"]?.content ?? {})).toEqual(["text/event-stream"])
      expect(JSON.stringify(operation?.parameters)).toContain("last-event-id")
    }))
})
