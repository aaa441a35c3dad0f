/** `npm run bench`: the figures of docs/performance.md, on this machine. Ends with 1 when a goal or a floor is missed, or a run is void. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Duration, Effect } from "effect"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { cpus, loadavg, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { audit } from "./AuditTime.ts"
import { brokerVersion, type Sync } from "./Broker.ts"
import { type BenchFailed, within } from "./Child.ts"
import { dashboard } from "./Dashboard.ts"
import { drains } from "./Drain.ts"
import { hanging } from "./Hanging.ts"
import { history } from "./HistoryTime.ts"
import { latency } from "./Latency.ts"
import { manyWebhooks } from "./ManyWebhooks.ts"
import { limitOf, type Options, type Part, readOptions, usage } from "./Options.ts"
import { draw } from "./Pictures.ts"
import { rateSteps } from "./RateSteps.ts"
import { show } from "./Report.ts"
import { merged, type Results } from "./Results.ts"
import { slow } from "./SlowClients.ts"
import { makeStage, type Stage } from "./Stage.ts"
import { start } from "./Start.ts"
import { verdicts } from "./Verdicts.ts"
import { waiting } from "./Waiting.ts"

const print = (text: string) => Effect.sync(() => void process.stdout.write(`${text}\n`))

/** On a file system in memory a flush costs nothing: `always` says nothing there. */
const fileSystemOf = (path: string): string => {
  const memory = new Set([0x01021994, 0x858458f6])
  const { type } = statfsSync(path)
  return memory.has(type) ? "in memory (sync always says nothing)" : `0x${type.toString(16)}`
}

const machine = (directory: string) => ({
  node: process.version,
  platform: `${process.platform}-${process.arch}`,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  nats_server: brokerVersion(directory) ?? "unknown",
  // What else runs on the machine is in every figure.
  load_before: loadavg()[0]?.toFixed(2) ?? "unknown",
  file_system: fileSystemOf(directory)
})

const profilesIn = (directory: string): string => {
  if (directory === "") return mkdtempSync(join(tmpdir(), "hookline-profiles-"))
  mkdirSync(directory, { recursive: true })
  return resolve(directory)
}

/** What a part finds; those of W1 to W9 at each setting of the broker. */
const run = (stage: Stage, part: Part, syncs: ReadonlyArray<Sync>): Effect.Effect<Results, BenchFailed> => {
  const limited = within(part, Duration.minutes(limitOf(part, stage.options)))
  const each = <A>(one: (sync: Sync) => Effect.Effect<A, BenchFailed>) =>
    Effect.forEach(syncs, (sync) => limited(one(sync)))
  switch (part) {
    case "W1":
    case "W2":
    case "W3":
    case "W9":
      return Effect.map(each((sync) => drains(stage, part, sync)), (all) => ({ drains: all.flat() }))
    case "W4":
      return Effect.map(each((sync) => latency(stage, sync)), (latencies) => ({ latencies }))
    case "W5":
      return Effect.map(each((sync) => rateSteps(stage, sync)), (rates) => ({ rates }))
    case "W6":
      return Effect.map(each((sync) => hanging(stage, sync)), (hanging) => ({ hanging }))
    case "W7":
      return Effect.map(each((sync) => waiting(stage, sync)), (all) => ({ waiting: all.flat() }))
    case "W8":
      return Effect.map(each((sync) => manyWebhooks(stage, sync)), (many) => ({ many }))
    case "start":
      return Effect.map(limited(start(stage)), (start) => ({ start }))
    case "history":
      return Effect.map(limited(history(stage)), (history) => ({ history }))
    case "audit":
      return Effect.map(limited(audit(stage)), (audit) => ({ audit }))
    case "slow-clients":
      return Effect.map(limited(slow(stage)), (slowClients) => ({ slowClients }))
    case "dashboard":
      return Effect.map(limited(dashboard(stage)), (dashboard) => ({ dashboard }))
  }
}

const told = (results: Results) => ({ ...results, verdicts: verdicts(results) })

const conclude = ({ pictures }: Options, results: Results) =>
  Effect.gen(function*() {
    yield* print(`\n${show(results)}`)
    if (pictures !== undefined) yield* print(draw(results, pictures).join("\n"))
    if (verdicts(results).some(({ verdict }) => verdict !== "PASS")) process.exitCode = 1
  })

const bench = (options: Options) =>
  Effect.gen(function*() {
    mkdirSync(options.directory, { recursive: true })
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(options.directory, "hookline-bench-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    const about = machine(directory)
    const stage = yield* makeStage({ ...options, directory }, print)
    let results: Results = { machine: about, options }
    for (const part of options.parts) {
      // What else was asked for is still to be measured when one part could not be.
      const found = yield* run(stage, part, options.syncs).pipe(
        Effect.catchAll(({ message }) =>
          Effect.as(print(`${part} could not be measured: ${message}`), { failures: [{ part, message }] })
        )
      )
      results = merged([results, found])
      if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(told(results), null, 2)}\n`)
    }
    yield* conclude(options, results)
    if (options.profiles !== undefined) yield* print(`profiles and flame graphs: ${options.profiles}`)
  })

const fromFiles = (options: Options) =>
  Effect.suspend(() =>
    conclude(options, merged(options.from.map((file) => JSON.parse(readFileSync(file, "utf8")) as Results)))
  )

const options = readOptions(process.argv.slice(2), profilesIn)

NodeRuntime.runMain(
  options.help
    ? print(usage)
    : options.from.length > 0
    ? fromFiles(options)
    : Effect.scoped(bench(options))
)
