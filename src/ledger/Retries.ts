import { Context, Data, Effect, Layer, Option } from "effect"
import type { AppendFailed } from "../broker/AppendLog.ts"
import type { BrokerUnavailable } from "../broker/Streams.ts"
import type { RetryAnswer } from "../model/RetryRequest.ts"
import { EventBodies } from "./EventBodies.ts"
import { History, type HistoryUnavailable } from "./History.ts"
import { RetryRequests } from "./RetryRequests.ts"

/** There is no such delivery in the workspace. */
export class DeliveryNotFound extends Data.TaggedError("DeliveryNotFound")<{ readonly id: string }> {}

/** The owner of the partition, or the lack of an event, says no. */
export class RetryRefused extends Data.TaggedError("RetryRefused")<{
  readonly id: string
  readonly reason: Exclude<RetryAnswer, "accepted">
}> {}

/** No worker answered within 10 s. Asking again is safe. */
export class NoWorker extends Data.TaggedError("NoWorker")<{ readonly id: string }> {}

/** While the history catches up with what overtook a request, it is asked again so often, after so long. */
const tries = 10
const pause = "100 millis"

/** Retries by hand, from a delivery's id to the owner's answer. */
export class Retries extends Context.Tag("hookline/ledger/Retries")<Retries, {
  /** Succeeds when the retry is recorded. */
  readonly retry: (
    workspaceId: string,
    id: string
  ) => Effect.Effect<
    void,
    DeliveryNotFound | RetryRefused | NoWorker | HistoryUnavailable | BrokerUnavailable | AppendFailed
  >
}>() {
  static readonly layer = Layer.effect(
    Retries,
    Effect.gen(function*() {
      const history = yield* History
      const requests = yield* RetryRequests
      const bodies = yield* EventBodies

      const once = Effect.fnUntraced(function*(workspaceId: string, id: string) {
        const found = yield* history.ask("delivery", { workspaceId, id })
        if (found === undefined) return yield* new DeliveryNotFound({ id })
        const { delivery } = found.delivery
        if (Option.isNone(yield* bodies.load(delivery.eventSequence))) {
          return yield* new RetryRefused({ id, reason: "event_expired" })
        }
        const answer = yield* requests.ask(delivery, found.seenSequence)
        if (Option.isNone(answer)) return yield* new NoWorker({ id })
        if (answer.value !== "accepted") return yield* new RetryRefused({ id, reason: answer.value })
      })

      const retry = (workspaceId: string, id: string) => {
        const attempt = (left: number): ReturnType<typeof once> =>
          Effect.catchIf(
            once(workspaceId, id),
            (error) => error._tag === "RetryRefused" && error.reason === "overtaken" && left > 0,
            () => Effect.zipRight(Effect.sleep(pause), attempt(left - 1))
          )
        return attempt(tries)
      }
      return { retry }
    })
  )
}
