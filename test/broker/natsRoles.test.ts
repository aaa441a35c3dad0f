import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { createInbox, ErrorCode, type NatsConnection, NatsError } from "nats"
import { Connection } from "../../src/broker/Connection.ts"
import * as JetStreamStreams from "../../src/broker/JetStreamStreams.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { Streams } from "../../src/broker/Streams.ts"
import {
  bucketFilter,
  bucketStream,
  deliveriesAllFilter,
  guestReaders,
  ownInboxes,
  partitionedFilter
} from "../../src/broker/Subjects.ts"
import { anotherApi, ask, operatorKey } from "../support/api.ts"
import { servicesLayer } from "../support/broker.ts"
import { login, passwords, server, serverWith } from "../support/natsConf.ts"
import { product } from "../support/product.ts"
import { receiver } from "../support/receiver.ts"
import { masterKeys } from "../support/registry.ts"
import { type } from "../support/shell.ts"
import { addWebhook, publish, readyz, until, untilDelivery } from "../support/until.ts"
import { startWorker } from "../support/worker.ts"

const deliveriesStreams = ["DELIVERIES-0", "DELIVERIES-1", "DELIVERIES-2", "DELIVERIES-3"]

/** How many messages each stream has. */
const counts = (nats: NatsConnection) =>
  Effect.promise(async () => {
    const manager = await nats.jetstreamManager()
    const states = await Promise.all(
      ["EVENTS", "WEBHOOKS", "QUARANTINE", ...deliveriesStreams].map(async (name) =>
        [
          name,
          (await manager.streams.info(name)).state.messages
        ] as const
      )
    )
    return Object.fromEntries(states)
  })

/** Whether a message is let through: the server tells its client of a permissions violation, and of nothing else here. */
const mayPublish = (nats: NatsConnection, subject: string) =>
  Effect.tryPromise({
    try: () => nats.request(subject, "{}", { timeout: 400 }),
    catch: (cause) => !(cause instanceof NatsError && cause.code === String(ErrorCode.PermissionsViolation))
  }).pipe(Effect.match({ onSuccess: () => true, onFailure: (passed) => passed }))

/** The product's reader with answers where everybody has them: the auditor's are not hookline's. */
const auditing = (url: string) =>
  Layer.provideMerge(JetStreamStreams.layer, Connection.layer({ url, name: "audit", readers: guestReaders }))

/** A command that reads the streams itself, as a user of the broker. */
const commandAs = (url: string) => (...words: ReadonlyArray<string>) =>
  Effect.map(
    type(words, { env: { HOOKLINE_NATS_URL: url } }),
    ({ code, error, out }) => ({ answer: [code, error], out })
  )

