import { appendFileSync } from "node:fs"
import { basename } from "node:path"
import { expect } from "vitest"

/** A figure of issue 5, as it was measured. */
export interface Figure {
  readonly what: string
  readonly wanted: string
  readonly measured: string
  readonly holds: boolean
  /** The test file it comes from, without its ending. */
  readonly from: string
}

/** Where the runner collects figures; see table.ts. */
export const figuresFile = "FAULT_FIGURES"

/** Notes a figure for the table, and fails the test when it does not hold. */
export const figure = (what: string, wanted: string, measured: string, holds: boolean): void => {
  const file = process.env[figuresFile]
  const from = basename(expect.getState().testPath ?? "", ".test.ts")
  if (file !== undefined) {
    appendFileSync(file, `${JSON.stringify({ what, wanted, measured, holds, from } satisfies Figure)}\n`)
  }
  expect(holds, `${what}: ${measured}, wanted ${wanted}`).toBe(true)
}
