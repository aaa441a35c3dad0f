import { describe, expect, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { eventually, TestBroker, type TestBrokerService } from "../support/broker.ts"
import { externalProduct } from "../support/external.ts"
import { natsClient, publishMany } from "../support/publisher.ts"
import { receiver } from "../support/receiver.ts"
import { addWebhook, checkOf, never, publish, readyz, until, untilDelivery } from "../support/until.ts"

/** How long the broker is away. By hand, for the full two minutes: OUTAGE_SECONDS=120. */
const outage = Number(process.env["OUTAGE_SECONDS"] ?? 15) * 1000

/** What an outage must not do, whichever way the broker goes and comes back. */
const survives = (
  away: (broker: TestBrokerService) => Effect.Effect<void>,
  back: (broker: TestBrokerService) => Effect.Effect<void>
) =>
  Effect.gen(function*() {
    const broker = yield* TestBroker
    const endpoint = yield* receiver(undefined, { keepArrivals: false })
    const failing = yield* receiver((response, { count }) => {
      response.statusCode = count <= 20 ? 500 : 200
      response.end()
    }, { keepArrivals: false })
    const hookline = yield* externalProduct({ HOOKLINE_RETRY_SCHEDULE: "0s,3s,6s,12s,24s" })
    const healthy = yield* addWebhook(hookline, { url: endpoint.url, events: ["task.*"] })
    const retried = yield* addWebhook(hookline, { url: failing.url, events: ["project.*"] })
    const client = yield* natsClient(broker.url)
    // Twenty whose retries come due during the outage, and a load that it interrupts.
    yield* publishMany(client, { workspace: "ws_1", type: "project.created", prefix: "evt_p", count: 20 })
    yield* eventually("twenty failures", () => failing.seen.size === 20)
    yield* publishMany(client, { workspace: "ws_1", type: "task.created", prefix: "evt_t", count: 1_000 })
    yield* eventually("the load to begin", () => endpoint.seen.size > 100)
    const from = yield* Clock.currentTimeMillis
    yield* away(broker)

    const refused = yield* until(
      "a refusal",
      hookline.api("POST", "/v1/events", { event: "task.created", data: {}, id: "evt_refused" }),
      ({ status }) => status !== 202,
      15_000
    )
    expect([refused.status, refused.body.error.type]).toEqual([503, "broker_unavailable"])
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0)
    const unwell = yield* until("not ready", readyz(hookline), ({ status }) => status === 503)
    expect(unwell.body.checks.filter(({ ok }: { readonly ok: boolean }) => !ok).length).toBeGreaterThan(0)
    expect((yield* hookline.api("GET", "/healthz")).status).toBe(200)
    yield* until("the worker to stop", readyz(hookline), (answer) => checkOf(answer, "worker")?.detail !== "running")
    yield* eventually("what is in flight to end", () => endpoint.open() === 0 && failing.open() === 0)
    const requests = () => total(endpoint.seen) + total(failing.seen)
    const atOutage = requests()
    yield* never("a request without a lease", () =>
      requests() > atOutage, Math.max(1_000, outage - ((yield* Clock.currentTimeMillis) - from)))

    yield* back(broker)
    yield* until("ready", readyz(hookline), ({ status }) =>
      status === 200, 30_000)
    yield* eventually("the load", () =>
      endpoint.seen.size >= 1_000, 30_000)
    yield* eventually("the retries", () => total(failing.seen) >= 40, 30_000)
    yield* publish(hookline, "evt_after")
    yield* eventually("an event published afterwards", () => endpoint.seen.has("evt_after"))
    yield* untilDelivery(hookline, healthy.id, "evt_after", "succeeded")
    for (let n = 0; n < 20; n++) yield* untilDelivery(hookline, retried.id, `evt_p${n}`, "succeeded")
    // What was in flight, or not yet acknowledged in the ledger, may come again; nothing else.
    expect(total(endpoint.seen) - endpoint.seen.size).toBeLessThanOrEqual(16)
    expect(total(failing.seen)).toBeLessThanOrEqual(40 + 16)
    return hookline
  })

const total = (seen: ReadonlyMap<string, number>): number => Array.from(seen.values()).reduce((sum, n) => sum + n, 0)

describe(`a broker that is gone for ${outage / 1000} s`, () => {
  it.scopedLive(
    "killed, and started on the same store: the worker resumes by itself, nothing is lost, nothing stuck",
    () => survives(({ kill }) => kill, ({ restart }) => restart).pipe(Effect.provide(TestBroker.layer())),
    120_000 + outage
  )

  it.scopedLive(
    "frozen, and thawed: the same",
    () => survives(({ freeze }) => freeze, ({ thaw }) => thaw).pipe(Effect.provide(TestBroker.layer())),
    120_000 + outage
  )
})