describe("the users of nats.conf", () => {
  it.scopedLive("hookline: all that the product does, and not one permission is missing", () =>
    Effect.gen(function*() {
      const broker = yield* server
      const env = {
        HOOKLINE_NATS_URL: broker.url("HOOKLINE"),
        HOOKLINE_OPERATOR_KEY: operatorKey,
        HOOKLINE_MASTER_KEYS: `k1:${Buffer.alloc(32, 1).toString("base64")}`
      }
      const hookline = yield* product({ env, flags: ["--retry-schedule", "0s,1h"] })
      let status = 500
      const endpoint = yield* receiver((response) => response.writeHead(status).end())
      const { id } = yield* addWebhook(hookline, { url: endpoint.url })
      yield* publish(hookline, "evt_1")
      yield* untilDelivery(hookline, id, "evt_1", "retrying")
      status = 200
      const [delivery] = (yield* hookline.api("GET", `/v1/deliveries?webhook_id=${id}`)).body.data
      // Whoever asks is answered over an inbox.
      expect((yield* hookline.api("POST", `/v1/deliveries/${delivery.id}/retry`)).status).toBe(202)
      yield* untilDelivery(hookline, id, "evt_1", "succeeded")
      expect((yield* hookline.api("POST", `/v1/webhooks/${id}/test`, { event: "task.created" })).status).toBe(200)
      expect((yield* hookline.api("POST", `/v1/webhooks/${id}/rotate-secret`)).status).toBe(200)
      const key = yield* hookline.api("POST", "/v1/api-keys", { name: "a key", role: "publish" })
      expect(key.status).toBe(201)
      expect((yield* hookline.api("DELETE", `/v1/api-keys/${key.body.id}`)).status).toBeLessThan(300)
      status = 410
      yield* publish(hookline, "evt_2")
      yield* until(
        "the webhook is disabled",
        hookline.api("GET", `/v1/webhooks/${id}`),
        ({ body }) => body.state === "disabled" || body.status === "disabled"
      )
      expect((yield* hookline.api("DELETE", `/v1/webhooks/${id}`)).status).toBeLessThan(300)
      const publisher = yield* login(broker.address, "publisher", passwords.PUBLISHER)
      yield* Effect.promise(() => publisher.jetstream().publish("events.ws_1.task.created", "no json"))
      yield* until(
        "it is in quarantine",
        hookline.api("GET", "/v1/quarantine"),
        ({ body }) => body.data.length === 1
      )
      hookline.signal("SIGTERM")
      expect(yield* hookline.ended).toBe(0)
      yield* hookline.start
      yield* until("it is ready", readyz(hookline), (answer) => answer.status === 200)
      expect(broker.violations()).toEqual([])
    }), 120_000)

  it.scopedLive("worker and api: each its half; neither can do the other's", () =>
    Effect.gen(function*() {
      const broker = yield* server
      const settings = { masterKeys }
      const working = yield* Layer.build(servicesLayer(broker.url("WORKER"), settings))
      yield* Effect.provide(startWorker, working)
      const serving = yield* Layer.build(anotherApi(broker.url("API"), { config: settings }))
      const asked = (...words: Parameters<typeof ask>) => Effect.provide(ask(...words), serving)
      let status = 500
      const endpoint = yield* receiver((response) => response.writeHead(status).end())
      const created = yield* asked("POST", "/v1/webhooks", { body: { url: endpoint.url, events: ["*"] } })
      expect(created.status).toBe(201)
      yield* asked("POST", "/v1/events", { body: { id: "evt_1", event: "task.created", data: {} } })
      const statusOf = Effect.map(asked("GET", "/v1/deliveries"), ({ json }) => String(json["data"]?.[0]?.["status"]))
      yield* until("it failed once", statusOf, (is) => is === "retrying")
      status = 200
      const [delivery] = [(yield* asked("GET", "/v1/deliveries")).json["data"]?.[0]]
      const retried = yield* asked("POST", `/v1/deliveries/${String(delivery?.["id"])}/retry`)
      expect([retried.status, retried.text]).toEqual([202, expect.anything()])
      yield* until("it succeeded", statusOf, (is) => is === "succeeded")
      const webhook = String(created.json["id"])
      expect((yield* asked("POST", `/v1/webhooks/${webhook}/test`, { body: { event: "task.created" } })).status).toBe(
        200
      )
      expect((yield* asked("DELETE", `/v1/webhooks/${webhook}`)).status).toBeLessThan(300)
      const { json: audited } = yield* asked("GET", "/v1/audit", { workspace: null })
      expect(audited).toMatchObject({ verdict: "proven", worker_running: true, counts: { events: 1 } })
      const command = commandAs(broker.url("AUDITOR"))
      const verified = yield* command("audit", "verify", "--json")
      expect(verified.answer).toEqual([0, ""])
      expect(JSON.parse(verified.out)).toMatchObject({ verdict: "proven", worker_running: true, counts: { events: 1 } })
      expect((yield* command("replay", "--json")).out).toContain(`"kind":"succeeded"`)
      expect((yield* command("at", "0s", "webhook", webhook, "--json")).out).toContain(`"state": "deleted"`)
      expect((yield* command("at", "0s", "webhooks")).answer).toEqual([0, ""])
      const deliveryId = String(delivery?.["id"])
      expect((yield* command("at", "0s", "delivery", deliveryId, "--json")).out).toContain(`"state": "succeeded"`)
      expect(broker.violations()).toEqual([])
      // These may hear hookline's inboxes only: found out by being refused once.
      for (const user of ["WORKER", "API", "HOOKLINE"] as const) {
        for (const words of [["audit", "verify"], ["replay"], ["at", "0s", "webhooks"]]) {
          const { answer } = yield* commandAs(broker.url(user))(...words)
          expect([user, words, ...answer]).toEqual([user, words, 0, ""])
        }
      }
      const nobody = yield* commandAs(broker.url("PUBLISHER"))("audit", "verify")
      expect(nobody.answer).toEqual([2, expect.stringContaining("Permissions Violation")])

      const api = yield* login(broker.address, "api", passwords.API)
      const worker = yield* login(broker.address, "worker", passwords.WORKER)
      for (
        const subject of [
          "deliveries.0.ws_1.wh_1.succeeded",
          "deliveries.0.ws_1.wh_1.failed",
          "$KV.POSITIONS.p0",
          "$KV.LEASES.worker",
          "$O.SNAPSHOTS.M.YQ==",
          "$JS.ACK.EVENTS.p0-e1.1.1.1.1700000000000000000.0",
          "$JS.API.STREAM.DELETE.EVENTS",
          "$JS.API.STREAM.UPDATE.EVENTS",
          "$JS.API.STREAM.PURGE.EVENTS"
        ]
      ) expect([subject, yield* mayPublish(api, subject)]).toEqual([subject, false])
      for (
        const subject of [
          "events.ws_1.task.created",
          "$KV.API_KEYS.a",
          "$KV.SECRETS.ws_1.wh_1",
          "$KV.SESSIONS.a",
          "$JS.API.STREAM.DELETE.EVENTS",
          "$JS.API.STREAM.PURGE.EVENTS",
          "$JS.API.STREAM.MSG.DELETE.QUARANTINE",
          "$JS.API.STREAM.RESTORE.EVENTS"
        ]
      ) expect([subject, yield* mayPublish(worker, subject)]).toEqual([subject, false])
    }), 120_000)

  it.scopedLive("publisher: of one workspace, for no other; it reads, purges and acknowledges nothing", () =>
    Effect.gen(function*() {
      const broker = yield* serverWith((text) =>
        text.replace(
          /^ {6}\{\n {8}user: publisher/m,
          `{ user: of_a, password: k4eaf, permissions { publish { allow: ["events.ws_a.>"] }, subscribe { allow: ["_INBOX.>"] } } }\n$&`
        )
      )
      const context = yield* Layer.build(servicesLayer(broker.url("HOOKLINE")))
      const streams = Context.get(context, Streams)
      const operator = yield* login(broker.address, "operator", passwords.OPERATOR)
      const own = yield* login(broker.address, "of_a", "k4eaf")
      const acknowledged = yield* Effect.promise(() => own.jetstream().publish("events.ws_a.task.created", "{}"))
      expect(acknowledged.stream).toBe("EVENTS")
      const before = yield* counts(operator)
      for (
        const subject of [
          "events.ws_b.task.created",
          "events.ws_aa.task.created",
          "ev.0.ws_b.task.created",
          "webhooks.ws_a.wh_1",
          "deliveries.0.ws_a.wh_1.succeeded",
          "quarantine.ws_a.not_json",
          "$KV.SECRETS.ws_a.wh_1",
          "$JS.API.INFO",
          "$JS.API.STREAM.NAMES",
          "$JS.API.STREAM.INFO.EVENTS",
          "$JS.API.STREAM.PURGE.EVENTS",
          "$JS.API.STREAM.DELETE.EVENTS",
          "$JS.API.STREAM.MSG.GET.EVENTS",
          "$JS.API.STREAM.MSG.DELETE.EVENTS",
          "$JS.API.DIRECT.GET.EVENTS",
          "$JS.API.CONSUMER.CREATE.EVENTS.x.ev.>",
          "$JS.API.CONSUMER.MSG.NEXT.EVENTS.p0-e1",
          "$JS.ACK.EVENTS.p0-e1.1.1.1.1700000000000000000.0"
        ]
      ) expect([subject, yield* mayPublish(own, subject)]).toEqual([subject, false])
      expect(yield* counts(operator)).toEqual(before)

      // The broker itself answers where a message asks for it: that must lead to no stream either.
      const elsewhere = [
        "events.ws_b.task.created",
        "webhooks.ws_b.wh_1",
        "deliveries.0.ws_b.wh_1.succeeded",
        "$KV.SECRETS.ws_b.wh_1"
      ]
      for (const reply of elsewhere) own.publish("events.ws_a.task.created", "{}", { reply })
      yield* Effect.promise(() => own.flush())
      yield* until("all four are stored", streams.state("EVENTS"), ({ messages }) => messages >= before["EVENTS"]! + 4)
      const foreign = yield* streams.subjects("EVENTS", partitionedFilter, 100)
      expect(JSON.stringify(foreign)).not.toContain("ws_b")
      expect(yield* counts(operator)).toEqual({ ...before, EVENTS: before["EVENTS"]! + 4 })

      // Whatever it subscribes to, it hears its own answers only.
      const heard: Array<string> = []
      own.subscribe("_INBOX.>", { callback: (_, message) => void heard.push(message.subject) })
      yield* Effect.promise(() => own.flush())
      yield* streams.state("EVENTS")
      yield* Effect.promise(async () => (await operator.jetstreamManager()).streams.info("EVENTS"))
      yield* Effect.promise(() => own.jetstream().publish("events.ws_a.task.created", "{}"))
      expect(heard).toHaveLength(1)
    }))

  it.scopedLive("backup: copies a stream and restores one that is not there; deletes and hears nothing", () =>
    Effect.gen(function*() {
      const broker = yield* server
      yield* Layer.build(servicesLayer(broker.url("HOOKLINE")))
      const backup = yield* login(broker.address, "backup", passwords.BACKUP)
      const operator = yield* login(broker.address, "operator", passwords.OPERATOR)
      const snapshot = yield* Effect.promise(() =>
        backup.request("$JS.API.STREAM.SNAPSHOT.KV_SECRETS", JSON.stringify({ deliver_subject: createInbox() }))
      )
      expect(snapshot.json()).toMatchObject({ config: { name: "KV_SECRETS" } })
      const { config } = yield* Effect.promise(async () =>
        (await operator.jetstreamManager()).streams.info("QUARANTINE")
      )
      const restored = yield* Effect.promise(() =>
        backup.request("$JS.API.STREAM.RESTORE.QUARANTINE", JSON.stringify({ config, state: { messages: 0 } }))
      )
      expect(restored.json()).toMatchObject({ error: { description: expect.stringContaining("already in use") } })
      for (
        const subject of [
          "events.ws.task.created",
          "deliveries.0.ws.wh.succeeded",
          "$KV.SECRETS.ws.wh",
          "$JS.API.STREAM.DELETE.QUARANTINE",
          "$JS.API.STREAM.PURGE.QUARANTINE",
          "$JS.API.STREAM.UPDATE.EVENTS",
          "$JS.API.CONSUMER.CREATE.EVENTS.x.ev.>",
          "$JS.ACK.EVENTS.p0-e1.1.1.1.1700000000000000000.0"
        ]
      ) expect([subject, yield* mayPublish(backup, subject)]).toEqual([subject, false])
      expect(yield* mayPublish(operator, "$JS.ACK.EVENTS.p0-e1.1.1.1.1700000000000000000.0")).toBe(false)
    }))

  it.scopedLive("auditor: reads what an audit needs, no secret and no key, nobody's answers, and changes nothing", () =>
    Effect.gen(function*() {
      const broker = yield* server
      const context = yield* Layer.build(servicesLayer(broker.url("HOOKLINE")))
      const values = Context.get(context, KeyValue)
      yield* values.write("SECRETS", "ws.wh", "sealed canary7", 0)
      yield* values.write("API_KEYS", "k1", "hashed canary7", 0)
      yield* values.write("POSITIONS", "p0", "{}", 0)
      const publisher = yield* login(broker.address, "publisher", passwords.PUBLISHER)
      yield* Effect.promise(() => publisher.jetstream().publish("events.ws.task.created", "{}"))

      // With the product's own reader, as `hookline audit verify` reads.
      const audit = yield* Layer.build(auditing(broker.url("AUDITOR")))
      const streams = Context.get(audit, Streams)
      for (
        const [stream, filter] of [
          ["EVENTS", partitionedFilter],
          ["WEBHOOKS", "webhooks.>"],
          ["QUARANTINE", "quarantine.>"],
          ...deliveriesStreams.map((name) => [name, deliveriesAllFilter] as const),
          [bucketStream("POSITIONS"), bucketFilter("POSITIONS")]
        ] as const
      ) {
        const { firstSequence, lastSequence, messages } = yield* streams.state(stream)
        let read = 0
        yield* streams.scan({ stream, filter, from: firstSequence, to: lastSequence, onMessage: () => void read++ })
        expect([stream, read]).toEqual([stream, messages])
      }
      expect((yield* streams.last(bucketStream("POSITIONS"), "$KV.POSITIONS.p0"))._tag).toBe("Some")
      expect(broker.violations()).toEqual([])

      const auditor = yield* login(broker.address, "auditor", passwords.AUDITOR)
      const operator = yield* login(broker.address, "operator", passwords.OPERATOR)
      const before = yield* counts(operator)
      // Who works it may see; nothing else of LEASES.
      expect((yield* streams.last(bucketStream("LEASES"), "$KV.LEASES.worker"))._tag).toBe("None")
      for (
        const subject of [
          "$JS.API.DIRECT.GET.KV_LEASES",
          "$JS.API.CONSUMER.CREATE.KV_LEASES.guest-1.$KV.>",
          // Not under hookline's names, nor under any but its own.
          "$JS.API.CONSUMER.CREATE.EVENTS.p0-e1.ev.0.>",
          "$JS.API.CONSUMER.CREATE.EVENTS.p0-e1",
          "$JS.API.CONSUMER.CREATE.EVENTS.other.ev.>",
          "$JS.API.CONSUMER.MSG.NEXT.EVENTS.p0-e1",
          "$JS.API.CONSUMER.DELETE.EVENTS.p0-e1",
          "$JS.API.CONSUMER.PAUSE.EVENTS.p0-e1",
          "$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.p0-e1"
        ]
      ) expect([subject, yield* mayPublish(auditor, subject)]).toEqual([subject, false])
      for (const stream of ["KV_SECRETS", "KV_API_KEYS", "KV_SESSIONS", "KV_JOBS", "OBJ_SNAPSHOTS"]) {
        for (
          const subject of [
            `$JS.API.STREAM.MSG.GET.${stream}`,
            `$JS.API.DIRECT.GET.${stream}`,
            `$JS.API.DIRECT.GET.${stream}.$KV.SECRETS.ws.wh`,
            `$JS.API.CONSUMER.CREATE.${stream}.guest-1.$KV.SECRETS.>`,
            `$JS.API.CONSUMER.CREATE.${stream}.guest-1`,
            `$JS.API.CONSUMER.CREATE.${stream}.x`,
            `$JS.API.CONSUMER.CREATE.${stream}`,
            `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.x`
          ]
        ) expect([subject, yield* mayPublish(auditor, subject)]).toEqual([subject, false])
      }
      for (
        const subject of [
          "events.ws.task.created",
          "webhooks.ws.wh",
          "deliveries.0.ws.wh.succeeded",
          "quarantine.ws.not_json",
          "$KV.POSITIONS.p0",
          "$KV.SECRETS.ws.wh",
          "$O.SNAPSHOTS.M.YQ==",
          "$JS.ACK.EVENTS.p0-e1.1.1.1.1700000000000000000.0",
          "$JS.API.STREAM.PURGE.QUARANTINE",
          "$JS.API.STREAM.DELETE.QUARANTINE",
          "$JS.API.STREAM.UPDATE.EVENTS",
          "$JS.API.STREAM.CREATE.OTHER",
          "$JS.API.STREAM.MSG.DELETE.QUARANTINE",
          "$JS.API.STREAM.SNAPSHOT.KV_SECRETS",
          "$JS.API.STREAM.RESTORE.EVENTS"
        ]
      ) expect([subject, yield* mayPublish(auditor, subject)]).toEqual([subject, false])
      expect(yield* counts(operator)).toEqual(before)

      // hookline reads a sealed secret meanwhile: the answer is for it alone.
      for (const user of [auditor, operator]) {
        const heard: Array<string> = []
        const note = (subject: string, data: string) => {
          if (subject.startsWith(ownInboxes) || data.includes("canary7")) heard.push(subject)
        }
        user.subscribe("_INBOX.>", { callback: (_, message) => note(message?.subject ?? "", message?.string() ?? "") })
        yield* Effect.promise(() => user.flush())
        expect((yield* values.get("SECRETS", "ws.wh"))._tag).toBe("Some")
        // Behind everything that came before on this connection.
        yield* Effect.promise(() => user.flush())
        expect(heard).toEqual([])
      }
    }))
})
