import { Redacted } from "effect"
import type { StaticHeader } from "../model/StaticHeaders.ts"
import { secretsInForce, type Webhook } from "../model/Webhook.ts"
import type { SigningMaterial } from "./Vault.ts"

/** What signs one attempt, in clear: for `signedHeaders` at once, to be kept nowhere. */
export interface ClearSecrets {
  readonly current: string
  /** The former secret, while a rotation's overlap lasts. */
  readonly previous: string | undefined
  readonly headers: ReadonlyArray<StaticHeader>
}

/** Every text of a webhook that nobody else is to see, in clear: to be looked for at once, and kept nowhere. */
export const allClear = ({ headers, secrets }: SigningMaterial): ReadonlyArray<string> => [
  ...Array.from(secrets.values(), (secret) => Redacted.value(secret)),
  ...Redacted.value(headers).map(([, value]) => value)
]

/** The secrets in force at `now` (broker milliseconds) and the webhook's own headers. Undefined: the secret in force is not among what was opened. */
export const clearNow = (webhook: Webhook, material: SigningMaterial, now: number): ClearSecrets | undefined => {
  const [newest, former] = secretsInForce(webhook, now).standard
  const current = newest === undefined ? undefined : material.secrets.get(newest)
  const previous = former === undefined ? undefined : material.secrets.get(former)
  if (current === undefined) return undefined
  return {
    current: Redacted.value(current),
    previous: previous === undefined ? undefined : Redacted.value(previous),
    headers: Redacted.value(material.headers)
  }
}
