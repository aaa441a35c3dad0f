import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import { onlyValues, rates } from "../../../model/Job.ts"
import { commandName } from "../Banner.ts"
import { given, idOf, print, type Where, where, within } from "../Common.ts"
import { failed } from "../Failure.ts"
import { jobFields, type JobView, progressBar, progressOf } from "../JobText.ts"
import { period, periodOf } from "../Moment.ts"
import { cleared, lookEvery } from "../Progress.ts"
import { Shell } from "../Shell.ts"

const client = Effect.promise(() => import("../Client.ts"))

/** How often a job is looked at where each look could be a line. */
const lineEvery = "2 seconds"

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
      yield* Effect.sleep(progress === undefined ? lineEvery : lookEvery)
      const { id } = job
      job = yield* callIn(input, (api, request) => api.jobs.show({ ...request, path: { id } }))
    }
    return job
  }).pipe(cleared)

export const recover = Command.make("recover", {
  id: idOf("webhook"),
  dryRun: Options.boolean("dry-run").pipe(Options.withDescription("Only say how many there are, and the first ids.")),
  ...period,
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
  ...where
}, (input) =>
  Effect.gen(function*() {
    const { callIn } = yield* client
    const shell = yield* Shell
    const range = yield* periodOf(input)
    const answer = yield* callIn(input, (api, request) =>
      api.jobs.recover({
        ...request,
        path: { id: input.id },
        payload: {
          ...range,
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
