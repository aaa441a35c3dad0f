import { Context, Effect, Layer } from "effect"
import { Config } from "../Config.ts"
import type { AttemptResult } from "../model/Attempt.ts"
import type { Delivery } from "../model/Delivery.ts"
import type { ParsedEvent } from "../model/Event.ts"
import type { TraceContext } from "../model/TraceContext.ts"
import type { Webhook } from "../model/Webhook.ts"

/** The span of one request, begun. */
export interface AttemptSpan {
  /** What the endpoint gets of the trace, name, value, name, value …: `traceparent` and perhaps `tracestate`. */
  readonly headers: ReadonlyArray<string>
  /** Called once. */
  readonly end: (result: AttemptResult) => void
}

/** One span an attempt, in the publisher's trace. Plain calls: it is asked on the hot path, whether spans are exported or not. */
export class AttemptSpans extends Context.Tag("hookline/outbound/AttemptSpans")<AttemptSpans, {
  readonly begin: (webhook: Webhook, delivery: Delivery, event: ParsedEvent) => AttemptSpan
}>() {
  /** As the OTEL_ variables say. Without them nothing of OpenTelemetry is loaded, and the publisher's context is passed on as it came. */
  static readonly layer: Layer.Layer<AttemptSpans, never, Config> = Layer.unwrapEffect(
    Effect.gen(function*() {
      const { openTelemetry } = yield* Config
      if (openTelemetry.traces === undefined) return passedOn
      const { layer } = yield* Effect.promise(() => import("./OtlpSpans.ts"))
      return layer(openTelemetry.traces, openTelemetry.spanQueue)
    })
  )
}

const nothing: AttemptSpan = { headers: [], end: () => {} }

/** A trace as headers of a request. */
export const asList = ({ traceparent, tracestate }: TraceContext): ReadonlyArray<string> =>
  tracestate === undefined ? ["traceparent", traceparent] : ["traceparent", traceparent, "tracestate", tracestate]

const passedOn = Layer.succeed(AttemptSpans, {
  begin: (_, __, { trace }) => trace === undefined ? nothing : { headers: asList(trace), end: nothing.end }
})
