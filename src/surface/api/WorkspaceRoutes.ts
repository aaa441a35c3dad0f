import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { isToken } from "../../model/Id.ts"
import { Subscriptions } from "../../registry/Subscriptions.ts"
import { HooklineApi } from "./Contract.ts"
import { Unprocessable } from "./Errors.ts"

const pageSize = 100

/** The empty prefix is every workspace's. */
const checked = (field: "prefix" | "cursor", value: string | undefined) =>
  value === undefined || value === "" || isToken(value) ? Effect.succeed(value ?? "") : Effect.fail(
    new Unprocessable({
      type: "invalid",
      field,
      message: `${field}: must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -, as a workspace's id`
    })
  )

export const workspaces = HttpApiBuilder.group(
  HooklineApi,
  "workspaces",
  (handlers) =>
    Effect.map(Subscriptions, (subscriptions) =>
      handlers.handle("list", ({ urlParams }) =>
        Effect.gen(function*() {
          const limit = urlParams.limit ?? pageSize
          const found = subscriptions.workspaces({
            prefix: yield* checked("prefix", urlParams.prefix),
            after: yield* checked("cursor", urlParams.cursor),
            limit: limit + 1
          })
          const page = found.slice(0, limit)
          return {
            data: page.map(({ id, ...webhooks }) => ({ id, webhooks })),
            next: found.length > limit ? page.at(-1)?.id ?? null : null
          }
        })))
)
