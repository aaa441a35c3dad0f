import { Effect, Layer, Logger, LogLevel, Redacted } from "effect"
import { randomBytes } from "node:crypto"
import type { HooklineConfig } from "../../src/Config.ts"
import { type DeliveryView, RecentDeliveries } from "../../src/ledger/RecentDeliveries.ts"
import { bundled, type Catalogue } from "../../src/model/Catalogue.ts"
import { layer as addressPolicy } from "../../src/outbound/AddressPolicy.ts"
import { KeyRing } from "../../src/registry/KeyRing.ts"
import { Subscriptions } from "../../src/registry/Subscriptions.ts"
import { Vault } from "../../src/registry/Vault.ts"
import { Webhooks } from "../../src/registry/Webhooks.ts"
import { OperatorKey } from "../../src/surface/api/Authentication.ts"
import { ApiServer, layer as api } from "../../src/surface/api/Server.ts"
import { EventCatalogue } from "../../src/surface/EventCatalogue.ts"
import { Metrics } from "../../src/surface/Metrics.ts"
import { Publisher } from "../../src/surface/Publisher.ts"
import { Quarantine } from "../../src/surface/Quarantine.ts"
import { Readiness } from "../../src/surface/Readiness.ts"
import { brokerLayer } from "./broker.ts"

export const operatorKey = "hk_op_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

interface Options {
  readonly config?: Partial<HooklineConfig>
  readonly catalogue?: Catalogue
  /** What the ledger would answer, by webhook. */
  readonly deliveries?: (webhookId: string) => ReadonlyArray<DeliveryView>
  /** Takes every log line of debug and above. */
  readonly log?: (line: string) => void
}

/** The API on a free port, with everything below it on a real broker of its own. */
export const apiLayer = (
  { catalogue = bundled, config, deliveries = () => [], log = () => undefined }: Options = {}
) => {
  const broker = brokerLayer({
    port: 0,
    masterKeys: `test:${randomBytes(32).toString("base64")}`,
    ...config
  })
  const below = Webhooks.layer(catalogue).pipe(
    Layer.provideMerge(Subscriptions.layer),
    Layer.provideMerge(Vault.layer.pipe(Layer.provide(KeyRing.layer))),
    Layer.provideMerge(addressPolicy),
    Layer.provideMerge(Quarantine.layer),
    Layer.provideMerge(Publisher.layer),
    Layer.provideMerge(Metrics.layer),
    Layer.provideMerge(Readiness.layer),
    Layer.provideMerge(Layer.succeed(EventCatalogue, catalogue)),
    Layer.provideMerge(Layer.succeed(OperatorKey, Redacted.make(operatorKey))),
    Layer.provideMerge(Layer.succeed(RecentDeliveries, { of: (_, id) => Effect.succeed(deliveries(id)) })),
    Layer.provideMerge(broker)
  )
  return api.pipe(
    Layer.provideMerge(below),
    Layer.provide(Logger.replace(Logger.defaultLogger, Logger.make((entry) => log(Logger.logfmtLogger.log(entry))))),
    Layer.provide(Logger.minimumLogLevel(LogLevel.Debug))
  )
}

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
      const text = await response.text()
      const json = response.headers.get("content-type")?.includes("json") === true ? JSON.parse(text) : {}
      return { status: response.status, headers: response.headers, text, json }
    })
  })
