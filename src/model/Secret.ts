import { randomBytes } from "node:crypto"

/**
 * The secret a webhook's deliveries are signed with (CONTRACT 5): Standard Webhooks' `whsec_<base64>` of 24 to 64
 * bytes, or the customer's own text.
 */
const standardPrefix = "whsec_"

/** Letters, marks, digits, punctuation, symbols and the plain space: nothing that cannot be seen or typed. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u

/** A fresh secret: `whsec_` and 32 random bytes in base64. */
export const newSecret = (): string => standardPrefix + randomBytes(32).toString("base64")

/** The bytes of a `whsec_` secret; undefined for any other text and for what is not exactly base64 of 24 to 64 bytes. */
export const standardKey = (secret: string): Uint8Array | undefined => {
  if (!secret.startsWith(standardPrefix)) return undefined
  const encoded = secret.slice(standardPrefix.length)
  const bytes = Buffer.from(encoded, "base64")
  // Verifiers differ in how lenient their base64 is: only the canonical form means the same key to all of them.
  return bytes.toString("base64") === encoded && bytes.length >= 24 && bytes.length <= 64 ? bytes : undefined
}

/** Why a secret cannot be used, as a sentence that does not hold it; undefined when it can. */
export const validateSecret = (text: string): string | undefined => {
  if (text.startsWith(standardPrefix)) {
    return standardKey(text) === undefined
      ? "a secret that begins with whsec_ must go on with the base64 of 24 to 64 bytes"
      : undefined
  }
  const length = [...text].length
  if (length < 8 || length > 256) return "a secret has 8 to 256 characters"
  return printable.test(text) ? undefined : "a secret has printable characters only"
}
