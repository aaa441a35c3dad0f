/** Streams or positions from an older copy, put beside newer ones. Nothing may be passed over without a word. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { cpSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { checkOf, readyz, until } from "../support/until.ts"
import { owedBy, quiet } from "./support/scenario.ts"
import { distinct, inShort, makeStage, type Stage } from "./support/Stage.ts"

const events = inShort(1_000, 10_000)

const store = ({ hookline }: Stage) => join(hookline.data, "nats")
const copyOf = ({ hookline }: Stage) => join(hookline.data, "copy")

const stopped = ({ hookline }: Stage) =>
  Effect.gen(function*() {
    hookline.signal("SIGTERM")
    expect(yield* hookline.ended).toBe(0)
  })

/** The directory of a stream in a store, wherever the server puts it. */
const streamDirectory = (root: string, stream: string): string => {
  const found = readdirSync(root, { recursive: true, encoding: "utf8" }).find((path) =>
    path.endsWith(`/streams/${stream}`)
  )
  if (found === undefined) throw new Error(`no ${stream} in ${root}`)
  return found
}

/** Puts some streams back to the copy; all of them without names. */
const putBack = (stage: Stage, ...streams: ReadonlyArray<string>): void => {
  const [from, to] = [copyOf(stage), store(stage)]
  if (streams.length === 0) {
    rmSync(to, { recursive: true })
    cpSync(from, to, { recursive: true })
  }
  for (const stream of streams) {
    const path = streamDirectory(to, stream)
    rmSync(join(to, path), { recursive: true })
    cpSync(join(from, path), join(to, path), { recursive: true })
  }
}

/** A stage at rest with a copy of its store, and then more events; stopped. */
const copied = Effect.gen(function*() {
  const stage = yield* makeStage()
  const first = yield* stage.publish(events)
  yield* quiet(stage, first)
  yield* stopped(stage)
  cpSync(store(stage), copyOf(stage), { recursive: true })
  yield* stage.hookline.start
  const second = yield* stage.publish(events)
  yield* quiet(stage, first, second)
  yield* stopped(stage)
  return { stage, first, second }
})

/** The worker says that it stands, and why; the API goes on. */
const standsStill = ({ hookline }: Stage, why: RegExp) =>
  Effect.gen(function*() {
    const answer = yield* until(
      "the worker to say so",
      readyz(hookline),
      (answer) => why.test(checkOf(answer, "worker")?.detail ?? ""),
      30_000
    )
    expect(answer.status).toBe(503)
    expect(hookline.output()).toMatch(why)
  })

const deliveriesStreams = ["DELIVERIES-0", "DELIVERIES-1", "DELIVERIES-2", "DELIVERIES-3"]

describe("from an older copy", () => {
  it.scopedLive("the positions: the records say what is settled, nothing is sent again, nothing is lost", () =>
    Effect.gen(function*() {
      const { first, second, stage } = yield* copied
      const before = yield* stage.counts
      putBack(stage, "KV_POSITIONS")
      yield* stage.hookline.start
      const third = yield* stage.publish(events)
      const { compared } = yield* quiet(stage, first, second, third)
      expect(compared.repeats).toBe(0)
      expect(compared.owed).toBe(3 * owedBy(events))
      expect(before.length).toBe(3)
    }))

  for (
    const [what, streams] of [
      ["the events", ["EVENTS"]],
      ["the deliveries", deliveriesStreams],
      ["the webhooks", ["WEBHOOKS"]]
    ] as const
  ) {
    it.scopedLive(`${what}: the worker stands still and says why, and publishing more does not make it pass over`, () =>
      Effect.gen(function*() {
        const stage = what === "the webhooks" ? yield* copiedWithWebhook : (yield* copied).stage
        const before = yield* distinct(stage)
        putBack(stage, ...streams)
        yield* stage.hookline.start.pipe(Effect.timeout("20 seconds"), Effect.ignore)
        const why = new RegExp(`does not fit the streams.*${what === "the deliveries" ? "DELIVERIES" : streams[0]}`)
        yield* standsStill(stage, why)
        // Publishers do not know: the stream grows past what the position knew.
        yield* stage.publish(2 * events)
        yield* stage.published(60_000)
        yield* stage.hookline.kill
        yield* stage.hookline.start.pipe(Effect.timeout("20 seconds"), Effect.ignore)
        yield* standsStill(stage, why)
        expect(yield* distinct(stage)).toBe(before)
      }))
  }

  it.scopedLive("the whole store: it goes on from there, and what came since the copy is not known", () =>
    Effect.gen(function*() {
      const { first, second, stage } = yield* copied
      putBack(stage)
      yield* stage.hookline.start
      // Publishers that still have them publish again what was acknowledged since; the endpoints know the ids.
      const again = yield* stage.publish(events, { prefix: second.prefix })
      const third = yield* stage.publish(events)
      const { compared } = yield* quiet(stage, first, again, third)
      expect(compared.repeats).toBe(owedBy(events))
    }))
})

/** As `copied`, with a webhook that is younger than the copy. */
const copiedWithWebhook = Effect.gen(function*() {
  const { stage } = yield* copied
  yield* stage.hookline.start
  const { status } = yield* stage.hookline.api("POST", "/v1/webhooks", {
    url: "http://127.0.0.1:9/",
    events: ["user.*"]
  })
  expect([201, 422]).toContain(status)
  yield* stage.publish(10)
  yield* stage.published(20_000)
  yield* stopped(stage)
  return stage
})
