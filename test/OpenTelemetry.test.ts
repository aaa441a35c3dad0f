import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { execFileSync } from "node:child_process"
import { load } from "../src/Config.ts"

const given = (env: Readonly<Record<string, string>>) => load({ flags: {}, env, dev: false })
const read = (env: Readonly<Record<string, string>>) => Either.getOrThrow(given(env)).openTelemetry
const refused = (env: Readonly<Record<string, string>>) => String(Either.getOrThrow(Either.flip(given(env))).message)
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" }

describe("the OTEL_ variables", () => {
  it("export nothing unless they say where to", () => {
    expect(read({})).toMatchObject({ traces: undefined, metrics: undefined })
    expect(read({ OTEL_SERVICE_NAME: "x", OTEL_EXPORTER_OTLP_ENDPOINT: "" })).toMatchObject({ traces: undefined })
    expect(read({ ...endpoint, OTEL_SDK_DISABLED: "true" })).toMatchObject({ traces: undefined, metrics: undefined })
  })

  it("say for each signal whether and how", () => {
    expect(read(endpoint)).toMatchObject({ traces: "http/protobuf", metrics: "http/protobuf", spanQueue: 2048 })
    expect(read({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://collector/t" })).toMatchObject({
      traces: "http/protobuf",
      metrics: undefined
    })
    expect(read({
      ...endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/protobuf"
    })).toMatchObject({ traces: "http/json", metrics: "http/protobuf" })
    expect(read({ ...endpoint, OTEL_METRICS_EXPORTER: "none" })).toMatchObject({
      traces: "http/protobuf",
      metrics: undefined
    })
    expect(read({ ...endpoint, OTEL_BSP_MAX_QUEUE_SIZE: "16", OTEL_METRIC_EXPORT_INTERVAL: "500" })).toMatchObject({
      spanQueue: 16,
      metricInterval: 500
    })
  })

  it.each<[string, string]>([
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
    ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "thrift"],
    ["OTEL_TRACES_EXPORTER", "console"],
    ["OTEL_METRICS_EXPORTER", "prometheus"],
    ["OTEL_TRACES_SAMPLER", "sometimes"],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "0"],
    ["OTEL_METRIC_EXPORT_INTERVAL", "1m"]
  ])("stop the start where they cannot be used: %s=%s", (name, value) => {
    expect(refused({ ...endpoint, [name]: value })).toMatch(
      new RegExp(`^${name} is ${JSON.stringify(value)}; accepted`)
    )
  })

  it("stop the start without showing an address that may hold a password", () => {
    const message = refused({ OTEL_EXPORTER_OTLP_ENDPOINT: "grpc://user:password@collector:4317" })
    expect(message).toMatch(/^OTEL_EXPORTER_OTLP_ENDPOINT is \(hidden\)/)
    expect(refused({ ...endpoint, OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" })).toMatch(
      /^OTEL_TRACES_SAMPLER_ARG is "2"/
    )
  })

  it("cost nothing while they are not set: nothing of OpenTelemetry is loaded with the product", () => {
    const program = [
      `import { createRequire } from "node:module"`,
      `const { cache } = createRequire(process.cwd() + "/x.js")`,
      `await import("./dist/Application.js")`,
      `const loaded = () => Object.keys(cache).filter((path) => path.includes("@opentelemetry/")).length`,
      `const before = loaded()`,
      `await import("./dist/outbound/OtlpSpans.js")`,
      `console.log(before, loaded() > 10)`
    ].join("\n")
    const root = new URL("..", import.meta.url).pathname
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", program], { cwd: root })
    expect(printed.toString().trim()).toBe("0 true")
  })
})
