/**
 * The circuit breaker of CONTRACT 6: ten attempts in a row without any HTTP answer open it, any answer closes it; while open, one probe every
 * 30 s, doubling to 5 min.
 */
export interface Circuit {
  /** Attempts in a row without an answer. */
  readonly unanswered: number
  /** Broker milliseconds; undefined while closed. */
  readonly openedAt: number | undefined
  readonly probeAt: number
  readonly probeDelay: number
}

const threshold = 10
const firstDelay = 30_000
const longestDelay = 5 * 60_000

export const closed: Circuit = { unanswered: 0, openedAt: undefined, probeAt: 0, probeDelay: firstDelay }

export const isOpen = (circuit: Circuit): boolean => circuit.openedAt !== undefined

/** An attempt ended at `at`. Of an open circuit only the probe counts: what was in flight when it opened says nothing new. */
export const attempted = (
  circuit: Circuit,
  attempt: { readonly answered: boolean; readonly probe: boolean; readonly at: number }
): Circuit => {
  if (attempt.answered) return closed
  if (circuit.openedAt !== undefined) {
    if (!attempt.probe) return circuit
    const probeDelay = Math.min(circuit.probeDelay * 2, longestDelay)
    return { ...circuit, probeDelay, probeAt: attempt.at + probeDelay }
  }
  const unanswered = circuit.unanswered + 1
  return unanswered < threshold
    ? { ...circuit, unanswered }
    : { unanswered, openedAt: attempt.at, probeAt: attempt.at + firstDelay, probeDelay: firstDelay }
}
