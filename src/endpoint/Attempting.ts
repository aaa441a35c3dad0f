import { Context, Effect, Layer, Option, Redacted, Schedule } from "effect"
import { Config } from "../Config.ts"
import { EventBodies } from "../ledger/EventBodies.ts"
import type { AttemptResult } from "../model/Attempt.ts"
import type { Delivery } from "../model/Delivery.ts"
import type { ParsedEvent } from "../model/Event.ts"
import { secretsInForce, type Webhook } from "../model/Webhook.ts"
import { Sender } from "../outbound/Sender.ts"
import { type Brand, signedHeaders } from "../outbound/Signature.ts"
import { type SigningMaterial, Vault } from "../registry/Vault.ts"
import { Webhooks } from "../registry/Webhooks.ts"

/** The event has left the stream: there is nothing to send. */
export interface Expired {
  readonly class: "expired"
}

/** `webhook.disabled` has to be stored before the attempt's record: it is tried for as long as the attempt's owner lives. */
const brokerPause = Schedule.spaced("1 second")

/** One attempt: body, signature, POST. What it needs and cannot get on our side is a local fault, never charged to the endpoint. */
export class Attempting extends Context.Tag("hookline/endpoint/Attempting")<Attempting, {
  /** Never fails; interrupting it aborts the request. `now`: broker milliseconds. */
  readonly attempt: (
    webhook: Webhook,
    delivery: Delivery,
    event: ParsedEvent | undefined,
    now: number
  ) => Effect.Effect<AttemptResult | Expired>
}>() {
  static readonly layer = (brand: Brand) =>
    Layer.effect(
      Attempting,
      Effect.gen(function*() {
        const config = yield* Config
        const bodies = yield* EventBodies
        const vault = yield* Vault
        const sender = yield* Sender
        const webhooks = yield* Webhooks

        const gone = (webhook: Webhook) =>
          webhooks.disable(webhook.workspaceId, webhook.id, "its endpoint answered 410 Gone").pipe(
            Effect.retry({ while: (error) => error._tag === "BrokerUnavailable", schedule: brokerPause }),
            Effect.catchAll((error) =>
              Effect.logWarning(`webhook ${webhook.id} answered 410 and was not disabled: ${error.message}`)
            )
          )

        const attempt = Effect.fnUntraced(
          function*(webhook: Webhook, delivery: Delivery, given: ParsedEvent | undefined, now: number) {
            const event = given ?? Option.getOrUndefined(yield* bodies.load(delivery.eventSequence))
            if (event === undefined) return { class: "expired" } satisfies Expired
            const material = vault.signing(webhook) ?? (yield* vault.load(webhook))
            const headers = headersOf(webhook, material, event, brand, now)
            if (headers === undefined) return fault("secret", "the secret in force is not there")
            const result = yield* sender.send({ url: webhook.url, headers, body: event.body, startedAt: now })
            if (config.disableOnGone && "status" in result && result.status === 410) yield* gone(webhook)
            return result
          },
          Effect.catchTags({
            BrokerUnavailable: (error) => Effect.succeed(fault("local", error.message)),
            SecretUnavailable: (error) => Effect.as(Effect.logError(error.message), fault("secret", error.message))
          })
        )
        return { attempt }
      })
    )
}

const fault = (reason: "local" | "secret", error: string): AttemptResult => ({ class: reason, error })

/** Undefined: the secret in force is not among what was opened. */
const headersOf = (
  webhook: Webhook,
  material: SigningMaterial,
  event: ParsedEvent,
  brand: Brand,
  now: number
): ReadonlyArray<string> | undefined => {
  const [newest, previous] = secretsInForce(webhook, now).standard
  const current = newest === undefined ? undefined : material.secrets.get(newest)
  const former = previous === undefined ? undefined : material.secrets.get(previous)
  if (current === undefined) return undefined
  const headers = signedHeaders({
    eventId: event.id,
    timestampSeconds: Math.floor(now / 1000),
    body: event.body,
    current: Redacted.value(current),
    previous: former === undefined ? undefined : Redacted.value(former),
    brand
  })
  for (const [name, value] of Redacted.value(material.headers)) headers.push(name, value)
  return headers
}
