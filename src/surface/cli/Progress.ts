import { Effect } from "effect"
import { Shell } from "./Shell.ts"

/** How far something is, on the last line of a terminal's standard error. */

/** Between two looks at what goes on. */
export const lookEvery = "500 millis"

const width = 30

/** `[#########                     ] 30 %`; `part` from 0 to 1. */
export const bar = (part: number): string => {
  const shown = Math.min(1, Math.max(0, part))
  const filled = Math.floor(shown * width)
  return `[${"#".repeat(filled)}${" ".repeat(width - filled)}] ${Math.floor(shown * 100)} %`
}

/** Takes the line away at the end, however it ends: Ctrl-C leaves none behind either. */
export const cleared = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Shell> =>
  Effect.ensuring(effect, Effect.flatMap(Shell, ({ progress }) => progress?.("") ?? Effect.void))
