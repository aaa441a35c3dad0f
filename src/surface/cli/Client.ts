import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Data, Duration, Effect, Option, Predicate, Redacted } from "effect"
import type { ParseResult, Schema } from "effect"
import type { WorkspaceId } from "../../model/Id.ts"
import { HooklineApi } from "../api/Contract.ts"
import { Published } from "../api/contract/Events.ts"
import { Tested } from "../api/contract/Webhooks.ts"
import { ErrorBody } from "../api/Errors.ts"
import { commandName } from "./Banner.ts"
import type { Where } from "./Common.ts"
import { failed, wrong } from "./Failure.ts"
import type { CommandFailed } from "./Failure.ts"
import { type Rebuild, waiting } from "./HistoryWait.ts"
import type { Shell } from "./Shell.ts"
import { namedWorkspace, resolveTarget } from "./Target.ts"
import type { Target } from "./Target.ts"

/** The API takes at most 30 s for a request; a little more for the way. */
const patience = "35 seconds"

/** Node's own client, not fetch: that refuses ports which a server may well listen on. Follows no redirect with the key. */
export const transport = NodeHttpClient.layer

export const authorized = (target: Target) => (client: HttpClient.HttpClient): HttpClient.HttpClient =>
  client.pipe(
    HttpClient.mapRequest(HttpClientRequest.bearerToken(Redacted.value(target.key)))
  )

const clientOf = (target: Target) =>
  HttpApiClient.make(HooklineApi, { baseUrl: target.url, transformClient: authorized(target) })

export type Client = Effect.Effect.Success<ReturnType<typeof clientOf>>

/** What a call knows beside the client: the header that names its workspace, if the command does. */
export interface InWorkspace {
  readonly headers: { readonly "x-workspace-id"?: WorkspaceId }
}

export const headersOf = (workspace: Option.Option<WorkspaceId>): InWorkspace["headers"] =>
  Option.match(workspace, { onNone: () => ({}), onSome: (id) => ({ "x-workspace-id": id }) })

type CallFailed = ParseResult.ParseError | HttpClientError.HttpClientError | { readonly message: string }

/** What the history reads before it can be asked; undefined: it does not say so, or nobody can. */
const rebuildAt = (target: Target): Effect.Effect<Rebuild | undefined> =>
  clientOf(target).pipe(
    Effect.flatMap((client) => client.readyz()),
    Effect.provide(transport),
    Effect.timeout(patience),
    Effect.map(({ checks }) => checks.find(({ name }) => name === "history")?.progress),
    Effect.orElseSucceed(() => undefined)
  )

/**
 * Calls the API, as the contract describes it; what goes wrong becomes a sentence. What asks the history while that is rebuilt waits for it, on a
 * terminal (HistoryWait.ts).
 */
export const call = <A>(
  where: Pick<Where, "data">,
  use: (client: Client) => Effect.Effect<A, CallFailed>
): Effect.Effect<A, CommandFailed, Shell> =>
  Effect.gen(function*() {
    const target = yield* resolveTarget(where.data)
    return yield* clientOf(target).pipe(
      Effect.flatMap(use),
      Effect.provide(transport),
      bounded(target),
      waiting(rebuildAt(target)),
      Effect.catchAll((error) => explained(target, error))
    )
  })

/** As `call`, in a workspace: the one that is named, else the key's own. */
export const callIn = <A>(
  where: Where,
  use: (client: Client, request: InWorkspace) => Effect.Effect<A, CallFailed>
): Effect.Effect<A, CommandFailed, Shell> =>
  Effect.flatMap(
    namedWorkspace(where),
    (workspace) => call(where, (client) => use(client, { headers: headersOf(workspace) }))
  )

/**
 * Posts a body whose bytes are given: the derived client would parse and print `data` anew, and CONTRACT 4 keeps it byte for byte. What answers
 * with `status` is read by `schema`.
 */
