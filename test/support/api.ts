import { Clock, Effect, Layer, Logger, LogLevel, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AppendLog } from "../../src/broker/AppendLog.ts"
import { deliverySubject, partitionOf } from "../../src/broker/Subjects.ts"
import { Topology } from "../../src/broker/Topology.ts"
import { Config, type HooklineConfig } from "../../src/Config.ts"
import { Audits } from "../../src/ledger/Audits.ts"
import { EventBodies } from "../../src/ledger/EventBodies.ts"
import { History } from "../../src/ledger/History.ts"
import { Jobs } from "../../src/ledger/Jobs.ts"
import { encode } from "../../src/ledger/Record.ts"
import { Records } from "../../src/ledger/Records.ts"
import { Retries } from "../../src/ledger/Retries.ts"
import { RetryRequests } from "../../src/ledger/RetryRequests.ts"
import { bundled, type Catalogue } from "../../src/model/Catalogue.ts"
import type { DeliveryRecord } from "../../src/model/Delivery.ts"
import { layer as addressPolicy } from "../../src/outbound/AddressPolicy.ts"
import { layer as sender } from "../../src/outbound/Sender.ts"
import { brandOf } from "../../src/outbound/Signature.ts"
import { ApiKeys } from "../../src/registry/ApiKeys.ts"
import { EndedSessions } from "../../src/registry/EndedSessions.ts"
import { KeyRing } from "../../src/registry/KeyRing.ts"
import { PortalLinks } from "../../src/registry/PortalLinks.ts"
import { Rewrap } from "../../src/registry/Rewrap.ts"
import { Subscriptions } from "../../src/registry/Subscriptions.ts"
import { Vault } from "../../src/registry/Vault.ts"
import { Webhooks } from "../../src/registry/Webhooks.ts"
import { OperatorKey } from "../../src/surface/api/Callers.ts"
import { DashboardFolder } from "../../src/surface/api/DashboardRoute.ts"
import { ApiServer, layer as api } from "../../src/surface/api/Server.ts"
import { EventCatalogue } from "../../src/surface/EventCatalogue.ts"
import { layer as historyCheck } from "../../src/surface/HistoryCheck.ts"
import { LiveDeliveries } from "../../src/surface/LiveDeliveries.ts"
import { Metrics } from "../../src/surface/Metrics.ts"
import { Publisher } from "../../src/surface/Publisher.ts"
import { Quarantine } from "../../src/surface/Quarantine.ts"
import { Readiness } from "../../src/surface/Readiness.ts"
import { TestEvents } from "../../src/surface/TestEvents.ts"
import { servicesLayer, TestBroker } from "./broker.ts"
import { until } from "./until.ts"

export const operatorKey = "hk_op_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

interface Options {
  readonly config?: Partial<HooklineConfig>
  readonly catalogue?: Catalogue
  /** Of the built dashboard; without, there is none. */
  readonly folder?: string
  /** Takes every log line of debug and above. */
  readonly log?: (line: string) => void
}

const settings = (config: Options["config"]): Partial<HooklineConfig> => ({
  port: 0,
  masterKeys: `test:${randomBytes(32).toString("base64")}`,
  ...config
})

/** The API on a free port, with everything below it on a real broker of its own. */
export const apiLayer = (options: Options = {}) =>
  Layer.unwrapEffect(Effect.map(TestBroker, ({ url }) => apiOver(url, options))).pipe(
    Layer.provideMerge(TestBroker.layer())
  )

/** One more of the same on a broker that is there. */
export const anotherApi = (url: string, options: Options = {}) => apiOver(url, options)

/** The history of the broker at a URL, in a folder of its own. */
const historyOf = (url: string) =>
  Layer.unwrapScoped(Effect.gen(function*() {
    const config = yield* Config
    const data = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-api-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 10 }))
    )
    return Layer.fresh(History.layer(url)).pipe(Layer.provide(Layer.succeed(Config, { ...config, data })))
  }))

