import { Command, Options } from "@effect/cli"
import { Effect, Layer, Option } from "effect"
import type { AuditProgress, AuditState } from "../../../ledger/audit/Audit.ts"
import { catalogueOf } from "../../../ledger/CatalogueFile.ts"
import { dataDirectory, json, print } from "../Common.ts"
import { failed, wrong } from "../Failure.ts"
import { page } from "../Help.ts"
import { moment, periodOf } from "../Moment.ts"
import { bar, cleared, lookEvery } from "../Progress.ts"
import { Shell } from "../Shell.ts"

/** How often a pipe gets a line, and the state is kept. */
const lineEvery = "5 seconds"
const keepEvery = "30 seconds"

/** Shows how far it is until it is interrupted. */
const shownProgress = (progress: AuditProgress) =>
  Effect.gen(function*() {
    const shell = yield* Shell
    const { progress: line } = shell
    let before = 0
    for (;;) {
      yield* Effect.sleep(line === undefined ? lineEvery : lookEvery)
      const { read, total } = progress
      const part = total === 0 ? 0 : read / total
      if (line !== undefined) yield* line(`${bar(part)}  ${read} of ${total} messages`)
      else if (read !== before) yield* shell.error(`${Math.floor(part * 100)} % (${read} of ${total} messages)`)
      before = read
    }
  })

const verify = Command.make("verify", {
  data: dataDirectory.pipe(Options.withAlias("data")),
  from: moment("from", "Only events published from then on."),
  json,
  state: Options.text("state").pipe(
    Options.withPseudoName("file"),
    Options.withDescription("Keep in this file how far it is, and go on from there after an interruption."),
    Options.optional
  ),
  to: moment("to", "Only events published before then.")
}, (input) =>
  Effect.gen(function*() {
    const { AuditProgress, audit } = yield* Effect.promise(() => import("../../../ledger/audit/Audit.ts"))
    const { load, remove, save } = yield* Effect.promise(() => import("../../../ledger/audit/Checkpoint.ts"))
    const { auditText } = yield* Effect.promise(() => import("../AuditText.ts"))
    const { brokerAccess } = yield* Effect.promise(() => import("../BrokerAccess.ts"))
    const range = yield* periodOf(input)
    const { config, layer } = yield* brokerAccess(input.data, "hookline audit")
    const told = Effect.mapError(({ message }: { readonly message: string }) => wrong(message))
    const catalogue = yield* told(catalogueOf(config))
    const shell = yield* Shell
    const file = Option.getOrUndefined(input.state)
    const state: AuditState | undefined = file === undefined
      ? undefined
      : Option.getOrUndefined(yield* told(load(file)))
    if (state !== undefined) yield* shell.error(`going on from ${file}, with the range it has`)
    const progress = new AuditProgress()
    const kept = file === undefined ? Effect.void : told(save(file, () => progress.dump?.()))
    const report = yield* audit({ ...range, catalogue, state }, progress).pipe(
      Effect.onInterrupt(() => Effect.ignore(kept)),
      Effect.raceFirst(Effect.forever(Effect.zipRight(Effect.sleep(keepEvery), kept))),
      Effect.raceFirst(shownProgress(progress)),
      Effect.provide(layer),
      told,
      cleared
    )
    if (file !== undefined) yield* told(remove(file))
    yield* print(input.json, report, auditText)
    if (report.verdict === "unknown") return yield* wrong("not everything could be told")
    if (report.verdict === "findings") {
      const count = Object.values(report.finding_counts).reduce((sum, one) => sum + one, 0)
      return yield* failed(`${count} findings`)
    }
  }).pipe(Effect.scoped)).pipe(
    Command.withDescription(
      "Prove from the streams that every event owed to a webhook was delivered, failed, was suppressed or cancelled, or still waits. Reads the broker of this machine's settings and changes nothing. Exit codes: 0 proven; 1 findings; 2 it cannot be told."
    )
  )

const seal = Command.make(
  "seal",
  { data: dataDirectory.pipe(Options.withAlias("data")), json },
  (input) =>
    Effect.gen(function*() {
      const { sealStreams } = yield* Effect.promise(() => import("../../../ledger/audit/SealStreams.ts"))
      const { brokerAccess } = yield* Effect.promise(() => import("../BrokerAccess.ts"))
      const { layer: appending } = yield* Effect.promise(() => import("../../../broker/JetStreamAppendLog.ts"))
      const { layer } = yield* brokerAccess(input.data, "hookline audit")
      const sealed = yield* sealStreams.pipe(
        Effect.provide(Layer.provideMerge(appending, layer)),
        Effect.mapError(({ message }) => failed(message))
      )
      yield* print(input.json, sealed, (_, { last, messages, seals }) =>
        [
          seals === 0 ? "nothing new to seal" : `sealed ${messages} messages in ${seals} seals`,
          ...(last === null ? [] : [`the last seal is ${last}`])
        ].join("\n"))
    }).pipe(Effect.scoped)
).pipe(
  Command.withDescription(
    "Append the SHA-256 of all messages that are not sealed yet, in blocks, each seal naming the one before it; audit verify compares. Keep the last seal's hash where nobody who may write to the broker can change it."
  )
)

export const audit = Command.make("audit").pipe(
  Command.withDescription("Prove from the streams that nothing owed is missing."),
  Command.withSubcommands([verify, seal])
)

export const auditPage = page("audit", audit, [page("verify", verify), page("seal", seal)])
