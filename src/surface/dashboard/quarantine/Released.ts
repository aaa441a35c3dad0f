import type { Answer } from "../api/Contract.ts"

export type Part = Answer<"quarantine.releaseByReason">

/** What came of all parts so far. */
export interface Sum {
  readonly released: number
  readonly stillRejected: number
  readonly alreadyReleased: number
}

export const nothingYet: Sum = { released: 0, stillRejected: 0, alreadyReleased: 0 }

export const plus = (sum: Sum, part: Part): Sum => ({
  released: sum.released + part.released.length,
  stillRejected: sum.stillRejected + part.still_rejected,
  alreadyReleased: sum.alreadyReleased + part.already_released
})
