import { Context, Data, Effect, Layer, Option } from "effect"
import type { AppendFailed } from "../broker/AppendLog.ts"
import type { BrokerUnavailable } from "../broker/Streams.ts"
import type { RetryAnswer } from "../model/RetryRequest.ts"
import { EventBodies } from "./EventBodies.ts"
import { History, HistoryUnavailable } from "./History.ts"
import { askUntilSettled, RetryRequests, type Vain } from "./RetryRequests.ts"

/** There is no such delivery in the workspace. */
export class DeliveryNotFound extends Data.TaggedError("DeliveryNotFound")<{ readonly id: string }> {}

/** The owner of the partition, or the lack of an event, says no. */
export class RetryRefused extends Data.TaggedError("RetryRefused")<{
  readonly id: string
  readonly reason: Exclude<RetryAnswer, "accepted">
}> {}

/** No worker answered within 10 s. Asking again is safe. */
export class NoWorker extends Data.TaggedError("NoWorker")<{ readonly id: string }> {}

/** A history that follows is so many messages behind at a busy moment. */
const caughtUp = 1_000

/** While the history catches up with what overtook a request, it is asked again so often. */
const most = 10

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

      const retry = Effect.fnUntraced(function*(workspaceId: string, id: string) {
        const look = Effect.gen(function*() {
          const found = yield* history.ask("delivery", { workspaceId, id })
          if (found === undefined) return yield* new DeliveryNotFound({ id })
          const { delivery: { delivery }, seenSequence } = found
          if (Option.isNone(yield* bodies.find(delivery))) {
            return yield* new RetryRefused({ id, reason: "event_expired" })
          }
          return { delivery, seenSequence }
        })
        const inVain = (
          why: Vain,
          asked: number
        ): Effect.Effect<void, NoWorker | RetryRefused | HistoryUnavailable | AppendFailed> => {
          if (why === "unanswered") return new NoWorker({ id })
          if (why !== "overtaken") return why
          if (asked <= most) return Effect.void
          const { behind } = history.status()
          // What it has not read yet may be the very thing that was overtaking.
          return behind > caughtUp
            ? new HistoryUnavailable({ detail: `it is ${behind} messages behind` })
            : new RetryRefused({ id, reason: why })
        }
        const answer = yield* askUntilSettled(requests, { first: yield* look, look, inVain })
        if (answer !== "accepted") return yield* new RetryRefused({ id, reason: answer })
      })
      return { retry }
    })
  )
}