const post = <A, I>(
  where: Where,
  path: string,
  body: Uint8Array,
  expected: {
    readonly status: number
    readonly schema: Schema.Schema<A, I>
    readonly patience?: Duration.DurationInput
  }
): Effect.Effect<A, CommandFailed, Shell> =>
  Effect.gen(function*() {
    const workspace = yield* namedWorkspace(where)
    const target = yield* resolveTarget(where.data)
    return yield* Effect.gen(function*() {
      const client = authorized(target)(yield* HttpClient.HttpClient)
      const response = yield* client.execute(
        HttpClientRequest.post(`${target.url}${path}`).pipe(
          HttpClientRequest.setHeaders(Object.entries(headersOf(workspace))),
          HttpClientRequest.bodyUint8Array(body, "application/json")
        )
      )
      if (response.status !== expected.status) return yield* refusal(target, response)
      return yield* HttpClientResponse.schemaBodyJson(expected.schema)(response)
    }).pipe(
      Effect.provide(transport),
      Effect.catchAll((error) => explained(target, error)),
      bounded(target, expected.patience)
    )
  })

export const publish = (where: Where, body: Uint8Array): Effect.Effect<typeof Published.Type, CommandFailed, Shell> =>
  post(where, "/v1/events", body, { status: 202, schema: Published })

/** Sends a test event; the operator's timeout of an attempt may be longer than the patience with anything else. */
export const test = (
  where: Where,
  webhookId: string,
  body: Uint8Array
): Effect.Effect<typeof Tested.Type, CommandFailed, Shell> =>
  post(where, `/v1/webhooks/${webhookId}/test`, body, { status: 200, schema: Tested, patience: "10 minutes" })

/** Why an answer is no success. */
export const refusal = (
  target: Target,
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<never, CommandFailed | Refused> =>
  Effect.flatMap(
    Effect.option(HttpClientResponse.schemaBodyJson(ErrorBody)(response)),
    (body): Effect.Effect<never, CommandFailed | Refused> =>
      Option.isNone(body)
        ? strange(target, response.status)
        : new Refused({ status: response.status, ...body.value.error })
  )

/** An answer of the API that is not a success, where the contract's own error class is not at hand. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly status: number
  readonly type: string
  readonly message: string
  readonly field?: string
}> {}

const bounded = (target: Target, limit: Duration.DurationInput = patience) =>
<A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | CommandFailed, R> =>
  Effect.timeoutFail(effect, {
    duration: limit,
    onTimeout: () => failed(`the API at ${target.url} did not answer within ${Duration.format(limit)}`)
  })

const strange = (target: Target, status?: number): CommandFailed =>
  failed(
    `what answers at ${target.url} is not this version of hookline${
      status === undefined ? "" : ` (HTTP status ${status})`
    }`
  )

export const explained = (target: Target, error: unknown): CommandFailed => {
  if (Predicate.isTagged(error, "CommandFailed")) return error as CommandFailed
  if (Predicate.isTagged(error, "RequestError")) return unreachable(target, error)
  if (Predicate.isTagged(error, "ResponseError")) {
    return strange(target, (error as HttpClientError.ResponseError).response.status)
  }
  if (!Predicate.hasProperty(error, "message") || !Predicate.hasProperty(error, "type")) return strange(target)
  if (error.type === "workspace_missing") {
    return wrong(
      `which workspace? Give --workspace, or set HOOKLINE_WORKSPACE; the key from ${target.keySource} belongs to none`
    )
  }
  const field = Predicate.hasProperty(error, "field") && error.field !== undefined ? ` (field: ${error.field})` : ""
  const unauthorized = Predicate.isTagged(error, "Unauthorized") || ("status" in error && error.status === 401)
  return failed(`${error.message}${field}${unauthorized ? `; the key is from ${target.keySource}` : ""}`)
}

const unreachable = (target: Target, error: unknown): CommandFailed => {
  const cause = innermost(error)
  const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : undefined
  const why = code === "ECONNREFUSED"
    ? "connection refused"
    : code ?? (cause instanceof Error ? cause.message : "no connection")
  return failed(
    `cannot reach the API at ${target.url} (${why}). Start hookline with \`${commandName} start --dev\`, or name another with HOOKLINE_URL and HOOKLINE_API_KEY`
  )
}

const innermost = (error: unknown): unknown =>
  Predicate.hasProperty(error, "cause") && error.cause !== undefined && error.cause !== null
    ? innermost(error.cause)
    : error
