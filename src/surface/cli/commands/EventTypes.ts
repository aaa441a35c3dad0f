import { Command } from "@effect/cli"
import { Effect } from "effect"
import { dataDirectory, json, layout, print } from "../Common.ts"
import { table } from "../Table.ts"

export const eventTypes = Command.make("event-types", { data: dataDirectory, json }, (input) =>
  Effect.gen(function*() {
    const { call } = yield* Effect.promise(() => import("../Client.ts"))
    const page = yield* call(input, (api) => api.eventTypes.list({}))
    yield* print(input.json, page, (shell, { data }) =>
      table<(typeof data)[number]>(
        [
          { title: "TYPE", value: ({ type }) => type },
          { title: "DESCRIPTION", value: ({ description }) => description, shrinks: true }
        ],
        data,
        layout(shell)
      ))
  })).pipe(Command.withDescription("List the event types; --json has an example of each."))
