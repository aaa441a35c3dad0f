/** HMAC-SHA256 by the browser's own WebCrypto, and the keys that a secret stands for. */

const encoder = new TextEncoder()

export const utf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text)

/** Missing on a page that came over plain http from another machine: browsers then give no cryptography. */
export const canSign = (): boolean => globalThis.crypto?.subtle !== undefined

const standardBase64 =
  /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$|^(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)$/

/** Undefined for what is not padded standard base64 of at least one byte. */
export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> | undefined =>
  standardBase64.test(text) ? Uint8Array.from(atob(text), (character) => character.charCodeAt(0)) : undefined

export const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

/** `key` must not be empty: with an empty one anybody could sign. */
export const hmac = async (
  key: Uint8Array<ArrayBuffer>,
  ...parts: ReadonlyArray<Uint8Array>
): Promise<Uint8Array> => {
  const { subtle } = globalThis.crypto
  const imported = await subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"])
  const signed = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    signed.set(part, at)
    at += part.length
  }
  return new Uint8Array(await subtle.sign("HMAC", imported, signed))
}

/** The key of the standard signature: what `whsec_` encodes, or the bytes of any other secret. Undefined: that is no base64, or empty. */
export const standardKey = (secret: string): Uint8Array<ArrayBuffer> | undefined => {
  if (secret.startsWith("whsec_")) return fromBase64(secret.slice("whsec_".length))
  return secret === "" ? undefined : utf8(secret)
}

/** The key of the hex signature: the secret as it is written. */
export const hexKey = (secret: string): Uint8Array<ArrayBuffer> | undefined => secret === "" ? undefined : utf8(secret)
