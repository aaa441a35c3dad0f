import { createHmac, timingSafeEqual } from "node:crypto"

/** Compares in a time that does not tell how much of it was right. */
const same = (given, wanted) => {
  const [left, right] = [Buffer.from(given), Buffer.from(wanted)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** How old a request may be, in seconds. A retry is signed anew, so that this need not cover the retries. */
const tolerance = 300

/**
 * Standard Webhooks: `webhook-signature` covers the id, the time of the attempt and the body. `body` is the raw bytes,
 * `headers` has names in lower case, as Node gives them. Prefer this one.
 */
export const verifyStandard = (body, headers, secret, now = Date.now() / 1000) => {
  const id = headers["webhook-id"]
  const timestamp = headers["webhook-timestamp"]
  const signatures = headers["webhook-signature"]
  if (!id || !timestamp || !signatures || !/^[0-9]{1,15}$/.test(timestamp)) return false
  if (Math.abs(now - Number(timestamp)) > tolerance) return false
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : Buffer.from(secret)
  // With an empty key anybody could sign.
  if (key.length === 0) return false
  const wanted = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64")
  // While a secret is being rotated there are two, one space between: one that fits is enough.
  return signatures.split(" ").some((signature) => same(signature, `v1,${wanted}`))
}

/** `x-webhook-signature` covers the body alone. The key is the secret as it is written, `whsec_` included. */
export const verifyHex = (body, signature, secret) =>
  Boolean(signature && secret) && same(signature, createHmac("sha256", secret).update(body).digest("hex"))
