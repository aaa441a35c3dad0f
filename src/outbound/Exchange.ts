import type { Clock } from "effect"
import type { Dispatcher } from "undici"
import type { AttemptOutcome, AttemptResult, LocalFault, OutcomeClass } from "../model/Attempt.ts"
import type { Connection, Connections, Waiter } from "./Connections.ts"
import type { Destination, Phase } from "./Connector.ts"
import type { Deadlines, Expiring } from "./Deadlines.ts"
import { exchangeFailure, Failure } from "./Failure.ts"
import { responseHeaders } from "./ResponseHeaders.ts"
import { ResponseText } from "./ResponseText.ts"
import { parseRetryAfter } from "./RetryAfter.ts"

/** What all exchanges of a sender share. */
export interface ExchangeContext {
  readonly connections: Connections
  readonly deadlines: Deadlines<Exchange>
  readonly clock: Clock.Clock
  /** Milliseconds. */
  readonly timeout: number
  readonly accepts: (status: number) => boolean
  readonly retryAfter: boolean
}

/** A URL, taken apart. */
export interface Target {
  readonly origin: string
  readonly destination: Destination
  readonly path: string
}

interface Content {
  readonly headers: ReadonlyArray<string>
  readonly body: Uint8Array
  readonly startedAt: number
  readonly mayStart?: () => boolean
}

const stalled: Readonly<Record<Phase, string>> = {
  "look-up": "the look-up of its name did not end",
  proxy: "no connection to the forward proxy was made",
  tunnel: "the forward proxy made no connection",
  connection: "no connection was made",
  handshake: "TLS was not established",
  answer: "no answer came",
  body: "its answer did not end"
}

const failedStatus = (status: number): string =>
  status >= 200 && status < 300
    ? `the endpoint answered ${status}, which does not count as delivered`
    : `the endpoint answered ${status}`

/**
 * One attempt's request and response:
 *
 *   WAITING (all connections of the origin are busy) → RUNNING (look-up, connection, answer) → DONE
 *
 * DONE is reached once, by whatever comes first: the end of the response, its 64 KiB, a failure, the deadline,
 * `cancel` or `shutdown`; `settle` tells it, but for `cancel`. The deadline runs from RUNNING, where the look-up starts;
 * who waits that long for a connection has a fault on our side.
 *
 * A connection that was used before may be closed by the endpoint in the moment in which we write: an idle limit, a
 * restart. If not one byte of an answer came, the request is repeated on a new connection, within the same deadline; as
 * that one is unused, once at most. Otherwise a healthy endpoint would get the event five minutes late with an attempt
 * used up. The endpoint may have worked on the request before it closed: then it sees the event twice with the same id,
 * as CONTRACT 6 allows. One that never answers has no used connection and sees no repeats.
 */
export class Exchange implements Dispatcher.DispatchHandler, Expiring, Waiter {
  deadline = 0
  readonly #context: ExchangeContext
  readonly #target: Target
  readonly #content: Content
  readonly #settle: (result: AttemptResult) => void
  #connection: Connection | undefined
  #done = false
  #reused = false
  /** The first byte of an answer came. */
  #heard = false
  #startedAt = 0
  #status: number | undefined
  #headers: Record<string, unknown> = {}
  readonly #response = new ResponseText()

  constructor(context: ExchangeContext, target: Target, content: Content, settle: (result: AttemptResult) => void) {
    this.#context = context
    this.#target = target
    this.#content = content
    this.#settle = settle
  }

