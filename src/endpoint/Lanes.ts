/** How many attempts an endpoint may have in flight: 4 to begin with, doubling on success up to its concurrency, 1 after three failures. */
export interface Lanes {
  readonly limit: number
  /** Failures in a row. */
  readonly failures: number
}

const first = 4
const failuresToOne = 3

export const initial: Lanes = { limit: first, failures: 0 }

export const afterAttempt = (lanes: Lanes, success: boolean, concurrency: number): Lanes => {
  if (success) {
    return lanes.failures === 0 && lanes.limit >= concurrency
      ? lanes
      : { limit: Math.min(lanes.limit * 2, concurrency), failures: 0 }
  }
  const failures = lanes.failures + 1
  return { limit: failures >= failuresToOne ? 1 : lanes.limit, failures }
}

export const allowed = (lanes: Lanes, concurrency: number): number => Math.min(lanes.limit, concurrency)
