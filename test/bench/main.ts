/** `npm run bench`: the figures of docs/architecture.md, on this machine. Ends with 1 when a floor is missed or a run is void. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { audit } from "./AuditTime.ts"
import type { Sync } from "./Broker.ts"
import { dashboard } from "./Dashboard.ts"
import { drains } from "./Drain.ts"
import { history } from "./HistoryTime.ts"
import { latency } from "./Latency.ts"
import { recovery } from "./RecoveryTime.ts"
import { machine, type Results, show, verdicts } from "./Report.ts"
import { slow } from "./SlowClients.ts"
import { makeStage, mostWebhooks, type Options } from "./Stage.ts"

const usage = `npm run bench -- [options]
  --only drain|latency|recovery|history|audit|slow-clients|dashboard   some parts only, separated by commas
  --events 40000                  events of a drain (half as many at sync always)
  --pairs 3                       ceiling and hookline in turns, 100 webhooks at 2m
  --seconds 30                    of the latency run
  --deliveries 100000             waiting for a retry when hookline is killed
  --history 1000000               deliveries in the history
  --audit 300000                  deliveries that are audited
  --minutes 10                    that a page of the dashboard stays open; this part is run only when it is named
  --sync 2m,always --webhooks 1,100
  --json <file>                   the results as JSON
  --directory <path>              where the stores are (default: the temporary directory)
  --main dist/main.js             the hookline that is measured
  --cpu-prof <path>               CPU profiles of hookline (slower)
`

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "drain,latency,recovery,history,audit,slow-clients" },
    events: { type: "string", default: "40000" },
    pairs: { type: "string", default: "3" },
    seconds: { type: "string", default: "30" },
    deliveries: { type: "string", default: "100000" },
    history: { type: "string", default: "1000000" },
    audit: { type: "string", default: "300000" },
    minutes: { type: "string", default: "10" },
    sync: { type: "string", default: "2m,always" },
    webhooks: { type: "string", default: "1,100" },
    json: { type: "string" },
    directory: { type: "string", default: tmpdir() },
    main: { type: "string", default: "dist/main.js" },
    "cpu-prof": { type: "string" },
    help: { type: "boolean", default: false }
  }
})

const print = (text: string) => Effect.sync(() => void process.stdout.write(`${text}\n`))

const count = (text: string, most: number): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > most) throw new Error(`${text} is not 1 to ${most}\n\n${usage}`)
  return value
}

const choice = <A extends string>(text: string, ...known: ReadonlyArray<A>): ReadonlyArray<A> =>
  text.split(",").map((part) => {
    const found = known.find((value) => value === part)
    if (found === undefined) throw new Error(`${part} is none of ${known.join(", ")}\n\n${usage}`)
    return found
  })

/** On a file system in memory a flush costs nothing: `always` says nothing there. */
const fileSystemOf = (path: string): string => {
  const memory = new Set([0x01021994, 0x858458f6])
  const { type } = statfsSync(path)
  return memory.has(type) ? "in memory (sync always says nothing)" : `0x${type.toString(16)}`
}

const bench = Effect.gen(function*() {
  const parts = choice(values.only, "drain", "latency", "recovery", "history", "audit", "slow-clients", "dashboard")
  const syncs = choice<Sync>(values.sync, "2m", "always")
  mkdirSync(values.directory, { recursive: true })
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(resolve(values.directory), "hookline-bench-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const options: Options = {
    events: count(values.events, 1_000_000),
    pairs: count(values.pairs, 100),
    seconds: count(values.seconds, 3_600),
    deliveries: count(values.deliveries, 1_000_000),
    history: count(values.history, 5_000_000),
    audit: count(values.audit, 5_000_000),
    minutes: count(values.minutes, 240),
    syncs,
    webhooks: values.webhooks.split(",").map((text) => count(text, mostWebhooks)),
    main: resolve(values.main),
    directory,
    profiles: values["cpu-prof"] === undefined ? undefined : resolve(values["cpu-prof"])
  }
  const about = machine(options, fileSystemOf(directory))
  yield* print(Object.entries(about).map(([name, value]) => `${name}: ${value}`).join(" · "))
  const stage = yield* makeStage(options, print)
  const when = <A, E>(part: (typeof parts)[number], run: Effect.Effect<A, E>, otherwise: A) =>
    parts.includes(part) ? run : Effect.succeed(otherwise)
  const results: Results = {
    drains: yield* when(
      "drain",
      Effect.map(Effect.forEach(syncs, (sync) => drains(stage, sync)), (all) => all.flat()),
      []
    ),
    latencies: yield* when("latency", Effect.forEach(syncs, (sync) => latency(stage, sync)), []),
    recovery: yield* when("recovery", recovery(stage), undefined),
    history: yield* when("history", history(stage), undefined),
    audit: yield* when("audit", audit(stage), undefined),
    slowClients: yield* when("slow-clients", slow(stage), undefined),
    dashboard: yield* when("dashboard", dashboard(stage), undefined)
  }
  const judged = verdicts(results)
  yield* print(`\n${show(results)}`)
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ machine: about, options, ...results, verdicts: judged }, null, 2)}\n`
    )
  }
  if (judged.some(({ verdict }) => verdict !== "PASS")) process.exitCode = 1
})

NodeRuntime.runMain(
  values.help
    ? print(usage)
    : Effect.scoped(bench)
)
