import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Outcome } from "./Simulation.ts"

/**
 * The proof of the proof: each planted bug of mutations/*.patch is put into a copy of the sources, and seeds run until one catches it. A patch that
 * no longer applies or compiles is an error: the code it stood for has changed, and so it must.
 */
export const table = async ({ most, only, print, run }: {
  /** So many seeds are tried. */
  readonly most: number
  /** The name of one patch. */
  readonly only: string | undefined
  readonly print: (line: string) => void
  readonly run: (
    from: number,
    count: number,
    stop: boolean,
    program: string,
    onOutcome: (outcome: Outcome) => void
  ) => Promise<unknown>
}): Promise<boolean> => {
  const root = process.cwd()
  const folder = join(root, "test/simulation/mutations")
  const names = readdirSync(folder).filter((name) => name.endsWith(".patch")).map((name) => name.slice(0, -6)).sort()
  const missed: Array<string> = []
  print("| mutation | caught by seed | invariant |\n| --- | --- | --- |")
  for (const name of only === undefined ? names : [only]) {
    const copy = mkdtempSync(join(tmpdir(), "hookline-mutation-"))
    try {
      for (const part of ["src", "test/simulation", "tsconfig.json", "package.json"]) {
        cpSync(join(root, part), join(copy, part), { recursive: true, filter: (path) => !path.endsWith("/dist") })
      }
      symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
      execFileSync("git", ["apply", join(folder, `${name}.patch`)], { cwd: copy })
      execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "test/simulation"], {
        cwd: copy
      })
      cpSync(join(root, "src/model/catalogue.json"), join(copy, "test/simulation/dist/src/model/catalogue.json"))
      const caught: Array<Outcome> = []
      // Most are caught by the first few; for the others, starting processes is not what takes the time.
      for (let from = 1, count = 20; from <= most && caught.length === 0; from += count, count *= 2) {
        await run(
          from,
          Math.min(count, most + 1 - from),
          true,
          join(copy, "test/simulation/dist/test/simulation/main.js"),
          (outcome) => {
            if (outcome.violations.length > 0) caught.push(outcome)
          }
        )
      }
      const first = caught.sort((a, b) => a.seed - b.seed)[0]
      if (first === undefined) missed.push(name)
      print(`| ${name} | ${first?.seed ?? `none of ${most}`} | ${first?.violations[0]?.split(": ")[0] ?? ""} |`)
    } finally {
      rmSync(copy, { recursive: true, force: true })
    }
  }
  for (const name of missed) print(`not caught: ${name}`)
  return missed.length === 0
}
