import { createHmac, timingSafeEqual } from "node:crypto"
import { keyOf } from "../../outbound/Signature.ts"

/**
 * What an endpoint should check of a request (CONTRACT 5), said in words instead of refused.
 * `unchecked`: no secret was given. `absent`: the request has no such signature.
 */
export type Verdict = "ok" | "BAD" | "absent" | "unchecked"

export interface Verification {
  /** Hex HMAC-SHA256 of the body, keyed by the secret's UTF-8 bytes. */
  readonly hex: Verdict
  /** Standard Webhooks 1.0: `v1,<base64>` over `<id>.<timestamp>.<body>`; one of several is enough (rotation). */
  readonly standard: Verdict
  /** Seconds since the attempt was signed; undefined without a readable timestamp. */
  readonly age: number | undefined
  /** The timestamp is further away than Standard Webhooks' verifiers tolerate, five minutes. */
  readonly stale: boolean
}

/** Seconds, as the reference verifiers of Standard Webhooks have it. */
const tolerance = 300

export interface Signed {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
}

export interface Expected {
  readonly secret: string | undefined
  readonly signatureHeader: string
  readonly standardPrefix: string
  /** Unix milliseconds. */
  readonly now: number
}

export const verify = ({ headers, body }: Signed, expected: Expected): Verification => {
  const { secret, standardPrefix } = expected
  const id = headers[`${standardPrefix}-id`]
  const timestamp = headers[`${standardPrefix}-timestamp`]
  const seconds = timestamp !== undefined && /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : undefined
  const age = seconds === undefined ? undefined : expected.now / 1000 - seconds
  const verdict = (given: string | undefined, check: (given: string, secret: string) => boolean): Verdict => {
    if (given === undefined) return "absent"
    if (secret === undefined) return "unchecked"
    return check(given, secret) ? "ok" : "BAD"
  }
  return {
    hex: verdict(
      headers[expected.signatureHeader],
      (given, secret) => same(given, createHmac("sha256", secret).update(body).digest("hex"))
    ),
    standard: verdict(headers[`${standardPrefix}-signature`], (given, secret) => {
      if (id === undefined || seconds === undefined) return false
      const wanted = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest("base64")
      return given.split(" ").some((one) => same(one, `v1,${wanted}`))
    }),
    age,
    stale: age !== undefined && Math.abs(age) > tolerance
  }
}

const same = (given: string, wanted: string): boolean => {
  const [left, right] = [Buffer.from(given), Buffer.from(wanted)]
  return left.length === right.length && timingSafeEqual(left, right)
}
