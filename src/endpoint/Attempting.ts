import { Cause, Context, Effect, type Fiber, FiberId, FiberSet, Layer, Option, Schedule, type Scope } from "effect"
import { Config } from "../Config.ts"
import { EventBodies } from "../ledger/EventBodies.ts"
import type { AttemptResult } from "../model/Attempt.ts"
import type { Delivery } from "../model/Delivery.ts"
import type { ParsedEvent } from "../model/Event.ts"
import type { Webhook } from "../model/Webhook.ts"
import { AttemptSpans } from "../outbound/AttemptSpans.ts"
import { concealed } from "../outbound/Concealed.ts"
import { Sender } from "../outbound/Sender.ts"
import { type Brand, signedHeaders } from "../outbound/Signature.ts"
import { allClear, clearNow } from "../registry/ClearSecrets.ts"
import { type SigningMaterial, Vault } from "../registry/Vault.ts"
import { Webhooks } from "../registry/Webhooks.ts"
import * as Telemetry from "../Telemetry.ts"

/** The event has left the stream: there is nothing to send. */
export interface Expired {
  readonly class: "expired"
}

/** While the broker is away. */
const brokerPause = Schedule.spaced("1 second")
/** Nothing can be recorded without the broker, so nothing else would be done meanwhile: an attempt waits this long for what it needs of it. */
const brokerPatience = brokerPause.pipe(Schedule.upTo("60 seconds"))

/** What keeps an attempt from its request. */
interface Fault {
  readonly class: "local" | "secret"
  readonly error: string
}

type Settle = (outcome: AttemptResult | Expired) => void

/**
 * One attempt: body, signature, POST. What it needs and cannot get on our side is a local fault, never charged to the endpoint. Callbacks, not
 * Effects: a fiber and its steps took 35 µs of the 180 µs that a delivery did (docs/adr/0002-callbacks-on-the-hot-path.md).
 */
