import { Context, Data, Effect, Either, Layer, Redacted } from "effect"
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto"
import { Config, InvalidSetting, settings } from "../Config.ts"
import { isToken } from "../model/Id.ts"

/**
 * The master keys that seal what is secret about webhooks (CONTRACT 8). A sealed box is the text `v1.<key id>.<nonce>.<ciphertext and tag>`
 * (base64url): AES-256-GCM under a random 96-bit nonce. What it belongs to is authenticated with it, so that a box copied to another
 * webhook, version or kind does not open.
 */

/** What a box belongs to. */
export interface Binding {
  readonly workspaceId: string
  readonly webhookId: string
  readonly version: number
  readonly kind: "secret" | "headers"
}

/** `key_missing`: the ring has no key `keyId`. `corrupt`: not a box, tampered with, or another webhook's. */
export class OpenFailed extends Data.TaggedError("OpenFailed")<{
  readonly reason: "key_missing" | "corrupt"
  readonly keyId?: string
}> {}

interface MasterKey {
  readonly id: string
  readonly key: Redacted.Redacted<Uint8Array>
}

/** Seals text for one purpose, under keys that are for nothing else. */
export interface Sealer {
  /** With what the first key of the ring gives for the purpose. */
  readonly seal: (clear: string) => string
  readonly open: (box: string) => Either.Either<string, OpenFailed>
}

export class KeyRing extends Context.Tag("hookline/registry/KeyRing")<KeyRing, {
  /** The id of the first key, which seals. */
  readonly sealingKey: string
  /** With the first key of the ring. */
  readonly seal: (clear: Redacted.Redacted, binding: Binding) => string
  /** With whichever key of the ring sealed it. */
  readonly open: (box: string, binding: Binding) => Either.Either<Redacted.Redacted, OpenFailed>
  /** Keys of their own for something that is no webhook's secret, made of the ring's by HKDF-SHA256 (RFC 5869). */
  readonly sealer: (purpose: string) => Sealer
}>() {
  static readonly layer = Layer.effect(
    KeyRing,
    Effect.gen(function*() {
      return make(yield* parse((yield* Config).masterKeys ?? ""))
    })
  )
}

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

const refuse = (found: string): InvalidSetting =>
  new InvalidSetting({
    setting: settings.masterKeys.env,
    value: `(hidden: ${found})`,
    accepts: settings.masterKeys.accepts
  })

/** `id:base64,…`: 32 bytes each, ids are tokens and unique. The error says which entry is wrong, never what it says. */
const parse = (text: string): Either.Either<readonly [MasterKey, ...ReadonlyArray<MasterKey>], InvalidSetting> =>
  Either.gen(function*() {
    if (text.trim() === "") return yield* Either.left(refuse("no key"))
    const keys: Array<MasterKey> = []
    for (const [index, entry] of text.split(",").entries()) {
      const [, id = "", base64 = ""] = /^\s*([^:]*):([A-Za-z0-9+/_-]*)={0,2}\s*$/.exec(entry) ?? []
      const which = `entry ${index + 1}`
      const bytes = Buffer.from(base64, "base64url")
      if (!isToken(id)) return yield* Either.left(refuse(`${which} is not id:base64`))
      if (bytes.length !== keyBytes) return yield* Either.left(refuse(`${which} is not ${keyBytes} bytes of base64`))
      if (keys.some((key) => key.id === id)) return yield* Either.left(refuse(`${which} repeats an id`))
      keys.push({ id, key: Redacted.make(new Uint8Array(bytes)) })
    }
    const [first, ...rest] = keys
    return first === undefined ? yield* Either.left(refuse("no key")) : [first, ...rest] as const
  })

/** The ids of a ring's keys, the sealing one first. */
export const ringIds = (text: string): Either.Either<ReadonlyArray<string>, InvalidSetting> =>
  Either.map(parse(text), (keys) => keys.map(({ id }) => id))

/** Which key sealed a box; undefined for what is no box. */
export const sealedBy = (box: string): string | undefined => {
  const [version, keyId = ""] = box.split(".")
  return version === "v1" && isToken(keyId) ? keyId : undefined
}

const associated = ({ kind, version, webhookId, workspaceId }: Binding): Uint8Array =>
  Buffer.from(`hookline v1\n${workspaceId}\n${webhookId}\n${version}\n${kind}`)

/** A ring as such: seals bytes under its first key, opens under whichever key has sealed. */
const ring = (keys: readonly [MasterKey, ...ReadonlyArray<MasterKey>]) => {
  const [sealing] = keys
  const byId = new Map(keys.map(({ id, key }) => [id, key]))
  return {
    seal: (clear: string, bound: Uint8Array): string => {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv("aes-256-gcm", Redacted.value(sealing.key), nonce).setAAD(bound)
      const sealed = Buffer.concat([cipher.update(clear, "utf8"), cipher.final(), cipher.getAuthTag()])
      return `v1.${sealing.id}.${nonce.toString("base64url")}.${sealed.toString("base64url")}`
    },
    open: (box: string, bound: Uint8Array): Either.Either<string, OpenFailed> => {
      const [version, keyId = "", nonceText = "", sealedText = "", ...rest] = box.split(".")
      const nonce = Buffer.from(nonceText, "base64url")
      const sealed = Buffer.from(sealedText, "base64url")
      const shaped = version === "v1" && isToken(keyId) && nonce.length === nonceBytes && sealed.length >= tagBytes
      if (!shaped || rest.length > 0) return Either.left(new OpenFailed({ reason: "corrupt" }))
      const key = byId.get(keyId)
      if (key === undefined) return Either.left(new OpenFailed({ reason: "key_missing", keyId }))
      return Either.try({
        try: () => {
          const decipher = createDecipheriv("aes-256-gcm", Redacted.value(key), nonce, { authTagLength: tagBytes })
            .setAAD(bound)
            .setAuthTag(sealed.subarray(-tagBytes))
          const clear = Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()])
          return clear.toString("utf8")
        },
        catch: () => new OpenFailed({ reason: "corrupt", keyId })
      })
    }
  }
}

const derived = ({ id, key }: MasterKey, purpose: string): MasterKey => ({
  id,
  key: Redacted.make(new Uint8Array(hkdfSync("sha256", Redacted.value(key), "", `hookline v1 ${purpose}`, keyBytes)))
})

const make = (keys: readonly [MasterKey, ...ReadonlyArray<MasterKey>]): Context.Tag.Service<KeyRing> => {
  const { open, seal } = ring(keys)
  return {
    sealingKey: keys[0].id,
    seal: (clear, binding) => seal(Redacted.value(clear), associated(binding)),
    open: (box, binding) => Either.map(open(box, associated(binding)), (clear) => Redacted.make(clear)),
    sealer: (purpose) => {
      const [first, ...rest] = keys
      const own = ring([derived(first, purpose), ...rest.map((key) => derived(key, purpose))])
      const bound = Buffer.from(`hookline v1 ${purpose}`)
      return { seal: (clear) => own.seal(clear, bound), open: (box) => own.open(box, bound) }
    }
  }
}
