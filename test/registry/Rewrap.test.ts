import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { key } from "../../src/broker/Subjects.ts"
import { Config } from "../../src/Config.ts"
import { WorkspaceId } from "../../src/model/Id.ts"
import { type Place, Rewrap, type Rewrapped } from "../../src/registry/Rewrap.ts"
import { Subscriptions } from "../../src/registry/Subscriptions.ts"
import { keysOf, Vault } from "../../src/registry/Vault.ts"
import { type NewWebhook, Webhooks } from "../../src/registry/Webhooks.ts"
import { testConfig } from "../support/broker.ts"
import { freshBroker, masterKey, masterKeys, registryLayer } from "../support/registry.ts"

const workspace = WorkspaceId.make("ws_1")
const hook: NewWebhook = {
  url: "https://example.com/hook",
  events: ["project.*"],
  headers: [["authorization", "Bearer static"]]
}
const [oldKey, newKey] = [masterKeys, masterKey("k2", 2)]

/** Our process with another ring, over the same broker. */
const withRing = (keys: string) =>
  Rewrap.layer.pipe(
    Layer.provideMerge(registryLayer),
    Layer.fresh,
    Layer.provide(Layer.succeed(Config, testConfig({ masterKeys: keys })))
  )

/** A whole pass, so many webhooks a part. */
const pass = (most = 100) =>
  Effect.gen(function*() {
    const rewrap = yield* Rewrap
    const parts: Array<Rewrapped> = []
    let place: Place | undefined = (yield* rewrap.begin).place
    while (place !== undefined) {
      const part: Rewrapped = yield* rewrap.part(place, most)
      parts.push(part)
      place = part.next
    }
    const sum = (count: "already" | "rewrapped" | "gone") => parts.reduce((all, part) => all + part[count], 0)
    return {
      parts: parts.length,
      already: sum("already"),
      rewrapped: sum("rewrapped"),
      gone: sum("gone"),
      failed: parts.flatMap(({ failed }) => failed)
    }
  })

/** By webhook, the keys that sealed what it has in SECRETS. */
const sealing = Effect.gen(function*() {
  const keyValue = yield* KeyValue
  const found = new Map<string, ReadonlyArray<string>>()
  for (const name of yield* keyValue.keys("SECRETS")) {
    const entry = yield* keyValue.get("SECRETS", name)
    found.set(name.split(".")[1] ?? "", Option.match(entry, { onNone: () => [], onSome: ({ value }) => keysOf(value) }))
  }
  return found
})

const created = (count: number) =>
  Effect.flatMap(
    Webhooks,
    (webhooks) =>
      Effect.forEach(Array.from({ length: count }), () => webhooks.create(workspace, hook), { concurrency: 8 })
  )

/** Everybody's secret and header as the ring opens them. */
const opened = Effect.gen(function*() {
  const [subscriptions, vault] = [yield* Subscriptions, yield* Vault]
  yield* subscriptions.fence
  return new Map(
    yield* Effect.forEach(
      subscriptions.ofWorkspace(workspace),
      (webhook) =>
        Effect.map(vault.load(webhook), ({ headers, secrets }) =>
          [
            webhook.id as string,
            {
              secrets: [...secrets.values()].map(Redacted.value),
              headers: Redacted.value(headers)
            }
          ] as const)
    )
  )
})

