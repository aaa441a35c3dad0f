import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import { given, idOf, print, where } from "../Common.ts"
import { eventShown, eventsTable, explanationShown } from "../EventText.ts"
import { page } from "../Help.ts"
import { period, periodOf } from "../Moment.ts"
import { command, listed, pages, paging, warnBehind } from "../Pages.ts"

const client = Effect.promise(() => import("../Client.ts"))

const id = idOf("event")

const list = Command.make("list", {
  ...paging,
  ...period,
  type: Options.text("type").pipe(
    Options.withDescription("Only events of this type, such as project.created."),
    Options.optional
  ),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const filters = { ...given("event_type", input.type), ...(yield* periodOf(input)) }
    const found = yield* pages(input, (place) =>
      callIn(input, (api, request) => api.events.list({ ...request, urlParams: { ...filters, ...place } })))
    yield* print(input.json, found, (shell, found) =>
      listed(found, Object.keys(filters).length === 0 ? "no events" : "no events that fit", (data) =>
        eventsTable(shell, data)))
    yield* warnBehind(found)
  })).pipe(Command.withDescription("List events, the newest first, with what became of each."))

const show = Command.make("show", {
  id,
  body: Options.boolean("body").pipe(Options.withDescription("Also the body that every webhook is sent.")),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const event = yield* callIn(input, (api, request) => api.events.show({ ...request, path: { id: input.id } }))
    yield* print(input.json, event, (shell) =>
      [
        eventShown(shell, event, input.body),
        "",
        "Why each webhook got it or not:",
        `  ${command(input, "events", "explain", input.id)}`
      ].join("\n"))
  })).pipe(Command.withDescription("Show an event and its deliveries."))

const explain = Command.make("explain", { id, ...where }, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const explanation = yield* callIn(
      input,
      (api, request) => api.events.explain({ ...request, path: { id: input.id } })
    )
    yield* print(input.json, explanation, explanationShown)
    yield* warnBehind(explanation)
  })).pipe(
    Command.withDescription(
      "Say of every webhook of the workspace why it got an event, or why not, and what became of it."
    )
  )

export const events = Command.make("events").pipe(
  Command.withDescription("See what became of events, and why."),
  Command.withSubcommands([list, show, explain])
)

export const eventsPage = page("events", events, [page("list", list), page("show", show), page("explain", explain)])
