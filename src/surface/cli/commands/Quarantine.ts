import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import type { QuarantineEntry } from "../../api/contract/Quarantine.ts"
import { given, idOf, layout, print, where, within } from "../Common.ts"
import { page } from "../Help.ts"
import { table } from "../Table.ts"
import { shortTime } from "../Text.ts"

const client = Effect.promise(() => import("../Client.ts"))

const list = Command.make("list", {
  cursor: Options.text("cursor").pipe(Options.withDescription("Where the page before ended."), Options.optional),
  limit: within("limit", 1, 100).pipe(Options.withDescription("At most so many, 1 to 100."), Options.optional),
  reason: Options.text("reason").pipe(
    Options.withDescription("Only entries with this reason, such as unknown_type."),
    Options.optional
  ),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const found = yield* callIn(input, (api, request) =>
      api.quarantine.list({
        ...request,
        urlParams: {
          ...given("cursor", input.cursor),
          ...given("limit", input.limit),
          ...given("reason", input.reason)
        }
      }))
    yield* print(input.json, found, (shell, { data, next }) =>
      [
        data.length === 0 ? "nothing in quarantine" : table<typeof QuarantineEntry.Type>(
          [
            { title: "ID", value: ({ id }) => id },
            { title: "REASON", value: ({ reason }) => reason },
            { title: "MESSAGE", value: ({ message }) => message, shrinks: true },
            { title: "SUBJECT", value: ({ subject }) => subject, shrinks: true },
            { title: "BYTES", value: ({ size }) => size, align: "right" },
            { title: "INPUT", value: ({ raw }) => raw.slice(0, 200), shrinks: true },
            { title: "RELEASED", value: ({ released }) => (released ? "yes" : "") },
            { title: "SINCE (UTC)", value: ({ quarantined_at }) => shortTime(quarantined_at) }
          ],
          data,
          layout(shell)
        ),
        ...(next === null ? [] : [`more: --cursor ${next}`])
      ].join("\n"))
  })).pipe(
    Command.withDescription(
      "List what was published and is no event, newest first. The workspace _ holds what names none."
    )
  )

const release = Command.make("release", { id: idOf("entry"), ...where }, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const released = yield* callIn(
      input,
      (api, request) => api.quarantine.release({ ...request, path: { id: input.id } })
    )
    yield* print(input.json, released, (_, { id }) => `${input.id} released as event ${id}`)
  })).pipe(
    Command.withDescription(
      "Publish an entry after its cause is mended: it is checked again, and keeps its id and time."
    )
  )

export const quarantine = Command.make("quarantine").pipe(
  Command.withDescription("Look at input that cannot be an event, and release it."),
  Command.withSubcommands([list, release])
)

export const quarantinePage = page("quarantine", quarantine, [page("list", list), page("release", release)])
