/**
 * The standard variables of OpenTelemetry, as far as they decide whether anything of it is loaded, and how. Its SDK reads these and the others by
 * itself, but falls back in silence where it cannot use a value; here that stops the start, as with any other setting.
 */
export interface OpenTelemetry {
  readonly traces: Export | undefined
  readonly metrics: Export | undefined
  /** Spans that wait to be exported at most; what comes beyond is dropped and counted. */
  readonly spanQueue: number
  /** Milliseconds between two exports of the metrics, and for one of them. */
  readonly metricInterval: number
  readonly metricTimeout: number
}

type Export = "http/protobuf" | "http/json"

/** A value that cannot be used: what `InvalidSetting` is made of. */
interface Problem {
  readonly setting: string
  readonly value: string
  readonly accepts: string
}

type Environment = Readonly<Record<string, string | undefined>>

const off: OpenTelemetry = {
  traces: undefined,
  metrics: undefined,
  spanQueue: 2_048,
  metricInterval: 60_000,
  metricTimeout: 30_000
}

const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio"
]

class Reading {
  readonly #env: Environment
  problem: Problem | undefined

  constructor(env: Environment) {
    this.#env = env
  }

  /** The first that is set; an empty one counts as not set (OpenTelemetry specification, "Environment Variable Specification"). */
  first(...names: ReadonlyArray<string>): { readonly name: string; readonly value: string } | undefined {
    for (const name of names) {
      const value = this.#env[name]?.trim() ?? ""
      if (value !== "") return { name, value }
    }
    return undefined
  }

  /** A value that passes the test; otherwise the problem is noted. An address may hold a password: it is not shown. */
  checked(names: ReadonlyArray<string>, accepts: string, test: (value: string) => boolean, shown = true) {
    const found = this.first(...names)
    if (found === undefined || test(found.value)) return found?.value
    const value = shown ? JSON.stringify(found.value) : "(hidden)"
    this.problem ??= { setting: found.name, value, accepts }
    return undefined
  }

  number(name: string, otherwise: number): number {
    const found = this.checked([name], "a whole number from 1 to 86400000", (value) => /^[1-9]\d{0,7}$/.test(value))
    return found === undefined ? otherwise : Number(found)
  }
}

const isHttp = (value: string): boolean => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)

/** Undefined when the signal is not exported: nobody said where to, or somebody said not to. */
const exportOf = (reading: Reading, signal: "TRACES" | "METRICS"): Export | undefined => {
  const exporter = reading.checked([`OTEL_${signal}_EXPORTER`], "otlp or none", (value) => /^(otlp|none)$/.test(value))
  const names = [`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`, "OTEL_EXPORTER_OTLP_ENDPOINT"]
  if (exporter === "none" || reading.first(...names) === undefined) return undefined
  reading.checked(names, "an address such as http://127.0.0.1:4318", isHttp, false)
  const protocol = reading.checked(
    [`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`, "OTEL_EXPORTER_OTLP_PROTOCOL"],
    "http/protobuf or http/json; a collector takes both on port 4318",
    (value) => value === "http/protobuf" || value === "http/json"
  )
  return protocol === "http/json" ? "http/json" : "http/protobuf"
}

export const openTelemetry = (env: Environment): OpenTelemetry | Problem => {
  const reading = new Reading(env)
  if (reading.first("OTEL_SDK_DISABLED")?.value.toLowerCase() === "true") return off
  const traces = exportOf(reading, "TRACES")
  const metrics = exportOf(reading, "METRICS")
  if (traces !== undefined) {
    const sampler = reading.checked(["OTEL_TRACES_SAMPLER"], samplers.join(", "), (value) => samplers.includes(value))
    if (sampler?.endsWith("traceidratio")) {
      reading.checked(["OTEL_TRACES_SAMPLER_ARG"], "a number from 0 to 1", (value) => {
        const ratio = Number(value)
        return ratio >= 0 && ratio <= 1
      })
    }
  }
  const spanQueue = reading.number("OTEL_BSP_MAX_QUEUE_SIZE", off.spanQueue)
  const metricInterval = reading.number("OTEL_METRIC_EXPORT_INTERVAL", off.metricInterval)
  const metricTimeout = reading.number("OTEL_METRIC_EXPORT_TIMEOUT", off.metricTimeout)
  return reading.problem ?? { traces, metrics, spanQueue, metricInterval, metricTimeout }
}
