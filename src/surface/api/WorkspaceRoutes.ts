import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { History } from "../../ledger/History.ts"
import { isToken, WorkspaceId } from "../../model/Id.ts"
import { ApiKeys } from "../../registry/ApiKeys.ts"
import { Subscriptions } from "../../registry/Subscriptions.ts"
import { Quarantine } from "../Quarantine.ts"
import { HooklineApi } from "./Contract.ts"
import { Unprocessable } from "./Errors.ts"

const pageSize = 100
/** How long the list waits for the history, and for the broker. */
const patience = "2 seconds"

const noWebhooks = { enabled: 0, paused: 0, disabled: 0 }

/** The empty prefix is every workspace's. */
const checked = (field: "prefix" | "cursor", value: string | undefined) =>
  value === undefined || value === "" || isToken(value) ? Effect.succeed(value ?? "") : Effect.fail(
    new Unprocessable({
      type: "invalid",
      field,
      message: `${field}: must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -, as a workspace's id`
    })
  )

/** Undefined: it cannot be asked now. */
const asked = <A, E>(question: Effect.Effect<A, E>) =>
  question.pipe(Effect.timeout(patience), Effect.orElseSucceed(() => undefined))

/**
 * Nothing says that there is a workspace but what it has: webhooks and API keys, which are in memory, events, which the history knows, and quarantine
 * entries, which the broker knows. The first of all are among the first of each.
 */
export const workspaces = HttpApiBuilder.group(HooklineApi, "workspaces", (handlers) =>
  Effect.gen(function*() {
    const subscriptions = yield* Subscriptions
    const keys = yield* ApiKeys
    const history = yield* History
    const quarantine = yield* Quarantine

    return handlers.handle("list", ({ urlParams }) =>
      Effect.gen(function*() {
        const limit = urlParams.limit ?? pageSize
        const query = {
          prefix: yield* checked("prefix", urlParams.prefix),
          after: yield* checked("cursor", urlParams.cursor),
          limit: limit + 1
        }
        const isWanted = (id: string) => id.startsWith(query.prefix) && id > query.after
        const [published, quarantined] = yield* Effect.all(
          [asked(history.ask("workspaces", query)), asked(quarantine.workspaces)],
          { concurrency: 2 }
        )
        const registered = new Map(subscriptions.workspaces(query).map(({ id, ...states }) => [id as string, states]))
        const ids = new Set([
          ...registered.keys(),
          ...keys.workspaces(),
          ...published ?? [],
          ...quarantined?.ids ?? []
        ])
        // By code units, as the cursor is compared.
        const found = [...ids].filter(isWanted).sort()
        const page = found.slice(0, limit)
        return {
          data: page.map((id) => ({ id: WorkspaceId.make(id), webhooks: registered.get(id) ?? noWebhooks })),
          next: found.length > limit ? page.at(-1) ?? null : null,
          complete: published !== undefined && quarantined?.complete === true
        }
      }))
  }))
