import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { BrokerClock } from "../../src/broker/BrokerClock.ts"
import { KeyValue } from "../../src/broker/KeyValue.ts"
import { Config } from "../../src/Config.ts"
import { WebhookId, WorkspaceId } from "../../src/model/Id.ts"
import type { Webhook } from "../../src/model/Webhook.ts"
import { KeyRing } from "../../src/registry/KeyRing.ts"
import { type SigningMaterial, Vault } from "../../src/registry/Vault.ts"
import { testConfig } from "../support/broker.ts"
import { freshBroker, masterKey, masterKeys } from "../support/registry.ts"

const place = { workspaceId: "ws_1", webhookId: "wh_1" }
const name = "ws_1.wh_1"

const webhook = (fields: Partial<Webhook> & Pick<Webhook, "secretVersion">): Webhook => ({
  id: WebhookId.make("wh_1"),
  workspaceId: WorkspaceId.make("ws_1"),
  url: "https://example.com",
  events: ["*"],
  description: "",
  state: "enabled",
  headers: [],
  highestVersion: Math.max(fields.secretVersion, fields.headersVersion ?? 0),
  revision: 1,
  createdAt: 0,
  updatedAt: 0,
  deleted: false,
  ...fields
})

const secret = (text: string) => ({ secret: Redacted.make(text) })
const clear = (material: SigningMaterial) => ({
  secrets: Object.fromEntries([...material.secrets].map(([version, value]) => [version, Redacted.value(value)])),
  headers: Redacted.value(material.headers)
})

const withKeys = (keys: string) =>
  Vault.layer.pipe(
    Layer.provide(KeyRing.layer),
    Layer.provide(Layer.succeed(Config, testConfig({ masterKeys: keys })))
  )

const stored = Effect.gen(function*() {
  const entry = yield* (yield* KeyValue).get("SECRETS", name)
  return Option.match(entry, { onNone: () => "", onSome: ({ value }) => Buffer.from(value).toString() })
})
const versions = Effect.map(stored, (text) => Object.keys((JSON.parse(text) as { entries: object }).entries))

