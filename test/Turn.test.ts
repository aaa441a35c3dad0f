import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { turn } from "../src/Turn.ts"

it.live("timers fire in the midst of work that takes a turn now and then", () =>
  Effect.gen(function*() {
    let turns = 0
    yield* turn.pipe(
      Effect.tap(() => Effect.sync(() => turns++)),
      Effect.forever,
      Effect.raceFirst(Effect.sleep("20 millis"))
    )
    expect(turns).toBeGreaterThan(0)
    expect(turns).toBeLessThan(100)
  }))