export class Attempting extends Context.Tag("hookline/endpoint/Attempting")<Attempting, {
  /**
   * Attempts of one owner: closing the scope ends what they still fetch. `owns` says whether the lease holds: body, secret, look-up and connection
   * take time, and a process may have slept meanwhile, so it is asked again just before each request.
   */
  readonly open: (
    owns: () => boolean,
    /** Broker milliseconds. */
    now: () => number
  ) => Effect.Effect<
    (
      webhook: Webhook,
      delivery: Delivery,
      event: ParsedEvent | undefined,
      /** Called once, unless the attempt is cancelled before; at once where everything that is missing is known to be. */
      settle: Settle
    ) => Cancel,
    never,
    Scope.Scope
  >
}>() {
  static readonly layer = (brand: Brand) =>
    Layer.effect(
      Attempting,
      Effect.gen(function*() {
        const config = yield* Config
        const bodies = yield* EventBodies
        const vault = yield* Vault
        const sender = yield* Sender
        const spans = yield* AttemptSpans
        const webhooks = yield* Webhooks

        /** Not when the webhook points elsewhere by now: the answer is the former endpoint's. */
        const gone = (webhook: Webhook) =>
          webhooks.get(webhook.workspaceId, webhook.id).pipe(
            Effect.flatMap(({ url }) =>
              url === webhook.url
                ? webhooks.disable(webhook.workspaceId, webhook.id, "its endpoint answered 410 Gone")
                : Effect.void
            ),
            Effect.retry({ while: (error) => error._tag === "BrokerUnavailable", schedule: brokerPause }),
            Effect.catchAll((error) =>
              Effect.logWarning(`webhook ${webhook.id} answered 410 and was not disabled: ${error.message}`)
            ),
            Effect.catchAllDefect((defect) =>
              Effect.logError(`webhook ${webhook.id} answered 410 and was not disabled`, Cause.die(defect))
            )
          )

        /** What is not in memory: the body of an event that waited, a secret that was not used lately. */
        const fetch = (webhook: Webhook, delivery: Delivery, given: ParsedEvent | undefined) =>
          Effect.gen(function*() {
            const event = given ?? Option.getOrUndefined(yield* bodies.load(delivery))
            if (event === undefined) return { class: "expired" } satisfies Expired
            const material = vault.signing(webhook) ?? (yield* vault.load(webhook))
            return { class: "fetched" as const, event, material }
          }).pipe(
            Effect.retry({ while: (error) => error._tag === "BrokerUnavailable", schedule: brokerPatience }),
            Effect.catchTags({
              BrokerUnavailable: ({ message: error }) => Effect.succeed<Fault>({ class: "local", error }),
              OtherEvent: ({ message }) =>
                Effect.succeed<Fault>({ class: "local", error: `${message} (docs/backup.md)` }),
              SecretUnavailable: ({ message: error }) => Effect.succeed<Fault>({ class: "secret", error })
            })
          )

        const open = Effect.fnUntraced(function*(owns: () => boolean, now: () => number) {
          const fork = yield* FiberSet.makeRuntime<never>()
          const alarms = new Map<string, number>()
          /** A fault on our side is said once a minute, however many attempts meet it; what it says is one of few sentences. */
          const alarm = (error: string) => {
            const at = now()
            if (at - (alarms.get(error) ?? Number.NEGATIVE_INFINITY) < alarmPause) return
            if (alarms.size >= maxAlarms) alarms.clear()
            alarms.set(error, at)
            fork(Effect.logError(`deliveries are held by a fault on our side: ${error}`))
          }
          const told = <Result extends AttemptResult>(result: Result): Result => {
            if (result.class === "local" || result.class === "secret") alarm(result.error)
            Telemetry.attempted(result)
            return result
          }
          const post = (
            webhook: Webhook,
            delivery: Delivery,
            event: ParsedEvent,
            material: SigningMaterial,
            settle: Settle
          ): Cancel => {
            const startedAt = now()
            const headers = headersOf(webhook, material, event, brand, startedAt)
            if (headers === undefined) {
              const error = `the secret of ${webhook.id} that is in force is not there`
              queueMicrotask(() => settle(told({ class: "secret", error })))
              return noCancel
            }
            const span = spans.begin(webhook, delivery, event)
            headers.push(...span.headers)
            let open = true
            const ended = (result: AttemptResult) => {
              open = false
              span.end(told(result))
            }
            let disabling: Fiber.RuntimeFiber<void> | undefined
            const request = { url: webhook.url, headers, body: event.body, startedAt, mayStart: owns }
            const cancel = sender.unsafeSend(request, (answer) => {
              const result = concealed(answer, allClear(material))
              ended(result)
              if (!config.disableOnGone || !("status" in result) || result.status !== 410) return settle(result)
              disabling = fork(Effect.map(gone(webhook), () => settle(result)))
            })
            return () => {
              disabling?.unsafeInterruptAsFork(FiberId.none)
              cancel()
              if (open) ended(brokenOff)
            }
          }

          return (
            webhook: Webhook,
            delivery: Delivery,
            given: ParsedEvent | undefined,
            settle: Settle
          ) => {
            const event = given ?? bodies.peek(delivery)
            const material = vault.signing(webhook)
            if (event !== undefined && material !== undefined) {
              return post(webhook, delivery, event, material, settle)
            }
            let cancel: Cancel | undefined
            const fetching = fork(
              fetch(webhook, delivery, event).pipe(
                Effect.map((found) => {
                  if (found.class === "fetched") {
                    cancel = post(webhook, delivery, found.event, found.material, settle)
                  } else settle(found.class === "expired" ? found : told(found))
                }),
                // Whoever is never told keeps a lane and a place for ever.
                Effect.catchAllDefect((defect) =>
                  Effect.logError(`an attempt for ${webhook.id} failed`, Cause.die(defect)).pipe(
                    Effect.andThen(() => settle(told({ class: "local", error: "an error in hookline" })))
                  )
                )
              )
            )
            return () => {
              fetching.unsafeInterruptAsFork(FiberId.none)
              cancel?.()
            }
          }
        })
        return { open }
      })
    )
}

type Cancel = () => void
const noCancel: Cancel = () => {}

/** Milliseconds. */
const alarmPause = 60_000
const maxAlarms = 64

const brokenOff: AttemptResult = { class: "shutdown", error: "the attempt was broken off" }

/** Undefined: the secret in force is not among what was opened. */
const headersOf = (
  webhook: Webhook,
  material: SigningMaterial,
  event: ParsedEvent,
  brand: Brand,
  now: number
): Array<string> | undefined => {
  const clear = clearNow(webhook, material, now)
  return clear && signedHeaders({
    eventId: event.id,
    timestampSeconds: Math.floor(now / 1000),
    body: event.body,
    current: clear.current,
    previous: clear.previous,
    brand,
    own: clear.headers
  })
}