describe("Rewrap", () => {
  it.scopedLive(
    "seals everything with the first key, in parts; what it holds stays; a second pass has nothing to do",
    () =>
      Effect.gen(function*() {
        const before = yield* Effect.gen(function*() {
          const made = yield* created(7)
          yield* (yield* Webhooks).rotateSecret(workspace, made[0]!.webhook.id)
          return yield* opened
        }).pipe(Effect.provide(withRing(oldKey)))
        expect(before.size).toBe(7)

        yield* Effect.gen(function*() {
          expect(yield* pass(3)).toEqual({ parts: 3, already: 0, rewrapped: 7, gone: 0, failed: [] })
          expect(yield* pass()).toEqual({ parts: 1, already: 7, rewrapped: 0, gone: 0, failed: [] })
        }).pipe(Effect.provide(withRing(`${newKey},${oldKey}`)))
        expect(new Set([...(yield* sealing).values()].flat())).toEqual(new Set(["k2"]))
        expect(yield* Effect.provide(opened, withRing(newKey))).toEqual(before)
      }).pipe(Effect.provide(freshBroker())),
    30_000
  )

  it.scopedLive(
    "beside creations, rotations, changes and deletions nothing is undone and nothing comes back",
    () =>
      Effect.gen(function*() {
        const old = yield* Effect.provide(created(60), withRing(oldKey))
        const latest = yield* Effect.gen(function*() {
          const webhooks = yield* Webhooks
          const ids = old.map(({ webhook }) => webhook.id)
          const rotated = new Map<string, string>()
          const load = Effect.all([
            Effect.forEach(ids.slice(0, 20), (id) =>
              Effect.map(
                webhooks.rotateSecret(workspace, id, { overlap: 0 }),
                ({ secret }) => rotated.set(id, Redacted.value(secret))
              ), { concurrency: 4 }),
            Effect.forEach(ids.slice(20, 40), (id) => webhooks.remove(workspace, id), { concurrency: 4 }),
            Effect.forEach(
              ids.slice(40, 50),
              (id) => webhooks.change(workspace, id, { headers: [["x-new", "value"]] }),
              { concurrency: 4 }
            ),
            created(20)
          ], { concurrency: "unbounded" })
          const [, ...passes] = yield* Effect.all([load, pass(10), pass(10), pass(10)], { concurrency: "unbounded" })
          for (const { failed } of passes) {
            // Only another writer can be in the way, and the next pass mends that.
            expect(failed.filter(({ reason }) => reason !== "changed_meanwhile")).toEqual([])
          }
          expect((yield* pass()).failed).toEqual([])
          return rotated
        }).pipe(Effect.provide(withRing(`${newKey},${oldKey}`)))

        const found = yield* sealing
        expect(new Set([...found.values()].flat())).toEqual(new Set(["k2"]))
        const now = yield* Effect.provide(opened, withRing(newKey))
        expect([...found.keys()].sort()).toEqual([...now.keys()].sort())
        expect(now.size).toBe(60)
        for (const { webhook } of old.slice(20, 40)) expect(found.has(webhook.id)).toBe(false)
        for (const [id, secret] of latest) expect(now.get(id)?.secrets[0]).toBe(secret)
        for (const { webhook } of old.slice(40, 50)) expect(now.get(webhook.id)?.headers).toEqual([["x-new", "value"]])
        for (const { secret, webhook } of old.slice(50)) {
          expect(now.get(webhook.id)).toEqual({
            secrets: [Redacted.value(secret)],
            headers: [["authorization", "Bearer static"]]
          })
        }
      }).pipe(Effect.provide(freshBroker())),
    60_000
  )

  it.scopedLive("a purge between its reading and its writing stays a purge", () =>
    Effect.gen(function*() {
      const [made] = yield* Effect.provide(created(1), withRing(oldKey))
      const id = made!.webhook.id
      const real = yield* KeyValue
      const purging = Layer.succeed(KeyValue, {
        ...real,
        write: (bucket, name, value, revision) =>
          Effect.zipRight(real.remove(bucket, name), real.write(bucket, name, value, revision))
      })
      const found = yield* pass().pipe(
        Effect.provide(withRing(`${newKey},${oldKey}`).pipe(Layer.provide(purging)))
      )
      expect(found).toMatchObject({ rewrapped: 0, gone: 1, failed: [] })
      expect(yield* real.get("SECRETS", key(workspace, id))).toEqual(Option.none())
    }).pipe(Effect.provide(freshBroker())), 30_000)

  it.scopedLive(
    "says of which webhooks what could not be opened, seals the rest, and lets go what nobody needs",
    () =>
      Effect.gen(function*() {
        const lost = masterKey("lost", 9)
        const [missing, stale] = yield* Effect.provide(created(2), withRing(lost))
        const [wrong] = yield* Effect.provide(created(1), withRing(masterKey("k1", 7)))
        yield* Effect.gen(function*() {
          yield* created(2)
          // Sealed with the lost key is only a secret that an ended overlap has left behind, and its headers are replaced.
          const webhooks = yield* Webhooks
          yield* webhooks.change(workspace, stale!.webhook.id, { headers: [] })
          yield* webhooks.rotateSecret(workspace, stale!.webhook.id, { overlap: 0 })
          yield* webhooks.endOverlap(workspace, stale!.webhook.id)
        }).pipe(Effect.provide(withRing(oldKey)))

        const found = yield* Effect.provide(pass(), withRing(`${newKey},${oldKey}`))
        expect(found).toMatchObject({ already: 0, rewrapped: 3, gone: 0 })
        expect(found.failed).toHaveLength(2)
        expect(found.failed).toEqual(expect.arrayContaining([
          { workspaceId: "ws_1", webhookId: missing!.webhook.id, reason: "key_missing", keyId: "lost" },
          { workspaceId: "ws_1", webhookId: wrong!.webhook.id, reason: "corrupt", keyId: "k1" }
        ]))
        const keys = yield* sealing
        expect(keys.get(missing!.webhook.id)).toEqual(["lost"])
        expect(keys.get(wrong!.webhook.id)).toEqual(["k1"])
        expect(keys.get(stale!.webhook.id)).toEqual(["k2"])
        // With the lost key back, another pass does the rest.
        const again = yield* Effect.provide(pass(), withRing(`${newKey},${oldKey},${lost}`))
        expect(again).toMatchObject({ already: 3, rewrapped: 1, failed: [{ webhookId: wrong!.webhook.id }] })
      }).pipe(Effect.provide(freshBroker())),
    30_000
  )
})
