import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import { roles } from "../../../model/ApiKey.ts"
import type { ApiKeyView } from "../../api/contract/ApiKeys.ts"
import { given, idOf, layout, print, where, within } from "../Common.ts"
import { page } from "../Help.ts"
import type { ShellService } from "../Shell.ts"
import { fields, table } from "../Table.ts"
import { shortTime } from "../Text.ts"

const client = Effect.promise(() => import("../Client.ts"))

const operator = Options.boolean("operator").pipe(
  Options.withDescription("Keys of the operator instead: of no workspace and for all. Needs an operator's key.")
)
const scoped = (ofOperator: boolean) => ofOperator ? { scope: "operator" as const } : {}

const create = Command.make("create", {
  expires: Options.text("expires").pipe(
    Options.withPseudoName("time"),
    Options.withDescription("When it ceases to be valid, such as 2030-01-01T00:00:00Z; never when not given."),
    Options.optional
  ),
  name: Options.text("name").pipe(Options.withDescription("What it is for, at most 200 characters. Required.")),
  operator,
  role: Options.choice("role", roles).pipe(
    Options.withDescription(
      "What it may do: post events, look at everything of the workspace, or everything. Required."
    )
  ),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const created = yield* callIn(input, (api, request) =>
      api.apiKeys.create({
        ...request,
        payload: {
          name: input.name,
          role: input.role,
          ...scoped(input.operator),
          ...given("expires_at", input.expires)
        }
      }))
    yield* print(input.json, created, (shell) => shown(shell, created, created.key) + note)
  })).pipe(Command.withDescription("Make an API key. It is shown once."))

const list = Command.make("list", {
  cursor: Options.text("cursor").pipe(Options.withDescription("Where the page before ended."), Options.optional),
  limit: within("limit", 1, 100).pipe(Options.withDescription("At most so many, 1 to 100."), Options.optional),
  operator,
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const found = yield* callIn(input, (api, request) =>
      api.apiKeys.list({
        ...request,
        urlParams: { ...scoped(input.operator), ...given("cursor", input.cursor), ...given("limit", input.limit) }
      }))
    yield* print(input.json, found, (shell, { data, next }) =>
      [
        data.length === 0 ? "no API keys" : table<ApiKeyView>(
          [
            { title: "ID", value: ({ id }) => id },
            { title: "ROLE", value: ({ role }) => role },
            { title: "NAME", value: ({ name }) => name, shrinks: true },
            { title: "CREATED (UTC)", value: ({ created_at }) => shortTime(created_at) },
            { title: "LAST USED", value: ({ last_used_at }) => last_used_at === null ? "" : shortTime(last_used_at) },
            { title: "EXPIRES", value: ({ expires_at }) => expires_at === null ? "" : shortTime(expires_at) }
          ],
          data,
          layout(shell)
        ),
        ...(next === null ? [] : [`more: --cursor ${next}`])
      ].join("\n"))
  })).pipe(Command.withDescription("List API keys, newest first; never the keys themselves."))

const revoke = Command.make("revoke", { id: idOf("key"), ...where }, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    yield* callIn(input, (api, request) => api.apiKeys.revoke({ ...request, path: { id: input.id } }))
    yield* print(input.json, { id: input.id, revoked: true }, () => `${input.id} revoked`)
  })).pipe(Command.withDescription("Revoke an API key: within 5 seconds it is valid nowhere any more."))

export const keys = Command.make("keys").pipe(
  Command.withDescription("Make, list and revoke API keys."),
  Command.withSubcommands([create, list, revoke])
)

export const keysPage = page("keys", keys, [page("create", create), page("list", list), page("revoke", revoke)])

const note = "\n\nThe key is not shown again. Use it as HOOKLINE_API_KEY, or as `Authorization: Bearer …`."

const shown = (shell: ShellService, key: ApiKeyView, text: string): string =>
  fields([
    ["id", key.id],
    ["name", key.name],
    ["role", key.role],
    ["workspace", key.workspace_id ?? "none: it is an operator's"],
    ["created", `${shortTime(key.created_at)} UTC`],
    ["expires", key.expires_at === null ? undefined : `${shortTime(key.expires_at)} UTC`],
    ["key", text]
  ], layout(shell).bold)
