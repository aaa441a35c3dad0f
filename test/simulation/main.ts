import { simulate } from "./Simulation.ts"

const seed = Number(process.env["SEED"] ?? 1)
const count = Number(process.env["SEEDS"] ?? 1)
const started = performance.now()
for (let one = seed; one < seed + count; one++) {
  const outcome = await simulate(one, process.env["TRACE"] === undefined ? undefined : (line) => process.stdout.write(`${line}\n`))
  process.stdout.write(`${JSON.stringify({ ...outcome, violations: outcome.violations.slice(0, 5) })}\n`)
}
process.stdout.write(`${((performance.now() - started) / count).toFixed(0)} ms a seed\n`)