  start(): void {
    const { connections, deadlines, timeout } = this.#context
    const connection = connections.acquire(this.#target.origin, this.#target.destination, this)
    if (connection !== undefined) return this.begin(connection)
    this.deadline = deadlines.now() + timeout
    deadlines.add(this)
  }

  begin(connection: Connection): void {
    const { deadlines, timeout } = this.#context
    this.#startedAt = deadlines.now()
    this.deadline = this.#startedAt + timeout
    deadlines.add(this)
    this.#dispatch(connection)
  }

  #dispatch(connection: Connection): void {
    this.#connection = connection
    // Whatever the endpoint can do: what comes back is never decompressed.
    const headers = [...this.#content.headers, "accept-encoding", "identity"]
    connection.dispatch({ path: this.#target.path, method: "POST", headers, body: this.#content.body }, this)
  }

  /** undici writes the request as soon as this returns. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    const connection = this.#connection
    if (connection === undefined) return
    if (this.#content.mayStart?.() === false) {
      this.#finish({ class: "shutdown", error: "its worker no longer holds the lease" }, "discard")
      controller.abort(new Error("not to be made any more"))
      return
    }
    this.#reused = connection.served > 0
    connection.phase = "answer"
  }

  onResponseStarted(): void {
    this.#heard = true
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Record<string, unknown>): void {
    // 1xx are announcements: the answer is still to come.
    if (status < 200 || this.#connection === undefined) return
    this.#connection.phase = "body"
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#done) return
    this.#response.add(chunk)
    if (this.#response.exceeded) this.#finish(this.#answer(), "discard")
  }

  onResponseEnd(): void {
    if (!this.#done) this.#finish(this.#answer(), "release")
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.#done) return
    const failure = exchangeFailure(error, this.#status !== undefined)
    const connection = this.#connection
    if (connection !== undefined && failure.class === "reset" && this.#reused && !this.#heard) {
      this.#dispatch(this.#context.connections.replace(connection))
      return
    }
    this.#finish(this.#failed(failure), "discard")
  }

  expire(): void {
    const seconds = `${this.#context.timeout / 1000} s`
    const connection = this.#connection
    const result = connection === undefined
      ? this.#failed(new Failure("local", `no connection to the endpoint's host became free within ${seconds}`))
      : connection.proxyIsSilent
      ? this.#failed(new Failure("local", `the forward proxy did not answer within ${seconds}`))
      : this.#outcome("timeout", `not finished within ${seconds}: ${stalled[connection.phase]}`)
    this.#finish(result, "discard")
  }

  /** Ends the attempt without a result: nobody waits for it any more. */
  cancel(): void {
    this.#end("discard")
  }

  /** Ends the attempt because the sender closes. */
  shutdown(): void {
    this.#finish({ class: "shutdown", error: "the attempt was broken off by a shutdown" }, "discard")
  }

  #finish(result: AttemptResult, then: "release" | "discard"): void {
    if (this.#done) return
    this.#end(then)
    this.#settle(result)
  }

  #end(then: "release" | "discard"): void {
    if (this.#done) return
    this.#done = true
    const { connections, deadlines } = this.#context
    deadlines.remove(this)
    const connection = this.#connection
    if (connection === undefined) connections.forget(this.#target.origin, this)
    else if (then === "discard") connections.discard(connection)
    // Not from within undici's parser: it first has to see whether the connection stays open.
    else queueMicrotask(() => connections.release(connection))
  }

  #answer(): AttemptOutcome {
    const status = this.#status ?? 0
    if (this.#context.accepts(status)) return this.#outcome("success")
    return status >= 300 && status < 400
      ? this.#outcome("redirect", `the endpoint answered ${status}, a redirect; redirects are not followed`)
      : this.#outcome("status", failedStatus(status))
  }

  #failed(failure: Failure): AttemptOutcome | LocalFault {
    return failure.class === "local"
      ? { class: "local", error: failure.message }
      : this.#outcome(failure.class, failure.message)
  }

  #outcome(outcome: OutcomeClass, error?: string): AttemptOutcome {
    const { clock, deadlines, retryAfter } = this.#context
    const result: { -readonly [K in keyof AttemptOutcome]: AttemptOutcome[K] } = {
      class: outcome,
      startedAt: this.#content.startedAt,
      latency: Math.round((deadlines.now() - this.#startedAt) * 1000) / 1000
    }
    const status = this.#status
    const response = this.#response.text
    const address = this.#connection?.address
    const headers = responseHeaders(this.#headers)
    if (status !== undefined) result.status = status
    if (error !== undefined) result.error = error
    if (headers !== undefined) result.headers = headers
    if (response !== undefined) result.response = response
    if (address !== undefined) result.address = address
    if (retryAfter && (status === 429 || status === 503)) {
      const wait = parseRetryAfter(this.#headers["retry-after"], clock.unsafeCurrentTimeMillis())
      if (wait !== undefined) result.retryAfter = wait
    }
    return result
  }
}
