import { createHmac } from "node:crypto"
import type { HooklineConfig } from "../Config.ts"
import { standardKey } from "../model/Secret.ts"
import type { StaticHeader } from "../model/StaticHeaders.ts"

/**
 * Both signatures of CONTRACT 5, side by side in every request: the hex HMAC of the body that the platform's page
 * documents, and Standard Webhooks 1.0. Pure; times are unix seconds, a body is the bytes as they are sent.
 */

/** The names that make the requests a platform's own, worked out once. */
export interface Brand {
  readonly userAgent: string
  readonly hexHeader: string
  readonly idHeader: string
  readonly timestampHeader: string
  readonly signatureHeader: string
}

export const brandOf = (
  config: Pick<HooklineConfig, "signatureHeader" | "standardPrefix" | "userAgent">,
  version: string
): Brand => ({
  userAgent: config.userAgent.replaceAll("<version>", version),
  hexHeader: config.signatureHeader,
  idHeader: `${config.standardPrefix}-id`,
  timestampHeader: `${config.standardPrefix}-timestamp`,
  signatureHeader: `${config.standardPrefix}-signature`
})

/** The key of the Standard Webhooks signature: what `whsec_` encodes, or any other secret's UTF-8 bytes. */
export const keyOf = (secret: string): Uint8Array => standardKey(secret) ?? Buffer.from(secret, "utf8")

/** Lower-case hex; the key is always the secret's text as it stands, `whsec_` included. */
const hexSignature = (secret: string, body: Uint8Array): string =>
  createHmac("sha256", secret).update(body).digest("hex")

const standardSignature = (secret: string, signedPrefix: string, body: Uint8Array): string =>
  `v1,${createHmac("sha256", keyOf(secret)).update(signedPrefix).update(body).digest("base64")}`

/**
 * The headers of one attempt as name, value, name, value …: content type, user agent and signatures, then the webhook's own. During the overlap
 * of a rotation `previous` is the former secret: `webhook-signature` then carries both, the new one first, and the hex
 * signature stays on the former.
 */
export const signedHeaders = (attempt: {
  readonly eventId: string
  readonly timestampSeconds: number
  readonly body: Uint8Array
  readonly current: string
  readonly previous?: string | undefined
  readonly brand: Brand
  readonly own?: ReadonlyArray<StaticHeader> | undefined
}): Array<string> => {
  const { body, brand, current, eventId, previous } = attempt
  const timestamp = String(attempt.timestampSeconds)
  const prefix = `${eventId}.${timestamp}.`
  const newest = standardSignature(current, prefix, body)
  const headers = [
    "content-type",
    "application/json",
    "user-agent",
    brand.userAgent,
    brand.hexHeader,
    hexSignature(previous ?? current, body),
    brand.idHeader,
    eventId,
    brand.timestampHeader,
    timestamp,
    brand.signatureHeader,
    previous === undefined ? newest : `${newest} ${standardSignature(previous, prefix, body)}`
  ]
  for (const [name, value] of attempt.own ?? []) headers.push(name, value)
  return headers
}
