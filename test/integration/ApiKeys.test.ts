import { expect, layer } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestBroker } from "../support/broker.ts"
import { externalProduct } from "../support/external.ts"
import type { Product } from "../support/product.ts"
import { until } from "../support/worker.ts"

const urlOf = (hookline: Product): string => /API\s+(http\S+)/.exec(hookline.output())?.[1] ?? ""

/** The status of a list of webhooks for whoever has this key. */
const listing = (hookline: Product, key: string) =>
  Effect.promise(async () => {
    const answer = await fetch(`${urlOf(hookline)}/v1/webhooks`, { headers: { authorization: `Bearer ${key}` } })
    await answer.text()
    return answer.status
  })

layer(TestBroker.layer(), { excludeTestServices: true })("API keys over two processes", (it) => {
  it.scoped(
    "what one makes or revokes holds in the other: at once, or within 5 s, and after a restart",
    () =>
      Effect.gen(function*() {
        const [one, other] = [yield* externalProduct(), yield* externalProduct()]
        const make = Effect.map(
          one.api("POST", "/v1/api-keys", { name: "n", role: "read" }),
          ({ body }): { readonly id: string; readonly key: string } => body
        )
        const kept = yield* make
        const took: Array<number> = []
        for (let round = 0; round < 5; round++) {
          const { id, key } = yield* make
          expect(yield* listing(one, key)).toBe(200)
          yield* until("valid in the other", Effect.map(listing(other, key), (status) => status === 200), 5000)
          expect((yield* one.api("DELETE", `/v1/api-keys/${id}`)).status).toBe(204)
          const at = yield* Clock.currentTimeMillis
          expect(yield* listing(one, key)).toBe(401)
          yield* until("revoked in the other", Effect.map(listing(other, key), (status) => status === 401), 5000)
          took.push((yield* Clock.currentTimeMillis) - at)
        }
        expect(Math.max(...took)).toBeLessThan(5000)
        yield* other.kill
        yield* one.api("DELETE", `/v1/api-keys/${kept.id}`)
        yield* other.start
        expect(yield* listing(other, kept.key), "revoked while it was not there").toBe(401)
        expect(`${one.output()}${other.output()}`).not.toContain(kept.key.split("_")[2])
      }),
    120_000
  )
})
