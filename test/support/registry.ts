import { Layer } from "effect"
import type { Config } from "../../src/Config.ts"
import { bundled } from "../../src/model/Catalogue.ts"
import { KeyRing } from "../../src/registry/KeyRing.ts"
import { Subscriptions } from "../../src/registry/Subscriptions.ts"
import { Vault } from "../../src/registry/Vault.ts"
import { Webhooks } from "../../src/registry/Webhooks.ts"
import { brokerLayer } from "./broker.ts"

/** Two master keys, of which the first seals. */
export const masterKey = (id: string, byte: number): string => `${id}:${Buffer.alloc(32, byte).toString("base64")}`
export const masterKeys = masterKey("k1", 1)

/** The registry over a broker that is there: one process of ours. Each time it is provided it is built anew. */
export const registryLayer = Webhooks.layer(bundled).pipe(
  Layer.provideMerge(Layer.mergeAll(Vault.layer, Subscriptions.layer)),
  Layer.provideMerge(KeyRing.layer)
)

/** A fresh server with settings that the registry can start with. */
export const freshBroker = (overrides: Partial<Config["Type"]> = {}) => brokerLayer({ masterKeys, ...overrides })
