import { Effect } from "effect"
import { TestBroker } from "./broker.ts"
import { product } from "./product.ts"

const keys = {
  HOOKLINE_OPERATOR_KEY: "hk_op_0123456789abcdefghijklmnopqrstuvwxyz",
  HOOKLINE_MASTER_KEYS: `k1:${Buffer.alloc(32, 1).toString("base64")}`
}

/** A started hookline on the test's own nats-server: any number of them work on the same streams. */
export const externalProduct = (env: Readonly<Record<string, string>> = {}, idle = false) =>
  Effect.flatMap(TestBroker, ({ url }) => product({ env: { ...keys, HOOKLINE_NATS_URL: url, ...env }, idle }))
