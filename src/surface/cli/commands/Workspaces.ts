import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import type { WorkspaceView } from "../../api/contract/Workspaces.ts"
import { dataDirectory, given, json, layout, print, within } from "../Common.ts"
import { Shell } from "../Shell.ts"
import { table } from "../Table.ts"

export const workspaces = Command.make("workspaces", {
  cursor: Options.text("cursor").pipe(Options.withDescription("Where the page before ended."), Options.optional),
  data: dataDirectory.pipe(Options.withAlias("data")),
  json,
  limit: within("limit", 1, 100).pipe(Options.withDescription("At most so many, 1 to 100."), Options.optional),
  prefix: Options.text("prefix").pipe(Options.withDescription("Only those whose ids begin so."), Options.optional)
}, (input) =>
  Effect.gen(function*() {
    const { call } = yield* Effect.promise(() => import("../Client.ts"))
    const found = yield* call(input, (api) =>
      api.workspaces.list({
        urlParams: {
          ...given("cursor", input.cursor),
          ...given("limit", input.limit),
          ...given("prefix", input.prefix)
        }
      }))
    const shell = yield* Shell
    if (!found.complete) {
      yield* shell.error(
        "note: the history or the broker cannot be asked now: workspaces that have nothing but events or quarantine entries may be missing"
      )
    }
    yield* print(input.json, found, (shell, { data, next }) =>
      [
        data.length === 0 ? "no workspaces" : table<WorkspaceView>(
          [
            { title: "WORKSPACE", value: ({ id }) => id },
            { title: "ENABLED", value: ({ webhooks }) => webhooks.enabled, align: "right" },
            { title: "PAUSED", value: ({ webhooks }) => webhooks.paused, align: "right" },
            { title: "DISABLED", value: ({ webhooks }) => webhooks.disabled, align: "right" }
          ],
          data,
          layout(shell)
        ),
        ...(next === null ? [] : [`more: --cursor ${next}`])
      ].join("\n"))
  })).pipe(
    Command.withDescription(
      "List the workspaces that are in use, with the number of their webhooks by state. For the operator."
    )
  )
