import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import type { ReplayProgress } from "../../../ledger/replay/Replay.ts"
import { dataDirectory, idOption, listOf } from "../Common.ts"
import { wrong } from "../Failure.ts"
import { moment, periodOf } from "../Moment.ts"
import { bar, cleared, lookEvery } from "../Progress.ts"
import { Shell } from "../Shell.ts"
import { shortTime } from "../Text.ts"

/** Shows how far it is on a terminal, and nothing elsewhere: the output says its times. */
const shown = (progress: ReplayProgress) =>
  Effect.gen(function*() {
    const { progress: line } = yield* Shell
    if (line === undefined) return yield* Effect.never
    for (;;) {
      yield* Effect.sleep(lookEvery)
      const { at, from, shown, to } = progress
      const part = to > from ? (at - from) / (to - from) : 0
      yield* line(`${bar(part)}  ${shortTime(new Date(at).toISOString())}  ${shown} shown`)
    }
  })

export const replay = Command.make("replay", {
  data: dataDirectory.pipe(Options.withAlias("data")),
  from: moment("from", "Only what happened from then on."),
  json: Options.boolean("json").pipe(
    Options.withDescription("A line of JSON for each, with everything the stream holds.")
  ),
  kind: Options.text("kind").pipe(
    Options.withPseudoName("kinds"),
    Options.withDescription(
      "Only these, separated by commas: event, quarantined, released, webhook.created and the other changes, succeeded, attempt_failed, failed, deferred, suppressed, retried, duplicate, test, sealed."
    ),
    Options.optional
  ),
  to: moment("to", "Only what happened before then; unless given, up to now."),
  type: Options.text("type").pipe(
    Options.withDescription("Only what is about events of this type, such as project.created."),
    Options.optional
  ),
  webhook: idOption("webhook", "Only changes and deliveries of this webhook."),
  workspace: idOption("workspace", "Only what happened in this workspace.")
}, (input) =>
  Effect.gen(function*() {
    const { ReplayProgress, replay } = yield* Effect.promise(() => import("../../../ledger/replay/Replay.ts"))
    const { replayJson, replayLine } = yield* Effect.promise(() => import("../ReplayText.ts"))
    const { brokerAccess } = yield* Effect.promise(() => import("../BrokerAccess.ts"))
    const shell = yield* Shell
    const range = yield* periodOf(input)
    const { layer } = yield* brokerAccess(input.data, "hookline replay")
    const progress = new ReplayProgress()
    const line = input.json ? replayJson : replayLine
    yield* replay(
      {
        from: range.from,
        to: range.to,
        workspace: Option.getOrUndefined(input.workspace),
        webhook: Option.getOrUndefined(input.webhook),
        type: Option.getOrUndefined(input.type),
        kinds: listOf(Option.getOrElse(input.kind, () => ""))
      },
      progress,
      (facts) => shell.out(facts.map(line).join("\n"))
    ).pipe(
      Effect.raceFirst(shown(progress)),
      Effect.provide(layer),
      Effect.mapError(({ message }) => wrong(message)),
      cleared
    )
  }).pipe(Effect.scoped)).pipe(
    Command.withDescription(
      "Print everything that happened, from all streams, in the order of time. Reads the broker of this machine's settings and changes nothing: no delivery comes of it."
    )
  )
