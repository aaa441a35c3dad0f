/** Whether the goals and floors were kept; a figure of a run whose ledger is wrong is void. */
import type { DrainResult } from "./Drain.ts"
import type { HangingResult } from "./Hanging.ts"
import type { LatencyResult } from "./Latency.ts"
import type { ManyResult } from "./ManyWebhooks.ts"
import { ofAudit, ofDashboard, ofHistory, ofSlowClients } from "./PartVerdicts.ts"
import { latencyLimit, type RateResult } from "./RateSteps.ts"
import type { Results } from "./Results.ts"
import type { StartResult } from "./Start.ts"
import { whole } from "./Table.ts"
import { atLeast, judged, ledger, passes, type Verdict } from "./Verdict.ts"
import type { WaitingResult } from "./Waiting.ts"

/** What is aimed at; a goal that is missed is a failure that is shown. */
const goals = {
  ratio: 0.6,
  /** Of the rate at `2m`. */
  always: 0.6,
  p50: 3,
  p99: 10,
  /** Events a second. */
  rate: 4_000,
  hangingP99: 1.5,
  hangingThroughput: 0.9,
  /** Seconds, of 1,000,000 waiting deliveries. */
  waitingReady: 30,
  /** Bytes. */
  waitingMemory: 250,
  /** Milliseconds. */
  lateness: 1_000,
  manyThroughput: 0.9,
  /** Bytes. */
  webhookMemory: 2_048,
  /** Seconds. */
  start: 1.5
} as const

/** What may not be fallen below, and when a run says nothing. */
const floors = {
  ratio: 0.4,
  ceiling: 12_000,
  p50: 5,
  p99: 25,
  /** Seconds to ready with 100,000 waiting deliveries. */
  recovery: 10
} as const

const ledgersOf = (drain: DrainResult): ReadonlyArray<Verdict> => {
  const name = `${drain.name}, ${drain.sync}`
  return [
    ...ledger(`undici alone, ${name}`, drain.control.faults),
    ...drain.pairs.flatMap(({ ceiling, product }) => [
      ...ledger(`ceiling, ${name}`, ceiling.faults),
      ...ledger(`hookline, ${name}`, product.faults)
    ])
  ]
}

/** W1 and W2 against the ceiling, at `always` too: it has as many record streams. */
const ofDrain = (drain: DrainResult): ReadonlyArray<Verdict> => {
  const name = `${drain.name}, ${drain.sync}`
  const ledgers = ledgersOf(drain)
  if (drain.name !== "W1" && drain.name !== "W2") return ledgers
  const ratio = atLeast(`${name}: hookline / ceiling`, drain.ratio, goals.ratio, 3)
  const floor = atLeast(`${name}: hookline / ceiling, floor`, drain.ratio, floors.ratio, 3)
  if (drain.sync !== "2m" || drain.name === "W1") return judged(ledgers, [ratio])
  // The slowest, not the median: a ceiling that something else on the machine held down makes its pair's ratio too good.
  const slowest = Math.min(...drain.pairs.map(({ ceiling }) => ceiling.perSecond))
  const slow = slowest < floors.ceiling
  // A machine on which undici alone does not get there either is slow, not the ceiling wrong.
  const excused = slow && drain.control.perSecond < floors.ceiling
  const sound: Verdict = {
    what: `${name}: slowest ceiling`,
    measured: `${whole(slowest)}/s${slow ? `, undici alone ${whole(drain.control.perSecond)}/s` : ""}`,
    wanted: `≥ ${whole(floors.ceiling)}/s, or undici alone as slow`,
    verdict: slow && !excused ? "VOID" : "PASS"
  }
  return judged(ledgers, [
    sound,
    ...[ratio, floor].map((one) => sound.verdict === "VOID" ? { ...one, verdict: "VOID" as const } : one)
  ])
}

const against = (
  what: string,
  one: DrainResult | undefined,
  other: DrainResult | undefined,
  least: number
): ReadonlyArray<Verdict> => {
  if (one === undefined || other === undefined) return []
  const verdict = atLeast(what, one.product / other.product, least)
  return [[...ledgersOf(one), ...ledgersOf(other)].length === 0 ? verdict : { ...verdict, verdict: "VOID" }]
}

/** What is known of two drains together: `always` against `2m`, and a fan-out against single deliveries. */
const ofDrains = (drains: ReadonlyArray<DrainResult>): ReadonlyArray<Verdict> => {
  const find = (name: string, sync: string) => drains.find((drain) => drain.name === name && drain.sync === sync)
  return [
    ...against("W2: always / 2m", find("W2", "always"), find("W2", "2m"), goals.always),
    ...["2m", "always"].flatMap((sync) =>
      against(`W3 / W2, deliveries, ${sync}`, find("W3", sync), find("W2", sync), 1)
    )
  ]
}

const ofLatency = (result: LatencyResult): ReadonlyArray<Verdict> => {
  const name = `W4, ${result.sync}: publish → received at ${result.perSecond}/s`
  const atMost = (part: "p50" | "p99", most: number, more = ""): Verdict => ({
    what: `${name}, ${part}${more}`,
    measured: `${result[part].toFixed(2)} ms`,
    wanted: `≤ ${most} ms`,
    verdict: passes(result[part] <= most)
  })
  return judged(
    result.pairs.flatMap(({ ceiling, product }) => [
      ...ledger(`ceiling, ${name}`, ceiling.faults),
      ...ledger(`hookline, ${name}`, product.faults)
    ]),
    result.sync === "2m" ?
      (["p50", "p99"] as const).flatMap((part) => [
        atMost(part, goals[part]),
        atMost(part, floors[part], ", floor")
      ]) :
      []
  )
}

