import { Command, Options } from "@effect/cli"
import { Effect, Logger, LogLevel, Option } from "effect"
import type { Finding } from "../../doctor/Findings.ts"
import { bold, dataDirectory, json, print } from "../Common.ts"
import { failed } from "../Failure.ts"
import { Shell } from "../Shell.ts"
import type { ShellService } from "../Shell.ts"
import { printable, widthOf, wrapped } from "../Text.ts"

/** As wide as lines are where no terminal says how wide it is. */
const usualWidth = 120
const gap = "  "

/** A line a check, wrapped below itself, and below it what to do. */
const rendered = (shell: ShellService, findings: ReadonlyArray<Finding>): string => {
  const states = findings.reduce((most, { state }) => Math.max(most, widthOf(state)), 0)
  const checks = findings.reduce((most, { check }) => Math.max(most, widthOf(check)), 0)
  const indent = " ".repeat(states + checks + 2 * gap.length)
  const width = Math.max(40, (shell.columns ?? usualWidth) - indent.length)
  const strong = bold(shell)
  return findings.flatMap(({ advice, check, found, state }) => {
    const [first = "", ...rest] = wrapped(printable(found), width)
    const name = state.padEnd(states)
    return [
      `${state === "ok" ? name : strong(name)}${gap}${check.padEnd(checks)}${gap}${first}`,
      ...rest.map((line) => indent + line),
      ...(advice === undefined ? [] : wrapped(`→ ${printable(advice)}`, width).map((line) => indent + line))
    ]
  }).join("\n")
}

const counted = (findings: ReadonlyArray<Finding>, state: Finding["state"]): string => {
  const count = findings.filter((finding) => finding.state === state).length
  return `${count} ${state}${count === 1 ? "" : "s"}`
}

export const doctor = Command.make(
  "doctor",
  { data: dataDirectory.pipe(Options.withAlias("data")), json },
  (input) =>
    Effect.gen(function*() {
      const { env } = yield* Shell
      const { findings } = yield* Effect.promise(() => import("../../doctor/Findings.ts"))
      const { gather } = yield* Effect.promise(() => import("../../doctor/Gather.ts"))
      const found = findings(
        // What goes wrong on the way is a finding, not a line of a log.
        yield* Logger.withMinimumLogLevel(gather(env, Option.getOrUndefined(input.data)), LogLevel.None)
      )
      const healthy = found.every(({ state }) => state !== "problem")
      yield* print(
        input.json,
        { healthy, checks: found },
        (shell, { checks }) =>
          `${rendered(shell, checks)}\n\n${counted(checks, "problem")}, ${counted(checks, "warning")}`
      )
      if (!healthy) return yield* failed(`${counted(found, "problem")} to mend`)
    })
).pipe(
  Command.withDescription(
    "Examine the hookline of this machine, running or not, by its settings and data directory: Node, broker, advisories, disk, streams, clock and keys, and how to mend what is wrong. Exit code 1 when there is a problem; warnings are 0."
  )
)
