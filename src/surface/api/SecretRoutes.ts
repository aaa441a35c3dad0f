import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { type Place, Rewrap as Rewrapping } from "../../registry/Rewrap.ts"
import { jsonBody } from "./Body.ts"
import { HooklineApi } from "./Contract.ts"
import { Rewrap } from "./contract/Secrets.ts"
import { Unprocessable } from "./Errors.ts"
import { brokerUnavailable } from "./Refusals.ts"

/** Webhooks in one answer: within a second or two even where each write waits for a slow disk. */
const partSize = 500

const readRewrap = jsonBody(Rewrap, {})

const cursorOf = ({ from, to }: Place): string => `${from}-${to}`

const placeOf = (cursor: string): Effect.Effect<Place, Unprocessable> => {
  const [, from, to] = /^([1-9]\d{0,14})-([1-9]\d{0,14})$/.exec(cursor) ?? []
  return from === undefined || to === undefined
    ? Effect.fail(
      new Unprocessable({ type: "invalid", field: "cursor", message: "cursor: none that a part before gave" })
    )
    : Effect.succeed({ from: Number(from), to: Number(to) })
}

export const secrets = HttpApiBuilder.group(
  HooklineApi,
  "secrets",
  (handlers) =>
    Effect.map(Rewrapping, (rewrap) =>
      handlers.handleRaw("rewrap", ({ request }) =>
        Effect.gen(function*() {
          const { cursor } = yield* readRewrap(request)
          const given = cursor === undefined ? undefined : yield* placeOf(cursor)
          const { place, webhooks } = yield* rewrap.begin
          const { already, failed, gone, next, rewrapped } = yield* rewrap.part(
            given === undefined ? place : { from: given.from, to: Math.min(given.to, place.to) },
            partSize
          )
          return {
            sealing_key: rewrap.sealingKey,
            webhooks,
            already,
            rewrapped,
            gone,
            failed: failed.map(({ keyId, reason, webhookId, workspaceId }) => ({
              workspace_id: workspaceId,
              webhook_id: webhookId,
              reason,
              key_id: keyId ?? null
            })),
            next: next === undefined ? null : cursorOf(next)
          }
        }).pipe(Effect.catchTags({ BrokerUnavailable: brokerUnavailable }))))
)
