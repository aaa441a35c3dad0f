import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { headers as natsHeaders } from "nats"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { eventually } from "../support/broker.ts"
import { collector } from "../support/collector.ts"
import { metrics, metricsText, parseMetrics, untilMetrics } from "../support/metrics.ts"
import { lastingPort } from "../support/port.ts"
import { type Product, product } from "../support/product.ts"
import { natsClient } from "../support/publisher.ts"
import { type Receiver, receiver } from "../support/receiver.ts"
import { addWebhook, publish, untilDelivery } from "../support/until.ts"

const env = { HOOKLINE_SYNC: "2m", HOOKLINE_RETRY_SCHEDULE: "0s,2s" }

/** Answers 500 the first time it gets an event, 200 from then on. */
const failsOnce = Effect.gen(function*() {
  const seen = new Set<string>()
  return yield* receiver((response, { id }) => {
    response.statusCode = seen.has(id) ? 200 : 500
    seen.add(id)
    response.end()
  })
})

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
const spanId = "00f067aa0ba902b7"
const traceparent = `00-${traceId}-${spanId}-01`

/** Publishes over HTTP with headers of its own. */
const post = (hookline: Product, path: string, body: unknown, headers: Readonly<Record<string, string>>) =>
  Effect.promise(async () => {
    const { url } = JSON.parse(readFileSync(join(hookline.data, "server.json"), "utf8"))
    const key = readFileSync(join(hookline.data, "operator.key"), "utf8").trim()
    const { status } = await fetch(`${url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "x-workspace-id": "ws_1", ...headers },
      body: JSON.stringify(body)
    })
    if (status !== 202) throw new Error(`${path} answered ${status}`)
  })

const event = (id: string) => ({ id, event: "task.created", data: {} })

const arrived = (endpoint: Receiver, id: string) => endpoint.arrivals.filter((arrival) => arrival.id === id)

describe("/metrics", () => {
  it.scopedLive("counts each thing that happens exactly once, and tells nothing of a customer", () =>
    Effect.gen(function*() {
      const endpoint = yield* failsOnce
      const hookline = yield* product({ env })
      const { id: webhook, secret } = yield* addWebhook(hookline, { url: `${endpoint.url}?token=abcdefgh` })
      yield* addWebhook(hookline, { url: (yield* failsOnce).url, events: ["project.*"] })
      const client = yield* natsClient(hookline.natsUrl())
      const js = client.jetstream()
      const send = (subject: string, body: unknown) => Effect.promise(() => js.publish(subject, JSON.stringify(body)))

      // One delivery over NATS, two over HTTP, a repeat that the broker knows, one that only the worker knows, two that are no events.
      yield* send("events.ws_1.task.created", { id: "evt_nats", data: {} })
      yield* publish(hookline, "evt_http", "project.created")
      yield* publish(hookline, "evt_http", "project.created")
      yield* send("events.ws_1.task.created", { id: "evt_nats", data: {} })
      yield* send("events.ws_1.no.such", { data: {} })
      yield* send("events.ws_1.misfit", { data: {} })

      const due = yield* untilMetrics(hookline, {
        "hookline_deliveries_live{state=\"due\"}": 3,
        "hookline_attempts_total{outcome=\"status\"}": 3
      })
      expect(due.get("hookline_delivery_records_total{kind=\"attempt_failed\"}")).toBe(3)
      for (const id of ["evt_nats", "evt_http"]) yield* untilDelivery(hookline, webhook, id, "succeeded")
      const done = yield* untilMetrics(hookline, {
        "hookline_delivery_records_total{kind=\"succeeded\"}": 3,
        "hookline_attempts_total{outcome=\"success\"}": 3
      })
      const of = (...names: ReadonlyArray<string>) => names.map((name) => done.get(`hookline_${name}`))
      expect(of("events_published_total", "events_duplicate_total", "deliveries_matched_total")).toEqual([5, 1, 3])
      expect(of("http_events_total{result=\"stored\"}", "http_events_total{result=\"duplicate\"}")).toEqual([1, 1])
      expect(
        of(
          "events_quarantined_total{reason=\"unknown_type\"}",
          "events_quarantined_total{reason=\"bad_subject\"}",
          "events_quarantined_total{reason=\"not_json\"}"
        )
      ).toEqual([1, 1, 0])
      expect(
        of("attempt_duration_seconds_count", "attempts_total{outcome=\"connect\"}", "circuits_open", "events_open")
      ).toEqual([6, 0, 0, 0])
      expect(
        ["ready", "in_flight", "due", "held"].map((state) => done.get(`hookline_deliveries_live{state="${state}"}`))
      ).toEqual([0, 0, 0, 0])
      expect(of("delivery_records_total{kind=\"duplicate\"}", "delivery_records_total{kind=\"failed\"}")).toEqual([
        1,
        0
      ])
      expect(of("worker_state{state=\"running\"}", "worker_trouble", "ready", "broker_connected")).toEqual([1, 0, 1, 1])
      expect(done.get("hookline_append_duration_seconds_count")).toBeGreaterThan(8)
      expect(done.get("hookline_stream_bytes{stream=\"EVENTS\"}")).toBeGreaterThan(100)
      expect(done.get("process_resident_memory_bytes")).toBeGreaterThan(10_000_000)

      const text = yield* metricsText(hookline)
      for (const word of [webhook, secret, "ws_1", "evt_", "127.0.0.1", "token", "abcdefgh", hookline.data]) {
        expect(text).not.toContain(word)
      }
    }))

  it.scopedLive("shows an open circuit, what it holds, and a broker that came back", () =>
    Effect.gen(function*() {
      const hookline = yield* product({ env })
      const port = yield* lastingPort
      yield* addWebhook(hookline, { url: `http://127.0.0.1:${port}/` })
      for (let n = 0; n < 12; n++) yield* publish(hookline, `evt_${n}`)
      const open = yield* untilMetrics(hookline, {
        hookline_circuits_open: 1,
        "hookline_deliveries_live{state=\"held\"}": 12,
        "hookline_lanes{state=\"in_use\"}": 0
      })
      expect(open.get("hookline_attempts_total{outcome=\"connect\"}")).toBe(10)
      expect(open.get("hookline_endpoints")).toBe(1)
      expect(open.get("hookline_broker_reconnects_total")).toBe(0)

      process.kill(Number(readFileSync(join(hookline.data, "nats.pid"), "utf8")), "SIGKILL")
      const back = yield* untilMetrics(hookline, { hookline_broker_reconnects_total: 1, hookline_ready: 1 }, 30_000)
      expect(back.get("hookline_broker_connected")).toBe(1)
    }))
})

