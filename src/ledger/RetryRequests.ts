import { Context, Effect, Layer, Option } from "effect"
import { randomUUID } from "node:crypto"
import { Answers } from "../broker/Answers.ts"
import { type AppendFailed, AppendLog } from "../broker/AppendLog.ts"
import { BrokerClock } from "../broker/BrokerClock.ts"
import { deliverySubject, partitionOf } from "../broker/Subjects.ts"
import { Topology } from "../broker/Topology.ts"
import type { Delivery } from "../model/Delivery.ts"
import type { RetryAnswer, RetryRequest } from "../model/RetryRequest.ts"
import { encodeRetryRequest } from "./Record.ts"

/** How long the owner of the partition may take, milliseconds; what it has not seen by then it passes over. */
export const patience = 10_000
/** The history is a moment behind what overtook a request. */
const overtakenPause = "100 millis"
/** While a worker or the broker is away. */
const awayPause = "500 millis"

/** A request for a retry, and the answer of whoever owns the delivery's partition. */
export class RetryRequests extends Context.Tag("hookline/ledger/RetryRequests")<RetryRequests, {
  /**
   * `delivery` as it was seen in the records of its stream up to `seenSequence`. None: no owner has answered within 10 s. It may still have taken
   * the request at the last moment; asking again is safe, because the delivery is then no longer as it was seen.
   */
  readonly ask: (
    delivery: Delivery,
    seenSequence: number,
    /** `backlog`: one of many, which must not keep fresh deliveries waiting. */
    options?: Pick<RetryRequest, "backlog">
  ) => Effect.Effect<Option.Option<RetryAnswer>, AppendFailed>
}>() {
  static readonly layer = Layer.effect(
    RetryRequests,
    Effect.gen(function*() {
      const log = yield* AppendLog
      const answers = yield* Answers
      const clock = yield* BrokerClock
      const topology = yield* Topology
      return {
        ask: (delivery, seenSequence, options) =>
          Effect.scoped(Effect.gen(function*() {
            const { answer, subject } = yield* answers.expect
            const { webhookId, workspaceId } = delivery
            const id = randomUUID()
            const at = clock.now()
            const request = { id, at, expiresAt: at + patience, seenSequence, delivery, ...options, answerTo: subject }
            yield* log.append({
              subject: deliverySubject(
                partitionOf(workspaceId, topology.partitions),
                workspaceId,
                webhookId,
                "retry_requested"
              ),
              data: encodeRetryRequest(request, topology.eventsCreated),
              messageId: id
            })
            return yield* Effect.map(answer, (text) => text as RetryAnswer).pipe(Effect.timeoutOption(patience))
          }))
      }
    })
  )
}

/** A delivery, and the sequence up to which the records of its stream were known when it was looked at. */
export interface Seen {
  readonly delivery: Delivery
  readonly seenSequence: number
}

/** Why nothing came of a request: the delivery was no longer as it was seen, no owner has answered, or the broker has not taken it. */
export type Vain = "overtaken" | "unanswered" | AppendFailed

interface Asking<E, F> extends Pick<RetryRequest, "backlog"> {
  readonly first: Seen
  /** The delivery as it is by now. Fails when there is nothing to ask for any more. */
  readonly look: Effect.Effect<Seen, E>
  /** Nothing came of the so many-eth request, from 1. Fails to leave it at that; else it is looked at and asked for again after a pause. */
  readonly inVain: (why: Vain, requests: number) => Effect.Effect<void, F>
}

/** Asks for a retry until an owner's answer settles it, or `look` or `inVain` ends it. */
export const askUntilSettled = Effect.fnUntraced(function*<E, F>(
  requests: Context.Tag.Service<RetryRequests>,
  { first, inVain, look, ...options }: Asking<E, F>
) {
  let seen = first
  for (let asked = 1;; asked++) {
    const answer: RetryAnswer | Vain = yield* requests.ask(seen.delivery, seen.seenSequence, options).pipe(
      Effect.map(Option.getOrElse(() => "unanswered" as const)),
      Effect.catchTag("AppendFailed", (failed) => Effect.succeed(failed))
    )
    if (typeof answer === "string" && answer !== "overtaken" && answer !== "unanswered") return answer
    yield* inVain(answer, asked)
    yield* Effect.sleep(answer === "overtaken" ? overtakenPause : awayPause)
    seen = yield* look
  }
})
