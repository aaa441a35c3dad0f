import { type Context, Data, Effect, Option } from "effect"
import type { Connection } from "./Connection.ts"
import { BrokerUnavailable } from "./Streams.ts"

type Connected = Context.Tag.Service<typeof Connection>

/** The broker's error codes that mean something to us (nats-server, server/errors.json). */
export const errorCode = {
  consumerNotFound: 10014,
  messageNotFound: 10037,
  streamNotFound: 10059,
  consumerExists: 10148,
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
 * Asks JetStream's API (`$JS.API.<subject>`), for whoever makes something of a refusal. The answer's shape is the caller's claim: it is the
 * broker's own protocol, whose types come with its client.
 */
export const tryAsk = <A>(
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

/** Asks JetStream's API; an error answer is an unusable broker. */
export const ask = <A>(connection: Connected, subject: string, body?: object): Effect.Effect<A, BrokerUnavailable> =>
  Effect.catchTag(tryAsk<A>(connection, subject, body), "ApiRefused", (refused) => Effect.fail(unavailable(refused)))

/** As `ask`; none where the broker refuses with one of these codes, which say that there is none. */
export const find = <A>(
  connection: Connected,
  none: ReadonlyArray<number>,
  subject: string,
  body?: object
): Effect.Effect<Option.Option<A>, BrokerUnavailable> =>
  tryAsk<A>(connection, subject, body).pipe(
    Effect.asSome,
    Effect.catchTag("ApiRefused", (refused) =>
      none.includes(refused.code) ? Effect.succeedNone : Effect.fail(unavailable(refused)))
  )

/**
 * Tells JetStream something without waiting for the answer: for what is tidied up when a scope closes, which must not wait for a broker
 * that may be frozen.
 */
export const tell = (connection: Connected, subject: string): Effect.Effect<void> =>
  Effect.sync(() => {
    if (connection.isConnected()) connection.nats.publish(`$JS.API.${subject}`, "", { reply: connection.inbox() })
  })

const withoutJetStream: ReadonlyArray<number> = [errorCode.noJetStream, errorCode.noJetStreamForAccount]

const unavailable = ({ code, description, operation }: ApiRefused): BrokerUnavailable =>
  new BrokerUnavailable({
    operation,
    detail: withoutJetStream.includes(code)
      ? "JetStream is not enabled on that server or account"
      : `${description} (${code})`
  })
