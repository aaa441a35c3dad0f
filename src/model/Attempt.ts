/**
 * What came of one HTTP request. A customer's endpoint that answers 500 is data, never an error of ours (STYLE 5).
 */

/**
 * How an attempt ended.
 * - `success`: an accepted status within the deadline.
 * - `status`: an answer with another status; `redirect`: 3xx, never followed.
 * - `timeout`: the deadline passed, from the start of the look-up to the end of the response.
 * - `dns`, `connect`, `tls`: no connection. `reset`: the connection broke. `protocol`: not an HTTP answer we accept
 *   (malformed, headers over the limit).
 * - `address`: the policy refuses every or any address of the host (CONTRACT 8).
 */
export type OutcomeClass =
  | "success"
  | "status"
  | "redirect"
  | "timeout"
  | "dns"
  | "connect"
  | "tls"
  | "reset"
  | "protocol"
  | "address"

/** One finished attempt as it is recorded. Times are broker milliseconds, latency is milliseconds. */
export interface AttemptOutcome {
  readonly class: OutcomeClass
  readonly startedAt: number
  readonly latency: number
  /** HTTP status, when there was an answer. */
  readonly status?: number
  /** A sentence a person understands; absent on success. Holds no secret. */
  readonly error?: string
  /** The response's first bytes as text, at most 16 KiB (CONTRACT 8). */
  readonly response?: string
  /** The response's headers, names in lower case, at most 4 KiB of them; none that sets a cookie. */
  readonly headers?: Readonly<Record<string, string>>
  /** The address connected to. */
  readonly address?: string
  /** `Retry-After` of a 429 or 503, in milliseconds after the end of the attempt, at most 24 h. */
  readonly retryAfter?: number
}

/**
 * A request that could not be made for a reason on our side: nothing is charged to the endpoint (CONTRACT 6).
 * `local`: no file descriptor, no route, no port. `secret`: its key is not in the ring. `shutdown`: aborted by us.
 */
export interface LocalFault {
  readonly class: "local" | "secret" | "shutdown"
  readonly error: string
}

export type AttemptResult = AttemptOutcome | LocalFault

export const isLocalFault = (result: AttemptResult): result is LocalFault =>
  result.class === "local" || result.class === "secret" || result.class === "shutdown"

/** The endpoint gave an HTTP answer, of whatever status: this closes the circuit (CONTRACT 6). */
export const wasAnswered = (outcome: AttemptOutcome): boolean => outcome.status !== undefined
