import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import { given, idOf, layout, print, where, within } from "../Common.ts"
import { page } from "../Help.ts"
import { jobFields, type JobView, progressOf } from "../JobText.ts"
import { table } from "../Table.ts"
import { shortTime } from "../Text.ts"

const client = Effect.promise(() => import("../Client.ts"))

const list = Command.make("list", {
  cursor: Options.text("cursor").pipe(Options.withDescription("Where the page before ended."), Options.optional),
  limit: within("limit", 1, 100).pipe(Options.withDescription("At most so many, 1 to 100."), Options.optional),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const found = yield* callIn(input, (api, request) =>
      api.jobs.list({ ...request, urlParams: { ...given("cursor", input.cursor), ...given("limit", input.limit) } }))
    yield* print(input.json, found, (shell, { data, next }) =>
      [
        data.length === 0 ? "no jobs" : table<JobView>(
          [
            {
              title: "ID",
              value: ({ id }) =>
                id
            },
            {
              title: "WEBHOOK",
              value: ({ webhook_id }) =>
                webhook_id
            },
            { title: "ONLY", value: ({ only }) => only },
            { title: "STATE", value: ({ state }) => state },
            { title: "PROGRESS", value: progressOf, align: "right" },
            { title: "CREATED (UTC)", value: ({ created_at }) => shortTime(created_at) },
            { title: "ENDED (UTC)", value: ({ finished_at }) => finished_at === null ? "" : shortTime(finished_at) }
          ],
          data,
          layout(shell)
        ),
        ...(next === null ? [] : [`more: --cursor ${next}`])
      ].join("\n"))
  })).pipe(Command.withDescription("List a workspace's jobs, newest first."))

const of = (name: "show" | "cancel", text: string) =>
  Command.make(name, { id: idOf("job"), ...where }, (input) =>
    Effect.gen(function*() {
      const { callIn } = yield* client
      const job = yield* callIn(input, (api, request) => api.jobs[name]({ ...request, path: { id: input.id } }))
      yield* print(input.json, job, jobFields)
    })).pipe(Command.withDescription(text))

const show = of("show", "Show a job and how far it is.")
const cancel = of("cancel", "Cancel a job: nothing more is sent again; what was accepted is delivered.")

export const jobs = Command.make("jobs").pipe(
  Command.withDescription("Watch and cancel what goes on after its answer, such as webhooks recover."),
  Command.withSubcommands([list, show, cancel])
)

export const jobsPage = page("jobs", jobs, [page("list", list), page("show", show), page("cancel", cancel)])