describe("Vault", () => {
  it.scopedLive("seals, and loads what the webhook refers to", () =>
    Effect.gen(function*() {
      const vault = yield* Vault
      const headers = [["authorization", "Bearer s3cret"], ["x-team", "ü"]] as const
      const sealed = yield* vault.seal(place, undefined, { ...secret("first-secret"), headers: Redacted.make(headers) })
      expect(sealed).toEqual({ secret: 1, headers: 2 })
      const state = webhook({ secretVersion: 1, headersVersion: 2 })
      expect(vault.signing(state)).toBeUndefined()
      const material = yield* vault.load(state)
      expect(clear(material)).toEqual({ secrets: { 1: "first-secret" }, headers })
      expect(vault.signing(state)).toBe(material)
      expect(vault.signing({ ...state, secretVersion: 3 })).toBeUndefined()
      const text = yield* stored
      for (const shown of [text, JSON.stringify(material), String(material.headers)]) {
        expect(shown).not.toMatch(/first-secret|s3cret/)
      }
    }).pipe(Effect.provide(withKeys(masterKeys).pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("keeps what is referred to or may be another's, drops the rest, never uses a version twice", () =>
    Effect.gen(function*() {
      const vault = yield* Vault
      yield* vault.seal(place, undefined, secret("secret-1"))
      const first = webhook({ secretVersion: 1 })
      expect(yield* vault.seal(place, first, secret("secret-2"))).toEqual({ secret: 2 })
      // The fact for 2 was never written: it may be on its way.
      expect(yield* vault.seal(place, first, secret("secret-3"))).toEqual({ secret: 3 })
      expect(yield* versions).toEqual(["1", "2", "3"])
      const overlap = webhook({ secretVersion: 3, previousSecretVersion: 1, overlapUntil: Number.MAX_SAFE_INTEGER })
      expect(clear(yield* vault.load(overlap)).secrets).toEqual({ 1: "secret-1", 3: "secret-3" })
      expect(yield* vault.seal(place, overlap, { headers: Redacted.make([["x-a", "1"]]) })).toEqual({ headers: 4 })
      expect(yield* versions).toEqual(["1", "3", "4"])
      // The headers were taken away again: 4 is dropped, and still not used again.
      const later = webhook({ secretVersion: 3, highestVersion: 4 })
      expect(yield* vault.seal(place, later, secret("secret-5"))).toEqual({ secret: 5 })
      expect(yield* versions).toEqual(["3", "5"])
    }).pipe(Effect.provide(withKeys(masterKeys).pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("of writers at the same time each keeps his own", () =>
    Effect.gen(function*() {
      const vault = yield* Vault
      const numbers = yield* Effect.forEach(
        ["secret-a", "secret-b", "secret-c"],
        (text) =>
          Effect.map(vault.seal(place, undefined, secret(text)), (sealed) => [sealed.secret ?? 0, text] as const),
        { concurrency: "unbounded" }
      )
      expect(numbers.map(([version]) => version).sort()).toEqual([1, 2, 3])
      for (const [version, text] of numbers) {
        expect(clear(yield* vault.load(webhook({ secretVersion: version }))).secrets).toEqual({ [version]: text })
      }
    }).pipe(Effect.provide(withKeys(masterKeys).pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("says why a secret cannot be read", () =>
    Effect.gen(function*() {
      const keyValue = yield* KeyValue
      const { now } = yield* BrokerClock
      const reason = (state: Webhook, keys = masterKeys) =>
        Effect.flatMap(Vault, (vault) => Effect.flip(vault.load(state))).pipe(Effect.provide(withKeys(keys)))
      const first = webhook({ secretVersion: 1 })
      expect(yield* reason(first)).toMatchObject({ _tag: "SecretUnavailable", reason: "not_found" })

      yield* Effect.flatMap(Vault, (vault) => vault.seal(place, undefined, secret("secret-1"))).pipe(
        Effect.provide(withKeys(masterKeys))
      )
      expect(yield* reason(webhook({ secretVersion: 2 }))).toMatchObject({ reason: "not_found" })
      expect(yield* reason(first, masterKey("k2", 2))).toMatchObject({
        reason: "key_missing",
        keyId: "k1",
        webhookId: "wh_1"
      })
      expect(yield* reason(first, masterKey("k1", 2))).toMatchObject({ reason: "corrupt" })

      // Sealed anew by another key: the former secret needs the missing key only until the overlap ends.
      yield* Effect.flatMap(Vault, (vault) => vault.seal(place, first, secret("secret-2"))).pipe(
        Effect.provide(withKeys(masterKey("k2", 2)))
      )
      const rotated = (until: number) => webhook({ secretVersion: 2, previousSecretVersion: 1, overlapUntil: until })
      expect(yield* reason(rotated(now() + 60_000), masterKey("k2", 2))).toMatchObject({
        reason: "key_missing",
        keyId: "k1"
      })
      const material = yield* Effect.flatMap(Vault, (vault) => vault.load(rotated(now() - 1))).pipe(
        Effect.provide(withKeys(masterKey("k2", 2)))
      )
      expect(clear(material).secrets).toEqual({ 2: "secret-2" })

      const entry = Option.getOrThrow(yield* keyValue.get("SECRETS", name))
      yield* keyValue.write("SECRETS", name, "{", entry.revision)
      expect(yield* reason(first)).toMatchObject({ reason: "corrupt" })
    }).pipe(Effect.provide(freshBroker())))

  it.scopedLive("a box copied to another webhook does not open there", () =>
    Effect.gen(function*() {
      const vault = yield* Vault
      const keyValue = yield* KeyValue
      yield* vault.seal(place, undefined, secret("secret-1"))
      yield* keyValue.write("SECRETS", "ws_1.wh_2", yield* stored, 0)
      const other = { ...webhook({ secretVersion: 1 }), id: WebhookId.make("wh_2") }
      expect(yield* Effect.flip(vault.load(other))).toMatchObject({ reason: "corrupt" })
    }).pipe(Effect.provide(withKeys(masterKeys).pipe(Layer.provideMerge(freshBroker())))))

  it.scopedLive("destroys, and sweeps up what no webhook has", () =>
    Effect.gen(function*() {
      const vault = yield* Vault
      const keyValue = yield* KeyValue
      yield* Effect.forEach(["live", "deleted", "fresh", "abandoned", "gone"], (id) =>
        vault.seal({ workspaceId: "ws_1", webhookId: id }, undefined, secret("a-secret")))
      yield* vault.destroy("ws_1", "gone")
      const old = Option.getOrThrow(yield* keyValue.get("SECRETS", "ws_1.abandoned"))
      const past = Buffer.from(old.value).toString().replace(/"written_at":"\d{4}/, `"written_at":"2001`)
      yield* keyValue.write("SECRETS", "ws_1.abandoned", past, old.revision)
      const states = { live: "live", deleted: "deleted" } as const
      const stateOf = (_: string, id: string) =>
        states[id as keyof typeof states] ?? "unknown"
      expect(yield* vault.sweep(stateOf)).toBe(2)
      expect([...(yield* keyValue.keys("SECRETS"))].sort()).toEqual(["ws_1.fresh", "ws_1.live"])
      expect(yield* vault.sweep(stateOf)).toBe(0)
    }).pipe(Effect.provide(withKeys(masterKeys).pipe(Layer.provideMerge(freshBroker())))))
})
