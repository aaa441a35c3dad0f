import { appendFileSync } from "node:fs"
import { basename } from "node:path"
import { expect } from "vitest"
import { type Figure, figuresFile } from "./Figures.ts"

/** Notes a figure for the table, and fails the test when it does not hold. */
export const figure = (what: string, wanted: string, measured: string, holds: boolean): void => {
  const file = process.env[figuresFile]
  const from = basename(expect.getState().testPath ?? "", ".test.ts")
  if (file !== undefined) {
    appendFileSync(file, `${JSON.stringify({ what, wanted, measured, holds, from } satisfies Figure)}\n`)
  }
  expect(holds, `${what}: ${measured}, wanted ${wanted}`).toBe(true)
}