const ofRates = ({ pairs, product, sync }: RateResult): ReadonlyArray<Verdict> => {
  const name = `W5, ${sync}`
  const ledgers = pairs.flatMap(({ ceiling, product }) => [
    ...ceiling.flatMap(({ faults, perSecond }) => ledger(`ceiling, ${name}, ${perSecond}/s`, faults)),
    ...product.flatMap(({ faults, perSecond }) => ledger(`hookline, ${name}, ${perSecond}/s`, faults))
  ])
  return judged(ledgers, [{
    what: `${name}: highest rate with p99 ≤ ${latencyLimit} ms`,
    measured: `${whole(product)}/s`,
    wanted: `≥ ${whole(goals.rate)}/s`,
    verdict: passes(product >= goals.rate)
  }])
}

const ofHanging = ({ p99, pairs, sync, throughput }: HangingResult): ReadonlyArray<Verdict> => {
  const name = `W6, ${sync}`
  const ledgers = pairs.flatMap((pair) =>
    [pair.without, pair.hanging].flatMap(({ drained, paced }) => ledger(name, [...drained.faults, ...paced.faults]))
  )
  return judged(ledgers, [
    {
      what: `${name}: p99 of the healthy, one of 100 hanging ÷ none`,
      measured: p99.toFixed(2),
      wanted: `≤ ${goals.hangingP99}`,
      verdict: passes(p99 <= goals.hangingP99)
    },
    atLeast(`${name}: throughput, one of 100 hanging ÷ none`, throughput, goals.hangingThroughput)
  ])
}

const ofWaiting = (
  { deliveries, faults, lateness, memoryBytes, seconds, sync }: WaitingResult
): ReadonlyArray<Verdict> => {
  const name = `W7, ${sync}, ${whole(deliveries)} waiting`
  const ready = deliveries > 100_000 ? goals.waitingReady : floors.recovery
  return judged(ledger(name, faults), [
    {
      what: `${name}: ready after kill -9`,
      measured: `${seconds.toFixed(2)} s`,
      wanted: `≤ ${ready} s`,
      verdict: passes(seconds <= ready)
    },
    {
      what: `${name}: memory of each`,
      measured: `${whole(memoryBytes)} B`,
      wanted: `≤ ${goals.waitingMemory} B`,
      verdict: passes(memoryBytes <= goals.waitingMemory)
    },
    {
      what: `${name}: lateness, p99`,
      measured: `${(lateness.p99 / 1000).toFixed(2)} s`,
      wanted: `≤ ${goals.lateness / 1000} s`,
      verdict: passes(lateness.p99 <= goals.lateness)
    }
  ])
}

/** Of the largest number: of few webhooks the memory is noise. */
const ofMany = ({ sizes, sync }: ManyResult): ReadonlyArray<Verdict> => {
  const ledgers = sizes.flatMap(({ runs, webhooks }) =>
    runs.flatMap(({ faults }) => ledger(`W8, ${sync}, ${whole(webhooks)} webhooks`, faults))
  )
  const largest = sizes.at(-1)
  if (largest?.memoryBytes == null) return ledgers
  const name = `W8, ${sync}, ${whole(largest.webhooks)} webhooks`
  return judged(ledgers, [
    atLeast(`${name}: throughput ÷ that of ${sizes[0]?.webhooks}`, largest.ratio, goals.manyThroughput),
    {
      what: `${name}: memory of an idle one`,
      measured: `${whole(largest.memoryBytes)} B`,
      wanted: `≤ ${whole(goals.webhookMemory)} B`,
      verdict: passes(largest.memoryBytes <= goals.webhookMemory)
    }
  ])
}

const ofStart = ({ medianFirst }: StartResult): ReadonlyArray<Verdict> => [{
  what: "start to ready, empty",
  measured: `${medianFirst.toFixed(2)} s`,
  wanted: `≤ ${goals.start} s`,
  verdict: passes(medianFirst <= goals.start)
}]

const ofFailure = ({ message, part }: { readonly part: string; readonly message: string }): Verdict => ({
  what: part,
  measured: message.split("\n")[0] ?? "",
  wanted: "measured",
  verdict: "VOID"
})

const each = <A>(found: A | undefined, judge: (found: A) => ReadonlyArray<Verdict>): ReadonlyArray<Verdict> =>
  found === undefined ? [] : judge(found)

export const verdicts = (results: Results): ReadonlyArray<Verdict> => [
  ...(results.drains ?? []).flatMap(ofDrain),
  ...ofDrains(results.drains ?? []),
  ...(results.latencies ?? []).flatMap(ofLatency),
  ...(results.rates ?? []).flatMap(ofRates),
  ...(results.hanging ?? []).flatMap(ofHanging),
  ...(results.waiting ?? []).flatMap(ofWaiting),
  ...(results.many ?? []).flatMap(ofMany),
  ...each(results.start, ofStart),
  ...each(results.history, ofHistory),
  ...each(results.audit, ofAudit),
  ...each(results.slowClients, ofSlowClients),
  ...each(results.dashboard, ofDashboard),
  ...(results.failures ?? []).map(ofFailure)
]
