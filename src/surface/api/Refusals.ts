import { Effect } from "effect"
import type { BrokerUnavailable } from "../../broker/Streams.ts"
import type { HistoryUnavailable } from "../../ledger/History.ts"
import type { WebhookNotFound } from "../../model/WebhookLife.ts"
import type { WebhookRefused } from "../../model/WebhookSettings.ts"
import type { WebhookConflict } from "../../registry/Webhooks.ts"
import { Conflict, NotFound, Unavailable, Unprocessable } from "./Errors.ts"

/** What the registry and the broker refuse, as the API answers it. */

const isHistoryUnavailable = (error: { readonly _tag: string }): error is HistoryUnavailable =>
  error._tag === "HistoryUnavailable"
const isBrokerUnavailable = (error: { readonly _tag: string }): error is BrokerUnavailable =>
  error._tag === "BrokerUnavailable"

/** What the broker said is for the log, not for a customer. */
export const brokerUnavailable = (error: BrokerUnavailable) =>
  Effect.zipRight(
    Effect.logWarning("the broker did not answer a request of the API").pipe(
      Effect.annotateLogs({ operation: error.operation, detail: error.detail })
    ),
    Effect.fail(new Unavailable({ type: "broker_unavailable", message: "the broker cannot be reached; try again" }))
  )

/** Says why: the one who asks can do nothing but wait. */
export const historyUnavailable = ({ detail }: HistoryUnavailable) =>
  new Unavailable({ type: "history_unavailable", message: `the history cannot be asked now: ${detail}` })

/** Around everything that reads the history and the streams. */
export const readable = <A, E extends { readonly _tag: string }, R>(
  question: Effect.Effect<A, E | HistoryUnavailable | BrokerUnavailable, R>
): Effect.Effect<A, Exclude<E, HistoryUnavailable | BrokerUnavailable> | Unavailable, R> =>
  Effect.catchAll(
    question,
    (error): Effect.Effect<never, Exclude<E, HistoryUnavailable | BrokerUnavailable> | Unavailable> =>
      isHistoryUnavailable(error)
        ? Effect.fail(historyUnavailable(error))
        : isBrokerUnavailable(error)
        ? brokerUnavailable(error)
        : Effect.fail(error as Exclude<E, HistoryUnavailable | BrokerUnavailable>)
  )

/** Another workspace's webhook looks the same (CONTRACT 8). */
export const webhookNotFound = new NotFound({ type: "webhook_not_found", message: "there is no such webhook" })

type RegistryError = WebhookRefused | WebhookNotFound | WebhookConflict | BrokerUnavailable

const registryTags = ["WebhookRefused", "WebhookNotFound", "WebhookConflict", "BrokerUnavailable"]

const isOfRegistry = (error: { readonly _tag: string }): error is RegistryError => registryTags.includes(error._tag)

const translate = (error: RegistryError): Effect.Effect<never, Conflict | NotFound | Unavailable | Unprocessable> => {
  switch (error._tag) {
    case "BrokerUnavailable":
      return brokerUnavailable(error)
    case "WebhookNotFound":
      return Effect.fail(webhookNotFound)
    case "WebhookConflict":
      return Effect.fail(new Conflict({ type: "webhook_conflict", message: error.message }))
    case "WebhookRefused": {
      const { field, message, status, type } = error
      const problem = field === undefined ? { type, message } : { type, field, message: `${field}: ${message}` }
      return Effect.fail(status === 409 ? new Conflict(problem) : new Unprocessable(problem))
    }
  }
}

type Answered<E> =
  | Exclude<E, RegistryError>
  | Conflict
  | Unavailable
  | Unprocessable
  | (WebhookNotFound extends E ? NotFound : never)

/** Around every command of the registry. */
export const answering = <A, E extends { readonly _tag: string }, R>(
  command: Effect.Effect<A, E, R>
): Effect.Effect<A, Answered<E>, R> =>
  Effect.catchAll(
    command,
    (error): Effect.Effect<never, Answered<E>> =>
      (isOfRegistry(error) ? translate(error) : Effect.fail(error)) as Effect.Effect<never, Answered<E>>
  )
