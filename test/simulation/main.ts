/**
 * Runs seeds, in as many processes as there are cores, or the mutations:
 *
 *     npm run test:simulation                  seeds 1 to 2,000
 *     SEEDS=100 FROM=5000 npm run …            others
 *     SEED=123 npm run …                       one, with everything that happened in it
 *     npm run test:mutations                   each planted bug, until a seed catches it
 */
import { spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { table } from "./Mutations.ts"
import { type Outcome, simulate } from "./Simulation.ts"

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const numberOf = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise)

const failed = ({ faults, seed, violations }: Outcome): string =>
  [`seed ${seed} failed; faults: ${faults.join(", ")}`, ...violations.slice(0, 10).map((one) => `  ${one}`)].join("\n")

/** What a child does: its part of the seeds, an outcome a line. */
const child = async (): Promise<void> => {
  const count = numberOf("SEEDS", 1)
  const step = numberOf("STEP", 1)
  for (let seed = numberOf("FROM", 1), left = count; left > 0; seed += step, left--) {
    const outcome = await simulate(seed)
    print(JSON.stringify(outcome))
    if (outcome.violations.length > 0 && process.env["STOP"] !== undefined) return
  }
}

/** The outcomes of seeds, each as it comes. `stop`: the first failure of each process ends that process. */
const run = (from: number, count: number, stop: boolean, program: string, onOutcome: (outcome: Outcome) => void) => {
  const processes = Math.min(availableParallelism(), count)
  return Promise.all(Array.from({ length: processes }, (_, index) =>
    new Promise<void>((resolve, reject) => {
      // Most of what a run makes is soon garbage: a young generation that has room for it spares a tenth of the time.
      const started = spawn(process.execPath, ["--max-semi-space-size=64", "--enable-source-maps", program], {
        env: {
          ...process.env,
          SIMULATION_CHILD: "1",
          FROM: String(from + index),
          STEP: String(processes),
          SEEDS: String(Math.ceil((count - index) / processes)),
          ...(stop ? { STOP: "1" } : {})
        },
        stdio: ["ignore", "pipe", "inherit"]
      })
      let rest = ""
      started.stdout.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n")
        rest = lines.pop() ?? ""
        for (const line of lines) onOutcome(JSON.parse(line) as Outcome)
      })
      started.once("error", reject).once("close", (code) => code === 0 ? resolve() : reject(new Error(`exit ${code}`)))
    })))
}

const all = async (): Promise<boolean> => {
  const from = numberOf("FROM", 1)
  const count = numberOf("SEEDS", 2_000)
  const began = performance.now()
  const sum = { seeds: 0, events: 0, posts: 0, seconds: 0 }
  const failures: Array<number> = []
  await run(from, count, false, fileURLToPath(import.meta.url), (outcome) => {
    sum.seeds++
    sum.events += outcome.events
    sum.posts += outcome.posts
    sum.seconds += outcome.seconds
    if (outcome.violations.length === 0) return
    failures.push(outcome.seed)
    print(failed(outcome))
  })
  const took = (performance.now() - began) / 1_000
  print(
    `${sum.seeds} seeds, ${sum.events} events, ${sum.posts} requests, ${
      (sum.seconds / 3_600).toFixed(1)
    } simulated hours in ${took.toFixed(0)} s (${(sum.seeds / took).toFixed(1)} seeds/s): ${failures.length} failed`
  )
  for (const seed of failures) print(`replay: SEED=${seed} npm run test:simulation`)
  return failures.length === 0
}

const one = async (seed: number): Promise<boolean> => {
  const outcome = await simulate(seed, print)
  print(JSON.stringify({ ...outcome, violations: outcome.violations.length }))
  print(outcome.violations.length === 0 ? `seed ${seed} holds` : failed(outcome))
  return outcome.violations.length === 0
}

if (process.env["SIMULATION_CHILD"] !== undefined) {
  await child()
  // What the dead of a run left behind (a real timer, say) is nobody's to wait for.
  process.stdout.write("", () => process.exit(0))
} else {
  const holds = process.argv.includes("--mutations")
    ? await table({ most: numberOf("SEEDS", 300), only: process.env["MUTATION"], print, run })
    : process.env["SEED"] !== undefined
    ? await one(Number(process.env["SEED"]))
    : await all()
  process.exitCode = holds ? 0 : 1
}
