import { Clock, Effect, Option, Schedule } from "effect"
import { type Answer, type Product } from "./product.ts"

const live = Clock.make()

/** Asks until the answer will do, at most `limit` real milliseconds; dies with what it waited for and the last answer. */
export const until = <A, E, R>(
  what: string,
  question: Effect.Effect<A, E, R>,
  accept: (answer: A) => boolean,
  limit = 20_000
): Effect.Effect<A, E, R> => {
  let last: unknown = "no answer"
  return Effect.suspend(() => question).pipe(
    Effect.tap((answer) =>
      Effect.sync(() => {
        last = answer
      })
    ),
    Effect.repeat({ until: accept, schedule: Schedule.spaced("25 millis") }),
    Effect.zipRight(Effect.sync(() => last as A)),
    Effect.timeoutOption(limit),
    Effect.flatMap(Option.match({
      onNone: () => Effect.die(new Error(`waited ${limit} ms for: ${what}; last ${JSON.stringify(last)}`)),
      onSome: Effect.succeed
    })),
    Effect.withClock(live)
  )
}

/** Nothing of the kind may happen for so long: an absence can only be watched for a while. */
export const never = (what: string, happens: () => boolean, milliseconds: number): Effect.Effect<void> =>
  Effect.suspend(() => happens() ? Effect.die(new Error(`should not happen: ${what}`)) : Effect.void).pipe(
    Effect.repeat(Schedule.spaced("10 millis").pipe(Schedule.upTo(milliseconds))),
    Effect.asVoid,
    Effect.withClock(live)
  )

/** Waits until a number has not moved for so long, and gives it; at most 20 s. */
export const atRest = (what: string, number: () => number, milliseconds: number): Effect.Effect<number> =>
  Effect.suspend(() => {
    const before = number()
    return Effect.as(Effect.sleep(milliseconds), before)
  }).pipe(
    Effect.repeat({ until: (before) => before === number() }),
    Effect.timeoutFail({ duration: "20 seconds", onTimeout: () => new Error(`moves still after 20 s: ${what}`) }),
    Effect.orDie,
    Effect.withClock(live)
  )

/** A webhook's deliveries by event id, as the API shows them. */
export const deliveries = (hookline: Product, webhookId: string, workspace = "ws_1") =>
  Effect.map(
    hookline.api("GET", `/v1/deliveries?webhook_id=${webhookId}`, undefined, workspace),
    ({ body }) =>
      new Map<
        string,
        {
          readonly status: string
          readonly attempts: number
          readonly held_reason: string | null
          readonly last_error: string | null
        }
      >(
        (body?.data ?? []).map((one: { readonly event_id: string }) => [one.event_id, one])
      )
  )

/** Waits until a delivery has a status. */
export const untilDelivery = (hookline: Product, webhookId: string, eventId: string, status: string, limit?: number) =>
  Effect.map(
    until(
      `${eventId} ${status}`,
      Effect.map(deliveries(hookline, webhookId), (all) => all.get(eventId)),
      (one) => one?.status === status,
      limit
    ),
    (one) => one!
  )

export const readyz = (hookline: Product): Effect.Effect<Answer> => hookline.api("GET", "/readyz")

/** What a check of `readyz` says. */
export const checkOf = (answer: Answer, name: string): { readonly ok: boolean; readonly detail: string } | undefined =>
  answer.body.checks.find((check: { readonly name: string }) => check.name === name)

/** Creates a webhook of ws_1 for everything, unless told otherwise. */
export const addWebhook = (hookline: Product, settings: object, workspace = "ws_1") =>
  Effect.map(
    hookline.api("POST", "/v1/webhooks", { events: ["*"], ...settings }, workspace),
    ({ body, status }): { readonly id: string; readonly secret: string } => {
      if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`)
      return body
    }
  )

/** Publishes one event over HTTP; its id. */
export const publish = (hookline: Product, id: string, type = "task.created", workspace = "ws_1") =>
  Effect.map(hookline.api("POST", "/v1/events", { id, event: type, data: {} }, workspace), ({ body, status }) => {
    if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`)
    return id
  })

/**
 * Waits until everything that was published before is held, and says how many probes (`<prefix><n>`) it took: a list shows 50 deliveries, and those
 * that are held in one record are equally old.
 */
export const untilHeld = (hookline: Product, webhookId: string, prefix: string) => {
  let probes = 0
  const probe = Effect.suspend(() => publish(hookline, `${prefix}${probes++}`)).pipe(
    Effect.zipRight(deliveries(hookline, webhookId)),
    Effect.map((all) => Array.from(all).some(([id, { status }]) => id.startsWith(prefix) && status === "held"))
  )
  return Effect.map(until("all are held", probe, (held) => held, 30_000), () => probes)
}
