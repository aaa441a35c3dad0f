/** What was found, as SVG files; those of parts that were not asked for are not written. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Bar, bars, type Group, type Line, lines } from "./Chart.ts"
import type { Paced } from "./Pace.ts"
import { latencyLimit } from "./RateSteps.ts"
import type { Results } from "./Results.ts"
import { median } from "./Stage.ts"
import { whole } from "./Table.ts"

/** The median of several runs, and between what they lay. */
const bar = (series: number, values: ReadonlyArray<number>, told: (value: number) => string): Bar => ({
  series,
  value: median(values),
  range: [Math.min(...values), Math.max(...values)],
  label: told(median(values))
})

const perSecond = (value: number): string => `${whole(value)}/s`
const milliseconds = (value: number): string => `${value.toFixed(2)} ms`
const times = (value: number): string => `× ${value.toFixed(2)}`

const compared = ["ceiling", "hookline"]

const drains = ({ drains = [] }: Results): ReadonlyArray<Group> =>
  drains.map(({ name, pairs, sync }) => ({
    label: `${name}, ${sync}`,
    bars: [
      bar(0, pairs.map(({ ceiling }) => ceiling.perSecond), perSecond),
      bar(1, pairs.map(({ product }) => product.perSecond), perSecond)
    ]
  }))

const latencies = ({ latencies = [] }: Results): ReadonlyArray<Group> =>
  latencies.flatMap(({ pairs, sync }) =>
    ([["p50", "p50"], ["p90", "p90"], ["p99", "p99"], ["p99.9", "p999"]] as const).map(([label, part]) => ({
      label: `${label}, ${sync}`,
      bars: [
        bar(0, pairs.map(({ ceiling }) => ceiling[part]), milliseconds),
        bar(1, pairs.map(({ product }) => product[part]), milliseconds)
      ]
    }))
  )

/** By rate, the median of all runs at it. */
const curve = (series: number, runs: ReadonlyArray<ReadonlyArray<Paced>>): Line => {
  const byRate = new Map<number, Array<number>>()
  for (const { p99, perSecond } of runs.flat()) byRate.set(perSecond, [...(byRate.get(perSecond) ?? []), p99])
  return {
    series,
    points: [...byRate].sort(([left], [right]) => left - right).map(([rate, p99s]) => [rate, median(p99s)])
  }
}

const hanging = ({ hanging = [] }: Results): ReadonlyArray<Group> =>
  hanging.map(({ pairs, sync }) => ({
    label: `W6, ${sync}`,
    bars: [
      bar(0, pairs.map(({ hanging, without }) => hanging.drained.perSecond / without.drained.perSecond), times),
      bar(1, pairs.map(({ hanging, without }) => hanging.paced.p99 / without.paced.p99), times)
    ]
  }))

const waiting = ({ waiting = [] }: Results): ReadonlyArray<Group> =>
  waiting.map(({ deliveries, lateness, sync }) => ({
    label: `${whole(deliveries)}, ${sync}`,
    bars: (["p50", "p99", "most"] as const).map((part, series) => ({
      series,
      value: lateness[part],
      label: `${whole(lateness[part])} ms`
    }))
  }))

const webhooks = ({ many = [] }: Results): ReadonlyArray<Group> =>
  many.flatMap(({ sizes, sync }) =>
    sizes.map(({ runs, webhooks }) => ({
      label: `${whole(webhooks)}, ${sync}`,
      bars: [bar(0, runs.map(({ perSecond }) => perSecond), perSecond)]
    }))
  )

const barred = (name: string, title: string, series: ReadonlyArray<string>, groups: ReadonlyArray<Group>) =>
  groups.length === 0 ? [] : [[name, bars(title, series, groups)] as const]

export const draw = (results: Results, directory: string): ReadonlyArray<string> => {
  mkdirSync(directory, { recursive: true })
  const { rates = [] } = results
  const files = [
    ...barred("drains.svg", "Deliveries a second: median, least and most of the pairs", compared, drains(results)),
    ...barred("latency.svg", "W4: publish due → request received at 100 events/s", compared, latencies(results)),
    ...rates.map(({ pairs, sync }) =>
      [
        `rates-${sync}.svg`,
        lines(
          `W5, ${sync}: 99th percentile of the latency by rate`,
          { x: "events a second", y: "milliseconds", limit: latencyLimit },
          compared,
          [curve(0, pairs.map(({ ceiling }) => ceiling)), curve(1, pairs.map(({ product }) => product))]
        )
      ] as const
    ),
    ...barred(
      "hanging.svg",
      "W6: the 99 healthy, with one endpoint that hangs ÷ without",
      ["deliveries a second", "p99 of the latency"],
      hanging(results)
    ),
    ...barred("waiting.svg", "W7: how late the retries were", ["p50", "p99", "most"], waiting(results)),
    ...barred("webhooks.svg", "W8: deliveries a second beside idle webhooks", ["hookline"], webhooks(results))
  ]
  for (const [name, content] of files) writeFileSync(join(directory, name), content)
  return files.map(([name]) => join(directory, name))
}