const apiOver = (url: string, { catalogue = bundled, config, folder = "/nowhere", log = () => undefined }: Options) => {
  // The broker's time is real, whatever the test's clock says.
  const confirmed = Layer.merge(ApiKeys.layer, EndedSessions.layer)
  const keys = Layer.scopedContext(Effect.withClock(Layer.build(confirmed), Clock.make()))
  const tests = Layer.unwrapEffect(Effect.map(Config, (config) => TestEvents.layer(brandOf(config, "0.0.0")))).pipe(
    Layer.provide(sender)
  )
  const below = Webhooks.layer(catalogue).pipe(
    Layer.provideMerge(tests),
    Layer.provideMerge(Rewrap.layer),
    Layer.provideMerge(Subscriptions.layer),
    Layer.provideMerge(Vault.layer.pipe(Layer.provideMerge(KeyRing.layer))),
    Layer.provideMerge(addressPolicy),
    Layer.provideMerge(Layer.mergeAll(keys, PortalLinks.layer, Quarantine.layer)),
    Layer.provideMerge(Layer.merge(Publisher.layer, LiveDeliveries.layer)),
    Layer.provideMerge(Metrics.layer),
    Layer.provideMerge(Readiness.layer),
    Layer.provideMerge(Layer.succeed(EventCatalogue, catalogue)),
    Layer.provideMerge(
      Layer.merge(
        Layer.succeed(OperatorKey, Redacted.make(operatorKey)),
        Layer.succeed(DashboardFolder, folder)
      )
    ),
    Layer.provideMerge(Layer.mergeAll(Retries.layer, Jobs.layer, Audits.layer(url))),
    Layer.provideMerge(Layer.mergeAll(EventBodies.layer, Records.layer, RetryRequests.layer, historyOf(url))),
    Layer.provideMerge(servicesLayer(url, settings(config)))
  )
  return Layer.merge(api, historyCheck).pipe(
    Layer.provideMerge(below),
    Layer.provide(Logger.replace(Logger.defaultLogger, Logger.make((entry) => log(Logger.logfmtLogger.log(entry))))),
    Layer.provide(Logger.minimumLogLevel(LogLevel.Debug))
  )
}

/** Appends a record, as the worker would, and waits until the history has it and is behind nothing. */
export const recorded = (record: DeliveryRecord) =>
  Effect.gen(function*() {
    const log = yield* AppendLog
    const history = yield* History
    const { eventsCreated, partitions } = yield* Topology
    const { eventId, webhookId, workspaceId } = record.delivery
    const subject = deliverySubject(partitionOf(workspaceId, partitions), workspaceId, webhookId, record.kind)
    yield* log.append({ subject, data: encode(record, eventsCreated) })
    yield* until(
      "the history has the record",
      Effect.option(history.ask("deliveries", { workspaceId, webhookId, limit: 100 })),
      (found) =>
        found._tag === "Some" && found.value.data.some(({ delivery }) => delivery.eventId === eventId) &&
        history.status().behind === 0
    )
  }).pipe(Effect.orDie)

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // The tests look into answers of every shape.
  readonly json: Json
}

export interface Json {
  readonly [key: string]: Json
  readonly [index: number]: Json
}

export interface Ask {
  readonly body?: string | Uint8Array | object
  readonly workspace?: string | null
  readonly key?: string | null
  readonly headers?: Readonly<Record<string, string>>
}

/** One request over a real socket. `workspace` and `key` null: without the header. */
export const ask = (method: string, path: string, { body, headers, key = operatorKey, workspace = "ws_1" }: Ask = {}) =>
  Effect.gen(function*() {
    const { url } = yield* ApiServer
    const raw = body === undefined || typeof body === "string" || body instanceof Uint8Array
      ? body
      : JSON.stringify(body)
    return yield* Effect.promise(async (): Promise<Answer> => {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(key === null ? {} : { authorization: `Bearer ${key}` }),
          ...(workspace === null ? {} : { "x-workspace-id": workspace }),
          ...headers
        },
        ...(raw === undefined ? {} : { body: raw })
      })
      // The live stream has no end: what is seen of it here is its head.
      const endless = response.headers.get("content-type")?.startsWith("text/event-stream") === true
      if (endless) await response.body?.cancel()
      const text = endless ? "" : await response.text()
      const json = response.headers.get("content-type")?.includes("json") === true ? JSON.parse(text) : {}
      return { status: response.status, headers: response.headers, text, json }
    })
  })
