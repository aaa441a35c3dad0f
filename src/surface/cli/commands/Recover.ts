import { Command, Options } from "@effect/cli"
import { Clock, Effect, Option } from "effect"
import { parseDuration } from "../../../Config.ts"
import { onlyValues, rates } from "../../../model/Job.ts"
import { commandName } from "../Banner.ts"
import { given, idOf, print, type Where, where, within } from "../Common.ts"
import { failed } from "../Failure.ts"
import { jobFields, type JobView, progressBar, progressOf } from "../JobText.ts"
import { Shell } from "../Shell.ts"

const client = Effect.promise(() => import("../Client.ts"))

/** How often a job is looked at: on a terminal, and where each look could be a line. */
const lookEvery = { bar: "500 millis", lines: "2 seconds" } as const

type Moment = { readonly ago: number } | { readonly at: number }

/** A time, a day, or how long ago. */
const moment = (name: string, text: string) =>
  Options.text(name).pipe(
    Options.withPseudoName("time"),
    Options.filterMap((value): Option.Option<Moment> => {
      const ago = parseDuration(value)
      if (ago !== undefined) return Option.some({ ago })
      const at = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?$/.test(value) ? Date.parse(value) : Number.NaN
      return Number.isNaN(at) ? Option.none() : Option.some({ at })
    }, `--${name} takes a time such as 2025-03-23T14:35:21Z, a day such as 2025-03-23, or how long ago, such as 2h`),
    Options.withDescription(`${text} A time such as 2025-03-23T14:35:21Z, or how long ago, such as 2h or 7d.`),
    Options.optional
  )

const timeOf = (moment: Moment, now: number): number => "at" in moment ? moment.at : now - moment.ago

/** Looks at the job until it has ended, and shows how far it is on standard error. */
const watched = (input: Where, first: JobView) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const shell = yield* Shell
    const { progress } = shell
    const show = (job: JobView) => progress === undefined ? shell.error(progressOf(job)) : progress(progressBar(job))
    let job = first
    let shown = -1
    while (job.state === "running") {
      // A pipe gets a line only when there is something new.
      if (progress !== undefined || job.settled !== shown) yield* show(job)
      shown = job.settled
      yield* Effect.sleep(progress === undefined ? lookEvery.lines : lookEvery.bar)
      const { id } = job
      job = yield* callIn(input, (api, request) => api.jobs.show({ ...request, path: { id } }))
    }
    return job
  }).pipe(Effect.ensuring(Effect.flatMap(Shell, ({ progress }) => progress?.("") ?? Effect.void)))

export const recover = Command.make("recover", {
  id: idOf("webhook"),
  dryRun: Options.boolean("dry-run").pipe(Options.withDescription("Only say how many there are, and the first ids.")),
  from: moment("from", "Only events published from then on."),
  noWait: Options.boolean("no-wait").pipe(Options.withDescription("Do not wait for its end.")),
  only: Options.choice("only", onlyValues).pipe(
    Options.withDescription("failed (unless given), suppressed, or all: those and what succeeded."),
    Options.optional
  ),
  rate: within("rate", rates.lowest, rates.highest).pipe(
    Options.withDescription(
      `At most so many a second, ${rates.lowest} to ${rates.highest} (${rates.default} unless given).`
    ),
    Options.optional
  ),
  to: moment("to", "Only events published before then."),
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const shell = yield* Shell
    const now = yield* Clock.currentTimeMillis
    const at = (time: Option.Option<Moment>) => Option.map(time, (moment) => timeOf(moment, now))
    const answer = yield* callIn(input, (api, request) =>
      api.jobs.recover({
        ...request,
        path: { id: input.id },
        payload: {
          ...given("from", at(input.from)),
          ...given("to", at(input.to)),
          ...given("only", input.only),
          ...given("rate", input.rate),
          ...(input.dryRun ? { dry_run: true } : {})
        }
      }))
    if ("count" in answer) {
      return yield* print(input.json, answer, (_, { count, first }) =>
        count === 0 ? "nothing to send again" : [
          `${count} would be sent again${count > first.length ? "; the first of them:" : ":"}`,
          ...first.map((id) => `  ${id}`)
        ].join("\n"))
    }
    if (input.noWait) return yield* print(input.json, answer, jobFields)
    yield* shell.error(
      `job ${answer.id}: it goes on without this command; ${commandName} jobs show|cancel ${answer.id}`
    )
    const job = yield* watched(input, answer)
    yield* print(input.json, job, jobFields)
    if (job.state !== "done") {
      return yield* failed(`job ${job.id} is ${job.state}${job.error === null ? "" : `: ${job.error}`}`)
    }
  })).pipe(
    Command.withDescription(
      "Send a webhook's failed deliveries again, each with the full schedule. A job that survives a restart."
    )
  )