describe("a publisher's trace", () => {
  it.scopedLive("goes on to the endpoint as it came, over HTTP, NATS, a retry, a restart; one that is not valid does not", () =>
    Effect.gen(function*() {
      const endpoint = yield* failsOnce
      const hookline = yield* product({ env })
      const { id: webhook } = yield* addWebhook(hookline, { url: endpoint.url })
      const trace = { traceparent, tracestate: "vendor=value,other=1" }
      yield* post(hookline, "/v1/events", event("evt_one"), trace)
      yield* post(hookline, "/v1/events/batch", [event("evt_batch")], trace)
      yield* post(hookline, "/v1/events", event("evt_bad"), { ...trace, traceparent: traceparent.toUpperCase() })
      yield* post(hookline, "/v1/events", event("evt_state"), { traceparent, tracestate: "no state" })
      const client = yield* natsClient(hookline.natsUrl())
      const js = client.jetstream()
      const headers = natsHeaders()
      headers.set("traceparent", traceparent)
      yield* Effect.promise(() =>
        js.publish("events.ws_1.task.created", JSON.stringify({ id: "evt_nats", data: {} }), { headers })
      )
      const folded = natsHeaders()
      folded.set("Traceparent", traceparent)
      folded.set("Tracestate", "a=1")
      yield* Effect.promise(() =>
        js.publish("events.ws_1.task.created", JSON.stringify({ id: "evt_folded", data: {} }), { headers: folded })
      )
      const ids = ["evt_one", "evt_batch", "evt_bad", "evt_state", "evt_nats", "evt_folded"]
      yield* eventually("the first attempts", () => endpoint.seen.size === ids.length)
      yield* hookline.kill
      yield* hookline.start
      for (const id of ids) yield* untilDelivery(hookline, webhook, id, "succeeded", 30_000)
      const sent = (id: string) =>
        arrived(endpoint, id).map(({ headers }) => [headers["traceparent"], headers["tracestate"]])
      for (const id of ids) expect(arrived(endpoint, id).length).toBeGreaterThan(1)
      for (const id of ["evt_one", "evt_batch"]) {
        for (const one of sent(id)) expect(one).toEqual([traceparent, trace.tracestate])
      }
      for (const one of sent("evt_bad")) expect(one).toEqual([undefined, undefined])
      for (const id of ["evt_state", "evt_nats"]) {
        for (const one of sent(id)) expect(one).toEqual([traceparent, undefined])
      }
      for (const one of sent("evt_folded")) expect(one).toEqual([traceparent, "a=1"])
      const after = yield* metrics(hookline)
      expect(after.get("hookline_spans_total{result=\"exported\"}")).toBe(0)
    }))

  it.scopedLive("is kept in quarantine and by a release", () =>
    Effect.gen(function*() {
      const endpoint = yield* receiver()
      const hookline = yield* product({ env })
      const { id: webhook } = yield* addWebhook(hookline, { url: endpoint.url })
      const client = yield* natsClient(hookline.natsUrl())
      const headers = natsHeaders()
      headers.set("traceparent", traceparent)
      const body = JSON.stringify({ id: "evt_robot", data: {} })
      yield* Effect.promise(() => client.jetstream().publish("events.ws_1.robot.built", body, { headers }))
      yield* untilMetrics(hookline, { "hookline_events_quarantined_total{reason=\"unknown_type\"}": 1 })
      hookline.signal("SIGTERM")
      yield* hookline.ended
      const catalogue = join(hookline.data, "catalogue.json")
      writeFileSync(
        catalogue,
        JSON.stringify({ types: [{ type: "robot.built", description: "A robot was built", example: {} }] })
      )
      const mended = yield* product({ data: hookline.data, env: { ...env, HOOKLINE_CATALOGUE: catalogue } })
      const [entry] = (yield* mended.api("GET", "/v1/quarantine")).body.data
      expect((yield* mended.api("POST", `/v1/quarantine/${entry.id}/release`)).status).toBe(202)
      yield* untilDelivery(mended, webhook, "evt_robot", "succeeded")
      expect(arrived(endpoint, "evt_robot").map(({ headers }) => headers["traceparent"])).toEqual([traceparent])
      const after = yield* untilMetrics(mended, { hookline_events_published_total: 1 })
      expect(after.get("hookline_http_events_total{result=\"stored\"}")).toBe(0)
    }))

  it.scopedLive("has a span for each attempt, whose context the endpoint gets; metrics are exported beside", () =>
    Effect.gen(function*() {
      const endpoint = yield* failsOnce
      const receives = yield* collector()
      const hookline = yield* product({
        env: {
          ...env,
          OTEL_EXPORTER_OTLP_ENDPOINT: receives.url,
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
          OTEL_EXPORTER_OTLP_HEADERS: "x-collector-key=open-sesame",
          OTEL_SERVICE_NAME: "webhooks-of-craftdesk",
          OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
          OTEL_BSP_SCHEDULE_DELAY: "100",
          OTEL_METRIC_EXPORT_INTERVAL: "300"
        }
      })
      const { id: webhook, secret } = yield* addWebhook(hookline, {
        url: `${endpoint.url}/a-private-path?token=abcdefgh`
      })
      yield* post(hookline, "/v1/events", event("evt_traced"), { traceparent, tracestate: "vendor=value" })
      yield* publish(hookline, "evt_alone")
      yield* post(hookline, "/v1/events", event("evt_unsampled"), { traceparent: `00-${traceId}-${spanId}-00` })
      for (const id of ["evt_traced", "evt_alone", "evt_unsampled"]) {
        yield* untilDelivery(hookline, webhook, id, "succeeded")
      }
      yield* eventually("four spans", () => receives.spans().length === 4)
      yield* untilMetrics(hookline, { "hookline_spans_total{result=\"exported\"}": 4 })

      const of = (id: string) => receives.spans().filter(({ attributes }) => attributes["hookline.event.id"] === id)
      const sent = (id: string) => arrived(endpoint, id).map(({ headers }) => headers["traceparent"])
      const traced = of("evt_traced")
      expect(sent("evt_traced")).toEqual(traced.map(({ spanId, traceId }) => `00-${traceId}-${spanId}-01`))
      expect(arrived(endpoint, "evt_traced").map(({ headers }) => headers["tracestate"])).toEqual([
        "vendor=value",
        "vendor=value"
      ])
      for (const [index, span] of traced.entries()) {
        expect(span).toMatchObject({ traceId, parentSpanId: spanId, name: "webhook.attempt", kind: 3 })
        expect(span.links).toMatchObject([{ traceId, spanId }])
        expect(span.status.code).toBe(index === 0 ? 2 : 0)
        const status = index === 0 ? 500 : 200
        expect(span.attributes).toMatchObject({
          "http.request.method": "POST",
          "http.response.status_code": status,
          "server.address": "127.0.0.1",
          "server.port": Number(new URL(endpoint.url).port),
          "url.scheme": "http",
          "hookline.workspace.id": "ws_1",
          "hookline.webhook.id": webhook,
          "hookline.event.type": "task.created",
          "hookline.attempt": index + 1,
          "hookline.attempt.outcome": index === 0 ? "status" : "success"
        })
        expect(span.resource).toMatchObject({
          "service.name": "webhooks-of-craftdesk",
          "deployment.environment.name": "test"
        })
        expect(Number(span.endTimeUnixNano)).toBeGreaterThan(Number(span.startTimeUnixNano))
      }
      const alone = of("evt_alone")
      expect(new Set(alone.map((span) => span.traceId)).size).toBe(2)
      expect(alone.every((span) => span.parentSpanId === undefined && span.links.length === 0)).toBe(true)
      expect(sent("evt_alone")).toEqual(alone.map((span) => `00-${span.traceId}-${span.spanId}-01`))
      // Its publisher does not sample this trace: no span, and the endpoint is told so.
      expect(of("evt_unsampled")).toEqual([])
      for (const one of sent("evt_unsampled")) expect(one).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`))

      yield* eventually(
        "the metrics",
        () => receives.metric("hookline_attempts_total").get(`{"outcome":"success"}`) === 3
      )
      expect(receives.metric("hookline_attempt_duration_seconds").get("{}")).toBe(6)
      expect(receives.metric("hookline_worker_state").get(`{"state":"running"}`)).toBe(1)
      const all = receives.exports.map(({ body }) => body.toString()).join("\n")
      for (const word of [secret, "a-private-path", "abcdefgh"]) expect(all).not.toContain(word)
      for (const { headers } of receives.exports) expect(headers["x-collector-key"]).toBe("open-sesame")
      expect(hookline.output()).not.toContain("open-sesame")
    }))

  it.scopedLive("is exported as protobuf unless told otherwise, with what is left at the end", () =>
    Effect.gen(function*() {
      const endpoint = yield* receiver()
      const receives = yield* collector((response) => {
        response.setHeader("content-type", "application/x-protobuf")
        response.end()
      })
      const hookline = yield* product({ env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: receives.url } })
      const { id: webhook } = yield* addWebhook(hookline, { url: endpoint.url })
      yield* post(hookline, "/v1/events", event("evt_1"), { traceparent })
      yield* untilDelivery(hookline, webhook, "evt_1", "succeeded")
      expect(receives.exports).toEqual([])
      hookline.signal("SIGTERM")
      expect(yield* hookline.ended).toBe(0)
      expect(receives.exports.map(({ path }) => path).toSorted()).toEqual(["/v1/metrics", "/v1/traces"])
      for (const { headers } of receives.exports) expect(headers["content-type"]).toBe("application/x-protobuf")
      const spans = receives.exports.find(({ path }) => path === "/v1/traces")?.body
      expect(spans?.includes(Buffer.from(traceId, "hex"))).toBe(true)
      const values = receives.exports.find(({ path }) => path === "/v1/metrics")?.body
      expect(values?.includes("hookline_attempts_total")).toBe(true)
    }))

  it.scopedLive("that nobody takes keeps no delivery and no stop waiting; what does not fit is dropped and counted", () =>
    Effect.gen(function*() {
      const endpoint = yield* receiver()
      const silent = yield* collector(() => {})
      const hookline = yield* product({
        env: {
          ...env,
          OTEL_EXPORTER_OTLP_ENDPOINT: silent.url,
          OTEL_BSP_MAX_QUEUE_SIZE: "8",
          OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "4",
          OTEL_METRIC_EXPORT_INTERVAL: "200",
          OTEL_METRIC_EXPORT_TIMEOUT: "100"
        }
      })
      yield* addWebhook(hookline, { url: endpoint.url })
      for (let n = 0; n < 40; n++) yield* publish(hookline, `evt_${n}`)
      yield* eventually("all deliveries", () => endpoint.seen.size === 40)
      // Four are on their way to nowhere, eight wait behind them.
      const stuck = yield* untilMetrics(hookline, {
        "hookline_spans_total{result=\"dropped\"}": 28,
        "hookline_delivery_records_total{kind=\"succeeded\"}": 40
      })
      expect(stuck.get("hookline_metric_exports_total{result=\"failed\"}")).toBeGreaterThan(0)
      expect(hookline.output().match(/metrics cannot be exported/g)).toHaveLength(1)
      hookline.signal("SIGTERM")
      expect(yield* hookline.ended).toBe(0)
    }))
})

describe("the checker of these tests", () => {
  it("takes what is right and nothing else", () => {
    const head = "# HELP a_total A.\n# TYPE a_total counter\n"
    expect(parseMetrics(`${head}a_total{b="c"} 1\n`).series.get("a_total{b=\"c\"}")).toBe(1)
    const wrong = ["a_total 1", "a_total 1\na_total 1\n", "b 1\n", "a_total{b=c} 1\n", "a_total NaN\n", "a_total 1\n\n"]
    for (const tail of wrong) expect(() => parseMetrics(`${head}${tail}`)).toThrow("text format")
  })
})
