import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHmac } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { product } from "../support/product.ts"
import { type Arrival, receiver } from "../support/receiver.ts"
import { masterKey } from "../support/registry.ts"
import { type } from "../support/shell.ts"
import { addWebhook, publish, until, untilDelivery } from "../support/until.ts"

const page = readFileSync(new URL("../../docs/operating.md", import.meta.url), "utf8")
const told = /## Changing the master key\n([^]*?)\n## /.exec(page)?.[1] ?? ""

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-keys-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }))
)

/** Signed with the webhook's secret, over the raw body. */
const isSigned = ({ body, headers }: Arrival, secret: string): boolean =>
  headers["x-webhook-signature"] === createHmac("sha256", secret).update(body).digest("hex")

const doctor = (data: string, keys: string) =>
  Effect.gen(function*() {
    const { out } = yield* type(["doctor", "--json"], {
      env: { HOOKLINE_DATA: data, HOOKLINE_MASTER_KEYS: keys, HOOKLINE_PORT: "0", HOOKLINE_NATS_PORT: "0" }
    })
    const { checks } = JSON.parse(out) as {
      readonly checks: ReadonlyArray<{ readonly check: string; readonly state: string; readonly found: string }>
    }
    return checks.find(({ check }) => check === "keys in use")
  })

const rewrap = (data: string) =>
  Effect.map(
    type(["secrets", "rewrap", "--json"], { env: { HOOKLINE_DATA: data } }),
    ({ code, error, out }) => ({ code, error, found: JSON.parse(out) as Record<string, unknown> })
  )

describe("master keys", () => {
  it.scopedLive(
    "are changed as docs/operating.md says, and deliveries go on, signed as before",
    () =>
      Effect.gen(function*() {
        for (const line of ["hookline secrets rewrap", "hookline doctor", "HOOKLINE_MASTER_KEYS"]) {
          expect(told).toContain(line)
        }
        const data = yield* directory
        const [k1, k2] = [masterKey("k1", 1), masterKey("k2", 2)]
        const endpoint = yield* receiver()
        /** A hookline with a ring, for as long as it is used. */
        const under = <A>(
          keys: string,
          use: (hookline: Effect.Effect.Success<ReturnType<typeof product>>) => Effect.Effect<A>
        ) => Effect.scoped(Effect.flatMap(product({ data, env: { HOOKLINE_MASTER_KEYS: keys } }), use))

        const [first, second] = yield* under(k1, (hookline) =>
          Effect.all([
            addWebhook(hookline, { url: endpoint.url, headers: { "x-customer": "static value" } }),
            addWebhook(hookline, { url: endpoint.url })
          ]))
        const third = yield* under(`${k2},${k1}`, (hookline) =>
          Effect.gen(function*() {
            const third = yield* addWebhook(hookline, { url: endpoint.url })
            expect(yield* doctor(data, `${k2},${k1}`)).toMatchObject({
              state: "ok",
              found:
                "k1 for 2 webhooks, k2 for 1 webhook; k2 seals what is new; `hookline secrets rewrap` seals the rest anew"
            })
            expect(yield* rewrap(data)).toEqual({
              code: 0,
              error: "",
              found: { sealing_key: "k2", webhooks: 3, already: 1, rewrapped: 2, gone: 0, failed: [] }
            })
            expect((yield* type(["secrets", "rewrap"], { env: { HOOKLINE_DATA: data } })).out).toContain(
              "sealed with k2: 0 now, 3 already"
            )
            expect(yield* doctor(data, `${k2},${k1}`)).toMatchObject({
              state: "ok",
              found: "k2 for 3 webhooks; k2 seals what is new; no longer needed: k1"
            })
            return third
          }))
        yield* under(k2, (hookline) =>
          Effect.gen(function*() {
            yield* publish(hookline, "evt_after")
            yield* until("all three have it", Effect.sync(() => endpoint.arrivals.length), (count) => count === 3)
            for (const { secret } of [first!, second!, third]) {
              expect(endpoint.arrivals.filter((arrival) => isSigned(arrival, secret))).toHaveLength(1)
            }
            expect(endpoint.arrivals.filter(({ headers }) => headers["x-customer"] === "static value")).toHaveLength(1)
          }))
      }),
    90_000
  )

  it.scopedLive("one that is missing or wrong fails its webhook and nobody else", () =>
    Effect.gen(function*() {
      const data = yield* directory
      const endpoint = yield* receiver()
      const under = <A>(
        keys: string,
        use: (hookline: Effect.Effect.Success<ReturnType<typeof product>>) => Effect.Effect<A>
      ) => Effect.scoped(Effect.flatMap(product({ data, env: { HOOKLINE_MASTER_KEYS: keys } }), use))
      const lost = yield* under(masterKey("lost", 1), (hookline) => addWebhook(hookline, { url: endpoint.url }))
      // Another key of the same id.
      const wrong = yield* under(masterKey("k1", 7), (hookline) => addWebhook(hookline, { url: endpoint.url }))
      yield* under(masterKey("k1", 2), (hookline) =>
        Effect.gen(function*() {
          const well = yield* addWebhook(hookline, { url: endpoint.url })
          const { body, status } = yield* hookline.api("GET", "/v1/webhooks")
          expect(status).toBe(200)
          expect(body.data.map(({ id }: { readonly id: string }) => id).sort()).toEqual(
            [lost.id, wrong.id, well.id].sort()
          )
          yield* publish(hookline, "evt_1")
          yield* untilDelivery(hookline, well.id, "evt_1", "succeeded")
          for (const { id } of [lost, wrong]) {
            expect(yield* untilDelivery(hookline, id, "evt_1", "held")).toMatchObject({
              held_reason: "secret",
              attempts: 0
            })
          }
          expect(endpoint.arrivals).toHaveLength(1)
          const { code, error, found } = yield* rewrap(data)
          expect(code).toBe(1)
          expect(error).toContain("2 of 3 webhooks could not be sealed anew")
          expect(found).toMatchObject({ already: 1, rewrapped: 0 })
          expect(found["failed"]).toHaveLength(2)
          expect(found["failed"]).toEqual(expect.arrayContaining([
            { workspace_id: "ws_1", webhook_id: lost.id, reason: "key_missing", key_id: "lost" },
            { workspace_id: "ws_1", webhook_id: wrong.id, reason: "corrupt", key_id: "k1" }
          ]))
          // What cannot be opened can be replaced, and then flows.
          yield* hookline.api("POST", `/v1/webhooks/${lost.id}/rotate-secret`, { overlap_seconds: 0 })
          const words = yield* type(["secrets", "rewrap"], { env: { HOOKLINE_DATA: data } })
          expect(words.out).toContain(`not sealed anew: ${wrong.id} of ws_1: it does not open`)
          expect(words.out).not.toContain(lost.id)
        }))
    }), 90_000)
})
