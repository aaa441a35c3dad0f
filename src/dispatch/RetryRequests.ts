import { type Context, Effect, Either, Option, type Scope } from "effect"
import type { Answers } from "../broker/Answers.ts"
import type { StoredMessage, Streams } from "../broker/Streams.ts"
import { parseDeliverySubject, retryRequestsFilter } from "../broker/Subjects.ts"
import type { Engine } from "../endpoint/Engine.ts"
import { decode } from "../ledger/Record.ts"
import type { Recovered } from "../ledger/Recovery.ts"
import type { RetryRequest } from "../model/RetryRequest.ts"

interface Owned {
  readonly partition: number
  readonly recovered: Pick<Recovered, "requests" | "lastSequence">
}

/**
 * Answers the retries asked for: first those that the replay found unanswered, then each as it comes, for as long as the scope lives. A request is
 * void after a few seconds, so that what waits here is bounded by how fast people ask.
 */
export const followRetryRequests = (
  owned: ReadonlyArray<Owned>,
  { answers, engine, streamOf, streams }: {
    readonly engine: Engine
    readonly streams: Context.Tag.Service<Streams>
    readonly streamOf: (partition: number) => string
    readonly answers: Context.Tag.Service<Answers>
  }
): Effect.Effect<void, never, Scope.Scope> => {
  const retry = (request: RetryRequest, partition: number) =>
    engine.retry(request, partition, (answer) => {
      if (request.answerTo !== undefined) answers.give(request.answerTo, answer)
    })
  const replayedTo = new Map<number, number>()
  const from = new Map<string, number>()
  for (const { partition, recovered } of owned) {
    if (partition < 0) continue
    replayedTo.set(partition, recovered.lastSequence)
    const stream = streamOf(partition)
    from.set(stream, Math.min(from.get(stream) ?? Number.POSITIVE_INFINITY, recovered.lastSequence + 1))
    for (const request of recovered.requests) retry(request, partition)
  }
  const onMessage = (message: StoredMessage) => {
    const partition = Option.getOrUndefined(parseDeliverySubject(message.subject))?.partition
    // What the replay of its partition reached is answered already.
    if (partition === undefined || message.sequence <= (replayedTo.get(partition) ?? Number.POSITIVE_INFINITY)) return
    const decoded = decode(message.data)
    if (Either.isRight(decoded) && decoded.right.type === "retry_requested") retry(decoded.right.request, partition)
  }
  return Effect.forEach(
    from,
    ([stream, sequence]) => streams.follow({ stream, filter: retryRequestsFilter(), from: sequence, onMessage }),
    { discard: true }
  )
}
