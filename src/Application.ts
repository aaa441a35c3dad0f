import { Context, Effect, Layer, Redacted } from "effect"
import { fileURLToPath } from "node:url"
import * as Broker from "./broker/Broker.ts"
import { DataDirectory } from "./broker/DataDirectory.ts"
import { EmbeddedServer } from "./broker/EmbeddedServer.ts"
import { ownInboxes } from "./broker/Subjects.ts"
import { Config, type HooklineConfig, InvalidSetting, settings } from "./Config.ts"
import * as Struggling from "./dispatch/Struggling.ts"
import { Worker } from "./dispatch/Worker.ts"
import { Attempting } from "./endpoint/Attempting.ts"
import { Endpoints } from "./endpoint/Endpoints.ts"
import { Audits } from "./ledger/Audits.ts"
import { catalogueOf } from "./ledger/CatalogueFile.ts"
import { EventBodies } from "./ledger/EventBodies.ts"
import { HeldRecords } from "./ledger/HeldRecords.ts"
import { History } from "./ledger/History.ts"
import * as JobRunner from "./ledger/JobRunner.ts"
import { Jobs } from "./ledger/Jobs.ts"
import { Ledger } from "./ledger/Ledger.ts"
import { NoticePositions } from "./ledger/NoticePositions.ts"
import { Positions } from "./ledger/Positions.ts"
import { Records } from "./ledger/Records.ts"
import { Recovery } from "./ledger/Recovery.ts"
import { Retries } from "./ledger/Retries.ts"
import { RetryRequests } from "./ledger/RetryRequests.ts"
import { Snapshots } from "./ledger/Snapshots.ts"
import * as Logging from "./Logging.ts"
import type { Catalogue } from "./model/Catalogue.ts"
import * as AddressPolicy from "./outbound/AddressPolicy.ts"
import { AttemptSpans } from "./outbound/AttemptSpans.ts"
import * as Sender from "./outbound/Sender.ts"
import { brandOf } from "./outbound/Signature.ts"
import { ApiKeys } from "./registry/ApiKeys.ts"
import { EndedSessions } from "./registry/EndedSessions.ts"
import { KeyRing } from "./registry/KeyRing.ts"
import { PortalLinks } from "./registry/PortalLinks.ts"
import { Rewrap } from "./registry/Rewrap.ts"
import { Subscriptions } from "./registry/Subscriptions.ts"
import { Vault } from "./registry/Vault.ts"
import { Webhooks } from "./registry/Webhooks.ts"
import { OperatorKey } from "./surface/api/Callers.ts"
import { DashboardFolder } from "./surface/api/DashboardRoute.ts"
import * as Server from "./surface/api/Server.ts"
import { EventCatalogue } from "./surface/EventCatalogue.ts"
import * as HistoryCheck from "./surface/HistoryCheck.ts"
import { LiveDeliveries } from "./surface/LiveDeliveries.ts"
import { Metrics } from "./surface/Metrics.ts"
import { processMetrics } from "./surface/ProcessMetrics.ts"
import { Publisher } from "./surface/Publisher.ts"
import { Quarantine } from "./surface/Quarantine.ts"
import { Readiness } from "./surface/Readiness.ts"
import { TestEvents } from "./surface/TestEvents.ts"
import { version } from "./Version.ts"

/** Where the broker is, and the keys: what the layers need that settings alone do not say. */
interface Site {
  /** With credentials. */
  readonly natsUrl: Redacted.Redacted
  /** Without. */
  readonly natsAddress: string
  readonly operatorKey: Redacted.Redacted
  readonly masterKeys: Redacted.Redacted
  readonly keyFile: string | undefined
  /** Tells the commands of this machine where the API is. */
  readonly announce: Context.Tag.Service<DataDirectory>["announce"]
}

/** Our own broker, its store and the keys in the data directory. */
const embedded = (config: HooklineConfig) =>
  Layer.build(
    EmbeddedServer.layer.pipe(Layer.provideMerge(DataDirectory.layer), Layer.provide(Layer.succeed(Config, config)))
  ).pipe(
    Effect.map((context): Site => {
      const server = Context.get(context, EmbeddedServer)
      const directory = Context.get(context, DataDirectory)
      return {
        natsUrl: server.url,
        natsAddress: server.address,
        operatorKey: directory.operatorKey,
        masterKeys: directory.masterKeys,
        keyFile: directory.operatorKeyFile,
        announce: directory.announce
      }
    })
  )

/** Somebody else's broker: nothing is generated here that a second node would not have (CONTRACT 9). */
const external = (config: HooklineConfig, natsUrl: string): Effect.Effect<Site, InvalidSetting> => {
  const required = (name: "masterKeys" | "operatorKey") => {
    const value = config[name]
    const { accepts, env } = settings[name]
    return value === undefined
      ? Effect.fail(
        new InvalidSetting({
          setting: env,
          value: "not set",
          accepts: `${accepts}; it is required with HOOKLINE_NATS_URL`
        })
      )
      : Effect.succeed(Redacted.make(value))
  }
  return Effect.gen(function*() {
    return {
      natsUrl: Redacted.make(natsUrl),
      natsAddress: natsUrl.split(",").map((url) => url.trim().replace(/^(\w+:\/\/)?(?:[^@/]*@)?/, "$1")).join(","),
      operatorKey: yield* required("operatorKey"),
      masterKeys: yield* required("masterKeys"),
      keyFile: undefined,
      announce: () => Effect.void
    }
  })
}

