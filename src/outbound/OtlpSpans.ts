import {
  type Attributes,
  createTraceState,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace as traces,
  TraceFlags
} from "@opentelemetry/api"
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor
} from "@opentelemetry/sdk-trace-base"
import { Effect, Layer } from "effect"
import { type AttemptResult, isLocalFault } from "../model/Attempt.ts"
import type { TraceContext } from "../model/TraceContext.ts"
import type { OpenTelemetry } from "../OpenTelemetry.ts"
import * as Telemetry from "../Telemetry.ts"
import { asList, AttemptSpans } from "./AttemptSpans.ts"
import { exportLog, lastExport, resource, scope } from "./Otlp.ts"

type Protocol = NonNullable<OpenTelemetry["traces"]>

const exporterOf = (protocol: Protocol) =>
  Effect.promise(async (): Promise<SpanExporter> => {
    const { OTLPTraceExporter } = protocol === "http/json"
      ? await import("@opentelemetry/exporter-trace-otlp-http")
      : await import("@opentelemetry/exporter-trace-otlp-proto")
    return new OTLPTraceExporter()
  })

/** The SDK's batches, with a count of what becomes of each span. The SDK drops in silence; so the bound is kept here, before its own. */
const counted = (exporter: SpanExporter, limit: number, told: (error: Error | string | undefined) => void) => {
  let waiting = 0
  const batches = new BatchSpanProcessor({
    export: (spans, done) => {
      waiting -= spans.length
      exporter.export(spans, (result) => {
        const failed = result.code !== 0
        Telemetry.spans.add(failed ? "failed" : "exported", spans.length)
        told(failed ? result.error ?? "no reason given" : undefined)
        done(result)
      })
    },
    shutdown: () => exporter.shutdown()
  }, { maxQueueSize: limit })
  const processor: SpanProcessor = {
    onStart: () => {},
    onEnd: (span: ReadableSpan) => {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return
      if (waiting >= limit) return Telemetry.spans.add("dropped")
      waiting++
      batches.onEnd(span)
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown()
  }
  return processor
}

/** The publisher's span, as the one that ours goes on from. */
const contextOf = ({ traceparent, tracestate }: TraceContext): SpanContext => {
  const [, traceId = "", spanId = "", flags = ""] = traceparent.split("-")
  return {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) })
  }
}

const headersOf = ({ spanId, traceFlags, traceId, traceState }: SpanContext): ReadonlyArray<string> => {
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`
  const tracestate = traceState?.serialize() ?? ""
  return asList(tracestate === "" ? { traceparent } : { traceparent, tracestate })
}

/** Of the URL only where it leads: path and query may hold a customer's secrets. */
const addressOf = (url: string): Attributes => {
  const { hostname, port, protocol } = new URL(url)
  return {
    "url.scheme": protocol.slice(0, -1),
    "server.address": hostname,
    "server.port": port === "" ? (protocol === "https:" ? 443 : 80) : Number(port)
  }
}

/** OpenTelemetry's conventions for spans of HTTP clients; `error.type` is the status where there is one. */
const outcomeOf = (result: AttemptResult): Attributes => {
  const status = isLocalFault(result) ? undefined : result.status
  return {
    "hookline.attempt.outcome": result.class,
    ...(status !== undefined && { "http.response.status_code": status }),
    ...(result.class !== "success" && { "error.type": result.class === "status" ? String(status) : result.class })
  }
}

/**
 * Spans of attempts, exported by OTLP in batches. Each is a child of the publisher's span and linked to it, so that it is found either way; without
 * one it begins a trace. Export never waits for anything of ours and nothing of ours for it: what the queue does not hold is dropped and counted.
 */
export const layer = (protocol: Protocol, queue: number): Layer.Layer<AttemptSpans> =>
  Layer.scoped(
    AttemptSpans,
    Effect.gen(function*() {
      const told = yield* exportLog("spans")
      const processor = counted(yield* exporterOf(protocol), queue, told)
      const provider = new BasicTracerProvider({ resource: resource(), spanProcessors: [processor] })
      const tracer = provider.getTracer(scope.name, scope.version)
      yield* Effect.addFinalizer(() =>
        Effect.tryPromise(() => provider.shutdown()).pipe(
          Effect.ignore,
          Effect.interruptible,
          Effect.timeoutOption(lastExport)
        )
      )
      return {
        begin: (webhook, delivery, event) => {
          const publisher = event.trace === undefined ? undefined : contextOf(event.trace)
          const span = tracer.startSpan(
            Telemetry.attemptSpan,
            {
              kind: SpanKind.CLIENT,
              attributes: {
                "http.request.method": "POST",
                ...addressOf(webhook.url),
                "hookline.workspace.id": webhook.workspaceId,
                "hookline.webhook.id": webhook.id,
                "hookline.event.id": event.id,
                "hookline.event.type": event.type,
                "hookline.attempt": delivery.attempt + 1
              },
              links: publisher === undefined ? [] : [{ context: publisher }]
            },
            publisher === undefined ? ROOT_CONTEXT : traces.setSpanContext(ROOT_CONTEXT, publisher)
          )
          return {
            headers: headersOf(span.spanContext()),
            end: (result) => {
              span.setAttributes(outcomeOf(result))
              if (result.class !== "success") span.setStatus({ code: SpanStatusCode.ERROR })
              span.end()
            }
          }
        }
      }
    })
  )
