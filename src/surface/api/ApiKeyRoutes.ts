import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Redacted } from "effect"
import { BrokerClock } from "../../broker/BrokerClock.ts"
import type { ApiKey } from "../../model/ApiKey.ts"
import { isTimestamp } from "../../model/Timestamp.ts"
import { ApiKeys } from "../../registry/ApiKeys.ts"
import { jsonBody } from "./Body.ts"
import { HooklineApi } from "./Contract.ts"
import { type ApiKeyView, CreateApiKey } from "./contract/ApiKeys.ts"
import { Principal } from "./contract/Common.ts"
import { Conflict, Forbidden, NotFound, Unprocessable } from "./Errors.ts"
import { brokerUnavailable } from "./Refusals.ts"
import { iso } from "./Times.ts"
import { ownWorkspace } from "./Workspace.ts"

const pageSize = 100
const longestName = 200

const view = (key: ApiKey): ApiKeyView => ({
  id: key.id,
  name: key.name,
  role: key.role,
  scope: key.workspaceId === null ? "operator" : "workspace",
  workspace_id: key.workspaceId,
  created_at: iso(key.createdAt),
  expires_at: key.expiresAt === undefined ? null : iso(key.expiresAt),
  last_used_at: key.lastUsedAt === undefined ? null : iso(key.lastUsedAt)
})

const invalid = (field: string, why: string) =>
  new Unprocessable({ type: "invalid", field, message: `${field}: ${why}` })

/** Only an operator makes, sees and revokes the operator's keys. */
const asOperator = Effect.flatMap(
  Principal,
  ({ workspaceId }) =>
    workspaceId === null ? Effect.succeed(null) : Effect.fail(
      new Forbidden({
        type: "forbidden",
        field: "scope",
        message: "scope: `operator` needs an operator's key; this one is a workspace's"
      })
    )
)

const checkName = (name: string): Unprocessable | undefined => {
  const length = [...name].length
  if (length < 1 || length > longestName) return invalid("name", `must have 1 to ${longestName} characters`)
  return name.trim() === "" || /[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)
    ? invalid("name", "must have printable characters, in one line")
    : undefined
}

/** The place of a key in the list, newest first: what follows it comes after. */
const cursorOf = ({ createdAt, id }: ApiKey): string => `${createdAt}-${id}`

const after = (cursor: string): ((key: ApiKey) => boolean) | undefined => {
  const match = /^(\d{1,15})-([0-9A-Za-z_-]{1,64})$/.exec(cursor)
  if (match === null) return undefined
  const [, time, id = ""] = match
  return (key) => key.createdAt < Number(time) || (key.createdAt === Number(time) && key.id < id)
}

const readCreate = jsonBody(CreateApiKey)

export const apiKeys = HttpApiBuilder.group(HooklineApi, "apiKeys", (handlers) =>
  Effect.gen(function*() {
    const keys = yield* ApiKeys
    const clock = yield* BrokerClock
    return handlers
      .handleRaw("create", ({ headers, request }) =>
        Effect.gen(function*() {
          // A workspace that is named is looked at first, as everywhere; one that is missing is only so for a key that needs it.
          if (headers["x-workspace-id"] !== undefined) yield* ownWorkspace(headers)
          const { expires_at: expires, name, role, scope } = yield* readCreate(request)
          const workspaceId = yield* scope === "operator" ? asOperator : ownWorkspace(headers)
          const problem = checkName(name)
          if (problem !== undefined) return yield* problem
          if (expires !== undefined && !isTimestamp(expires)) {
            return yield* invalid("expires_at", "must be RFC 3339 with a zone, such as 2030-01-01T00:00:00Z")
          }
          const expiresAt = expires === undefined ? undefined : Date.parse(expires)
          if (expiresAt !== undefined && expiresAt <= clock.now()) {
            return yield* invalid("expires_at", "must be in the future")
          }
          const { key, text } = yield* keys.create({ workspaceId, role, name, expiresAt })
          return { ...view(key), key: Redacted.value(text) }
        }).pipe(Effect.catchTags({
          BrokerUnavailable: brokerUnavailable,
          TooManyApiKeys: ({ limit }) =>
            Effect.fail(
              new Conflict({
                type: "too_many_keys",
                message:
                  `there are ${limit} keys, those revoked within the last hour included; revoke some, or wait for an hour`
              })
            )
        })))
      .handle("list", ({ headers, urlParams: { cursor, limit = pageSize, scope } }) =>
        Effect.gen(function*() {
          const workspaceId = yield* scope === "operator" ? asOperator : ownWorkspace(headers)
          const follows = cursor === undefined ? () => true : after(cursor)
          if (follows === undefined) return yield* invalid("cursor", "none that a page gave")
          const rest = keys.list(workspaceId).filter(follows)
          const data = rest.slice(0, limit)
          const last = data.at(-1)
          return { data: data.map(view), next: last === undefined || rest.length <= limit ? null : cursorOf(last) }
        }))
      .handle("revoke", ({ headers, path: { id } }) =>
        Effect.gen(function*() {
          const { workspaceId: own } = yield* Principal
          yield* keys.revoke(own === null && keys.isOfOperator(id) ? null : yield* ownWorkspace(headers), id)
        }).pipe(Effect.catchTags({
          BrokerUnavailable: brokerUnavailable,
          ApiKeyNotFound: () =>
            Effect.fail(new NotFound({ type: "api_key_not_found", message: "there is no such API key" }))
        })))
  }))
