import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { until } from "./until.ts"

/** Values by series as it is written, `name{label="value"}`. */
export type Series = ReadonlyMap<string, number>

const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (?:[^\\]|\\\\|\\n)+$/
const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/
const sample =
  /^(([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"\})?) (-?\d+(?:\.\d+)?(?:e[+-]\d+)?)$/

const check = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`not Prometheus' text format: ${what}`)
}

const rises = (values: ReadonlyArray<number>) => values.every((value, at) => at === 0 || value >= values[at - 1]!)

/** Buckets rise, the last is +Inf and equals the count. */
const checkHistogram = (name: string, series: Series): void => {
  const buckets = Array.from(series).filter(([key]) => key.startsWith(`${name}_bucket{`))
  const bounds = buckets.map(([key]) => Number((/le="(.+)"/.exec(key)?.[1] ?? "").replace("+Inf", "Infinity")))
  check(buckets.length > 1 && rises(bounds) && rises(buckets.map(([, count]) => count)), `the buckets of ${name}`)
  check(bounds.at(-1) === Infinity && buckets.at(-1)?.[1] === series.get(`${name}_count`), `the end of ${name}`)
  check(series.has(`${name}_sum`), `the sum of ${name}`)
}

/** Reads Prometheus' text format 0.0.4 more strictly than Prometheus does: HELP, TYPE, then samples, each family once, each series once. */
export const parseMetrics = (
  text: string
): { readonly series: Series; readonly types: ReadonlyMap<string, string> } => {
  const series = new Map<string, number>()
  const types = new Map<string, string>()
  check(text.endsWith("\n") && !text.includes("\n\n") && !text.includes("\r"), "line ends")
  let described = ""
  let family = ""
  for (const line of text.split("\n").slice(0, -1)) {
    const [, helped] = help.exec(line) ?? []
    const [, typed, kind] = type.exec(line) ?? []
    if (helped !== undefined) {
      check(described === family && !types.has(helped), line)
      described = helped
    } else if (typed !== undefined) {
      check(typed === described && kind !== undefined, line)
      check((kind === "counter") === typed.endsWith("_total"), `only counters end in _total: ${line}`)
      types.set(family = typed, String(kind))
    } else {
      const [, key, name, value] = sample.exec(line) ?? []
      check(key !== undefined && name !== undefined && value !== undefined && !series.has(key), line)
      const base = types.get(family) === "histogram" ? String(name).replace(/_(bucket|sum|count)$/, "") : name
      check(base === family, line)
      series.set(String(key), Number(value))
    }
  }
  for (const [name, kind] of types) if (kind === "histogram") checkHistogram(name, series)
  return { series, types }
}

/** /metrics of a started hookline, asked without a key. */
export const metricsText = (hookline: { readonly data: string }): Effect.Effect<string> =>
  Effect.promise(async () => {
    const { url } = JSON.parse(readFileSync(join(hookline.data, "server.json"), "utf8")) as { readonly url: string }
    const response = await fetch(`${url}/metrics`)
    if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`)
    if (response.headers.get("content-type") !== "text/plain; version=0.0.4; charset=utf-8") {
      throw new Error(`/metrics is ${response.headers.get("content-type")}`)
    }
    return await response.text()
  })

export const metrics = (hookline: { readonly data: string }): Effect.Effect<Series> =>
  Effect.map(metricsText(hookline), (text) => parseMetrics(text).series)

/** Waits until all of these series have these values; they are at most a second old. */
export const untilMetrics = (
  hookline: { readonly data: string },
  expected: Readonly<Record<string, number>>,
  limit?: number
): Effect.Effect<Series> => {
  let all: Series = new Map()
  const found = Effect.map(metrics(hookline), (series) => {
    all = series
    return Object.fromEntries(Object.keys(expected).map((key) => [key, series.get(key)]))
  })
  const accept = (values: Readonly<Record<string, number | undefined>>) =>
    Object.entries(expected).every(([key, value]) => values[key] === value)
  return Effect.map(until(`metrics ${JSON.stringify(expected)}`, found, accept, limit), () => all)
}
