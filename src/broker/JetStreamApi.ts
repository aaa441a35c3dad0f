import { Data, Effect } from "effect"
import type { Context } from "effect"
import type { Connection } from "./Connection.ts"
import { BrokerUnavailable } from "./Streams.ts"

type Connected = Context.Tag.Service<typeof Connection>

/** The broker's error codes that mean something to us (nats-server, server/errors.json). */
export const errorCode = {
  consumerNotFound: 10014,
  messageNotFound: 10037,
  streamNotFound: 10059,
  noJetStream: 10076,
  noJetStreamForAccount: 10039
} as const

/** JetStream answered, with an error. */
export class ApiRefused extends Data.TaggedError("ApiRefused")<{
  readonly operation: string
  readonly code: number
  readonly description: string
}> {}

interface ApiError {
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string }
}

/**
 * Asks JetStream's API (`$JS.API.<subject>`). The answer's shape is the caller's claim: it is the broker's own protocol, whose types
 * come with its client.
 */
export const ask = <A>(
  connection: Connected,
  subject: string,
  body?: object
): Effect.Effect<A, BrokerUnavailable | ApiRefused> =>
  Effect.flatMap(
    connection.request(subject, `$JS.API.${subject}`, body === undefined ? "" : JSON.stringify(body)),
    (message) =>
      Effect.suspend(() => {
        const answer = JSON.parse(message.string()) as A & ApiError
        return answer.error === undefined
          ? Effect.succeed(answer)
          : Effect.fail(
            new ApiRefused({
              operation: subject,
              code: answer.error.err_code ?? answer.error.code,
              description: answer.error.description ?? "no reason given"
            })
          )
      })
  )

/**
 * Tells JetStream something without waiting for the answer: for what is tidied up when a scope closes, which must not wait for a broker
 * that may be frozen.
 */
export const tell = (connection: Connected, subject: string): Effect.Effect<void> =>
  Effect.sync(() => {
    if (connection.isConnected()) connection.nats.publish(`$JS.API.${subject}`, "", { reply: connection.inbox() })
  })

/** An error answer that nobody expects is an unusable broker. */
export const unavailable = (refused: ApiRefused): BrokerUnavailable =>
  new BrokerUnavailable({ operation: refused.operation, detail: `${refused.description} (${refused.code})` })
