import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Layer, Redacted } from "effect"
import * as fc from "fast-check"
import { Config, InvalidSetting } from "../../src/Config.ts"
import { type Binding, KeyRing } from "../../src/registry/KeyRing.ts"
import { testConfig } from "../support/broker.ts"
import { masterKey } from "../support/registry.ts"

const ring = (masterKeys: string | undefined) =>
  KeyRing.pipe(
    Effect.provide(KeyRing.layer.pipe(Layer.provide(Layer.succeed(Config, testConfig({ masterKeys })))))
  )

const binding: Binding = { workspaceId: "ws_1", webhookId: "wh_1", version: 1, kind: "secret" }
const clear = Redacted.make("whsec_äöü 🔑")
const [one, two] = [masterKey("k1", 1), masterKey("k2", 2)]

const opened = (result: Either.Either<Redacted.Redacted, { readonly reason: string }>): string =>
  Either.match(result, { onLeft: ({ reason }) => reason, onRight: Redacted.value })

describe("KeyRing", () => {
  it.effect("what is sealed opens, and looks different every time", () =>
    Effect.gen(function*() {
      const keys = yield* ring(one)
      const box = keys.seal(clear, binding)
      expect(box).toMatch(/^v1\.k1\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{30,}$/)
      expect(keys.seal(clear, binding)).not.toBe(box)
      expect(opened(keys.open(box, binding))).toBe(Redacted.value(clear))
    }))

  it.effect("any text comes back as it was", () =>
    Effect.gen(function*() {
      const keys = yield* ring(one)
      fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(opened(keys.open(keys.seal(Redacted.make(text), binding), binding))).toBe(text)
      }))
    }))

  it.effect("a box opens for nothing but what it was sealed for", () =>
    Effect.gen(function*() {
      const keys = yield* ring(one)
      const box = keys.seal(clear, binding)
      const others: ReadonlyArray<Binding> = [
        { ...binding, workspaceId: "ws_2" },
        { ...binding, webhookId: "wh_2" },
        { ...binding, version: 2 },
        { ...binding, kind: "headers" }
      ]
      for (const other of others) expect(opened(keys.open(box, other))).toBe("corrupt")
    }))

  it.effect("a box that was tampered with does not open", () =>
    Effect.gen(function*() {
      const keys = yield* ring(`${one},${two}`)
      const box = keys.seal(clear, binding)
      for (let index = 0; index < box.length; index++) {
        const changed = box.slice(0, index) + (box[index] === "A" ? "B" : "A") + box.slice(index + 1)
        // The last character of base64url may carry bits that mean nothing.
        const same = Buffer.from(changed.slice(-8), "base64url").equals(Buffer.from(box.slice(-8), "base64url"))
        if (index < box.length - 8 || !same) expect(Either.isLeft(keys.open(changed, binding))).toBe(true)
      }
      for (const other of ["", "v1", "v1.k1..", box.slice(0, -4), `${box}.x`, box.replace("v1.", "v2.")]) {
        expect(opened(keys.open(other, binding))).toBe("corrupt")
      }
      expect(opened(keys.open(box.replace(".k1.", ".k2."), binding))).toBe("corrupt")
    }))

  it.effect("the first key seals, all open; a missing one is named", () =>
    Effect.gen(function*() {
      const [old, both, late] = [yield* ring(one), yield* ring(`${two}, ${one}`), yield* ring(two)]
      const box = old.seal(clear, binding)
      expect(opened(both.open(box, binding))).toBe(Redacted.value(clear))
      expect(both.seal(clear, binding)).toMatch(/^v1\.k2\./)
      expect(late.open(box, binding)).toMatchObject({ left: { reason: "key_missing", keyId: "k1" } })
    }))

  const wrong: ReadonlyArray<readonly [string | undefined, string]> = [
    [undefined, "no key"],
    ["  ", "no key"],
    ["k1", "entry 1 is not id:base64"],
    [`${one},`, "entry 2 is not id:base64"],
    [one.replace("k1", "k.1"), "entry 1 is not id:base64"],
    [`k1:${Buffer.alloc(31).toString("base64")}`, "entry 1 is not 32 bytes of base64"],
    [`${one},k2:${Buffer.alloc(33).toString("base64")}`, "entry 2 is not 32 bytes of base64"],
    [`${one},${one}`, "entry 2 repeats an id"],
    ["k1:***", "entry 1 is not id:base64"]
  ]
  for (const [text, reason] of wrong) {
    it.effect(`refuses a ring where ${reason}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(ring(text))
        expect(error).toBeInstanceOf(InvalidSetting)
        expect(error.setting).toBe("HOOKLINE_MASTER_KEYS")
        expect(error.value).toBe(`(hidden: ${reason})`)
      }))
  }
})
