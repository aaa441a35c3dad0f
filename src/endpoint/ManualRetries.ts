import { judge, type RetryAnswer, type RetryRequest } from "../model/RetryRequest.ts"
import type { Actors } from "./Actors.ts"
import { isOpen } from "./Circuit.ts"
import { Live } from "./Endpoint.ts"
import type { Environment } from "./Environment.ts"
import type { Ownership } from "./Ownership.ts"
import type { Retried } from "./Retried.ts"
import type { Spilling } from "./Spilling.ts"
import type { Transitions } from "./Transitions.ts"

interface Parts extends Pick<Environment, "epoch" | "find" | "ledger"> {
  readonly actors: Actors
  readonly ownership: Ownership
  readonly retried: Retried
  readonly spilling: Spilling
  readonly transitions: Transitions
}

/** Retries by hand: a delivery that waits, or has ended, is attempted now, if it is still as whoever asks has seen it. */
export class ManualRetries {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * `answer` is called once, `accepted` only when the record of that is acknowledged; not at all when the request is void, or this owner is about to
   * go or has a successor.
   */
  ask(request: RetryRequest, partition: number, answer: (answer: RetryAnswer) => void): void {
    const { actors, spilling } = this.#parts
    const endpoint = actors.get(request.delivery.webhookId)
    const retry = () => this.#retry(request, partition, answer)
    if (endpoint === undefined) retry()
    else spilling.fetch(endpoint, request.delivery, retry)
  }

  #retry(request: RetryRequest, partition: number, answer: (answer: RetryAnswer) => void): void {
    const { actors, epoch, find, ledger, ownership, retried, transitions } = this.#parts
    const at = ledger.now()
    if (ownership.isEnding || at >= request.expiresAt) return
    // Seen as another owner has recorded it, who has claimed the partition since and will answer: our record would be older than what was seen.
    if (request.delivery.epoch > epoch(partition)) return
    const { eventSequence, webhookId } = request.delivery
    const actor = actors.get(webhookId)
    const known = actor?.live.get(eventSequence)
    const asleep = actor?.asleep.peek(eventSequence)
    const judged = judge(request, {
      webhook: find(webhookId),
      live: known?.state ?? asleep,
      ended: retried.newestOf(request.delivery),
      since: retried.since(partition),
      at
    })
    if (judged !== "accepted") return answer(judged)
    // About to go, also one that came due and waits for a lane: there is nothing to move.
    if (known !== undefined && (known.state.state === "ready" || known.endpoint.ready.includes(known))) {
      return answer("accepted")
    }
    // A record is on its way: what it says is not known to who asked.
    if (known?.recording === true) return answer("overtaken")
    const endpoint = actors.of(request.delivery, partition)
    if (known !== undefined) {
      known.cancelled = true
      endpoint.held.remove(known)
    }
    endpoint.asleep.take(eventSequence)
    const live = new Live(endpoint, known?.state ?? asleep ?? request.delivery)
    live.backlog = request.backlog === true
    live.settle = () => answer("accepted")
    endpoint.live.set(eventSequence, live)
    // Whoever asks for one attempt has mended something, or wants to know: an open circuit is probed at once. A job waits as everything does.
    if (!live.backlog && isOpen(endpoint.circuit)) endpoint.circuit = { ...endpoint.circuit, probeAt: at }
    transitions.happen(live, { type: "retry_requested", at })
  }
}
