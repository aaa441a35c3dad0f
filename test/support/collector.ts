import { Effect, type Scope } from "effect"
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** What somebody exported. */
interface Exported {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

interface ExportedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status: { readonly code: number }
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
}

/** A real OTLP receiver on HTTP. */
export interface Collector {
  readonly url: string
  readonly exports: ReadonlyArray<Exported>
  /** Of exports in JSON. */
  readonly spans: () => ReadonlyArray<ExportedSpan>
  /** The newest value of a metric exported in JSON, by its attributes as JSON; of a histogram its count. */
  readonly metric: (name: string) => ReadonlyMap<string, number>
}

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

const attributes = (list: ReadonlyArray<Attribute> = []): Readonly<Record<string, unknown>> =>
  Object.fromEntries(list.map(({ key, value }) => {
    const [kind, content] = Object.entries(value)[0] ?? []
    return [key, kind === "intValue" ? Number(content) : content]
  }))

export const collector = (
  answer: (response: ServerResponse) => void = (response) => {
    response.setHeader("content-type", "application/json")
    response.end("{}")
  }
): Effect.Effect<Collector, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Collector & { readonly close: () => Promise<void> }>((resume) => {
      const exports: Array<Exported> = []
      const server = createServer((request, response) => {
        const parts: Array<Buffer> = []
        request.on("error", () => {})
        request.on("data", (part: Buffer) => parts.push(part))
        request.on("end", () => {
          exports.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(parts) })
          answer(response)
        })
      })
      const decoded = (path: string) =>
        exports.filter((one) => one.path === path).map(({ body }) => JSON.parse(body.toString()))
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({
          url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
          exports,
          spans: () =>
            decoded("/v1/traces").flatMap(({ resourceSpans }) =>
              resourceSpans.flatMap((one: ReturnType<typeof JSON.parse>) =>
                one.scopeSpans.flatMap(({ spans }: ReturnType<typeof JSON.parse>) =>
                  spans.map((span: ReturnType<typeof JSON.parse>) => ({
                    ...span,
                    links: span.links ?? [],
                    attributes: attributes(span.attributes),
                    resource: attributes(one.resource.attributes)
                  }))
                )
              )
            ),
          metric: (name) => {
            const values = new Map<string, number>()
            for (const { resourceMetrics } of decoded("/v1/metrics")) {
              for (const one of resourceMetrics[0].scopeMetrics[0].metrics) {
                if (one.name !== name) continue
                for (const point of (one.sum ?? one.gauge ?? one.histogram).dataPoints) {
                  values.set(JSON.stringify(attributes(point.attributes)), Number(point.asDouble ?? point.count))
                }
              }
            }
            return values
          },
          close: () =>
            new Promise<void>((done) => {
              server.close(() => done())
              server.closeAllConnections()
            })
        })))
    }),
    (server) => Effect.promise(() => server.close())
  )