/** Says in `readyz` what the worker does. */
const workerCheck = Layer.scopedDiscard(Effect.gen(function*() {
  const readiness = yield* Readiness
  const worker = yield* Worker
  yield* readiness.add(
    "worker",
    Effect.sync(() => {
      const { state, trouble } = worker.status()
      const ok = trouble === undefined && (state === "running" || state === "standing by")
      return { ok, detail: trouble === undefined ? state : `${state}: ${trouble}` }
    })
  )
}))

/** Loaded only where the OTEL_ variables ask for it. */
const metricsExport = ({ openTelemetry }: HooklineConfig) => {
  const { metrics } = openTelemetry
  if (metrics === undefined) return Layer.empty
  return Layer.unwrapEffect(
    Effect.map(Effect.promise(() => import("./surface/OtlpMetrics.ts")), ({ layer }) => layer(metrics, openTelemetry))
  )
}

/** What delivers, over a broker: from the worker down to the sender. Read from the bottom up. */
export const delivery = (config: HooklineConfig, catalogue: Catalogue) =>
  Worker.layer(catalogue).pipe(
    Layer.provideMerge(Endpoints.layer),
    Layer.provideMerge(Attempting.layer(brandOf(config, version))),
    Layer.provideMerge(Layer.mergeAll(Ledger.layer, EventBodies.layer, HeldRecords.layer, Recovery.layer)),
    Layer.provideMerge(Layer.mergeAll(Positions.layer, NoticePositions.layer, Snapshots.layer)),
    Layer.provideMerge(Layer.merge(Sender.layer, AttemptSpans.layer)),
    Layer.provideMerge(AddressPolicy.layer),
    Layer.provideMerge(Webhooks.layer(catalogue)),
    Layer.provideMerge(Vault.layer),
    Layer.provideMerge(Layer.merge(Subscriptions.layer, KeyRing.layer))
  )

/** Everything: what people and services talk to, over what delivers, over the broker. */
const layers = (config: HooklineConfig, site: Site, catalogue: Catalogue) =>
  Layer.merge(workerCheck, HistoryCheck.layer).pipe(
    Layer.provideMerge(Server.layer),
    Layer.provideMerge(metricsExport(config)),
    Layer.provideMerge(JobRunner.layer),
    Layer.provideMerge(Layer.merge(Retries.layer, Jobs.layer)),
    Layer.provideMerge(Layer.merge(Metrics.layer, processMetrics)),
    Layer.provideMerge(
      Layer.mergeAll(
        ApiKeys.layer,
        Audits.layer(Redacted.value(site.natsUrl)),
        EndedSessions.layer,
        PortalLinks.layer,
        Quarantine.layer,
        Readiness.layer,
        Records.layer,
        RetryRequests.layer,
        Rewrap.layer
      )
    ),
    Layer.provideMerge(Struggling.layer),
    Layer.provideMerge(History.layer(Redacted.value(site.natsUrl))),
    Layer.provideMerge(
      Layer.mergeAll(Publisher.layer, LiveDeliveries.layer, TestEvents.layer(brandOf(config, version)))
    ),
    Layer.provideMerge(delivery(config, catalogue)),
    Layer.provideMerge(Broker.layer({ url: Redacted.value(site.natsUrl), name: "hookline", inboxes: ownInboxes })),
    Layer.provide(Layer.mergeAll(
      Layer.succeed(Config, { ...config, masterKeys: Redacted.value(site.masterKeys) }),
      Layer.succeed(OperatorKey, site.operatorKey),
      Layer.succeed(DashboardFolder, fileURLToPath(new URL("./surface/dashboard/", import.meta.url))),
      Layer.succeed(EventCatalogue, catalogue)
    ))
  )

/** What a caller is told once the product serves. */
export interface Running {
  readonly apiUrl: string
  readonly natsAddress: string
  readonly keyFile: string | undefined
  readonly embedded: boolean
}

/** How long a start waits for the worker to have its partitions before it says that it is ready all the same. */
const readyPatience = "60 seconds"

/**
 * Runs the product until it is interrupted: the broker comes first and goes last. `ready` is called when the API answers and the worker has its
 * partitions, or stands by.
 */
export const run = (config: HooklineConfig, ready: (running: Running) => Effect.Effect<void>) =>
  Effect.gen(function*() {
    const catalogue = yield* catalogueOf(config)
    const site = yield* config.natsUrl === undefined ? embedded(config) : external(config, config.natsUrl)
    const context = yield* Layer.build(layers(config, site, catalogue))
    const api = Context.get(context, Server.ApiServer)
    const worker = Context.get(context, Worker)
    yield* site.announce(api.url)
    yield* Effect.sleep("10 millis").pipe(
      Effect.repeat({ while: () => ["starting", "recovering"].includes(worker.status().state) }),
      Effect.timeoutOption(readyPatience)
    )
    yield* ready({
      apiUrl: api.url,
      natsAddress: site.natsAddress,
      keyFile: site.keyFile,
      embedded: config.natsUrl === undefined
    })
    return yield* Effect.never
  }).pipe(Effect.scoped, Effect.provide(Logging.layer(config)))
