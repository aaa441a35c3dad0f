/** Streams or positions from an older copy, put beside newer ones. Nothing may be passed over without a word. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { cpSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { checkOf, readyz, until } from "../support/until.ts"
import { arrived, owedBy, quiet } from "./support/scenario.ts"
import { distinct, inShort, makeStage, short, type Stage } from "./support/Stage.ts"

const events = inShort(1_000, 10_000)

type Copy = "older" | "newer"

const store = ({ hookline }: Stage) => join(hookline.data, "nats")
const copyOf = ({ hookline }: Stage, name: Copy) => join(hookline.data, `copy-${name}`)

const copy = (stage: Stage, name: Copy) => cpSync(store(stage), copyOf(stage, name), { recursive: true })

const stop = ({ hookline }: Stage) =>
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

const putBackAll = (stage: Stage, name: Copy): void => {
  rmSync(store(stage), { recursive: true })
  cpSync(copyOf(stage, name), store(stage), { recursive: true })
}

/** Puts some streams back to the older copy. */
const putBack = (stage: Stage, streams: ReadonlyArray<string>): void => {
  const [from, to] = [copyOf(stage, "older"), store(stage)]
  for (const stream of streams) {
    const path = streamDirectory(to, stream)
    rmSync(join(to, path), { recursive: true })
    cpSync(join(from, path), join(to, path), { recursive: true })
  }
}

/** A stage at rest with a copy of its store, and then more events; stopped, and copied again. */
const copied = Effect.gen(function*() {
  const stage = yield* makeStage()
  const first = yield* stage.publish(events)
  yield* quiet(stage, first)
  yield* stop(stage)
  copy(stage, "older")
  yield* stage.hookline.start
  const second = yield* stage.publish(events)
  yield* quiet(stage, first, second)
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
  it.scopedLive("the positions, then the whole store: what the streams have is neither lost nor sent again", () =>
    Effect.gen(function*() {
      const { first, second, stage } = yield* copied
      yield* stop(stage)
      putBack(stage, ["KV_POSITIONS"])
      yield* stage.hookline.start
      const third = yield* stage.publish(events)
      const { compared } = yield* quiet(stage, first, second, third)
      expect(compared.repeats).toBe(0)
      expect(compared.owed).toBe(3 * owedBy(events))

      if (short) return
      // What came since the copy is not known; publishers that still have it publish it again, and the endpoints know the ids.
      yield* stop(stage)
      putBackAll(stage, "older")
      yield* stage.hookline.start
      const again = [
        yield* stage.publish(events, { prefix: second.prefix }),
        yield* stage.published(60_000).pipe(Effect.zipRight(stage.publish(events, { prefix: third.prefix })))
      ]
      const restored = yield* quiet(stage, first, ...again)
      expect(restored.compared.repeats).toBe(2 * owedBy(events))
    }))

  it.scopedLive("one of the streams: the worker stands still and says why, also when the stream has grown since", () =>
    Effect.gen(function*() {
      const { stage } = yield* copied
      const { hookline } = stage
      const created = yield* hookline.api("POST", "/v1/webhooks", { url: "http://127.0.0.1:9/", events: ["member.*"] })
      expect(created.status).toBe(201)
      yield* stop(stage)
      copy(stage, "newer")
      const before = yield* distinct(stage)
      const start = hookline.start.pipe(Effect.timeout("30 seconds"), Effect.ignore)
      const cases = [
        { streams: ["EVENTS"], names: "EVENTS" },
        // The positions fit the events, but not the records.
        { streams: ["EVENTS", "KV_POSITIONS"], names: "DELIVERIES-. has a record of event" },
        { streams: deliveriesStreams, names: "DELIVERIES-" },
        { streams: ["WEBHOOKS"], names: "WEBHOOKS" }
      ]
      for (const { names, streams } of short ? cases.slice(0, 3) : cases) {
        putBackAll(stage, "newer")
        putBack(stage, streams)
        yield* start
        const why = new RegExp(`does not fit the streams.*${names}`)
        yield* standsStill(stage, why)
        if (streams[0] === "EVENTS") {
          // Publishers do not know: the stream grows past what the position says is settled.
          yield* stage.publish(2 * events)
          yield* stage.published(60_000)
          yield* hookline.kill
          yield* start
          yield* standsStill(stage, why)
        }
        yield* hookline.kill
      }
      expect(yield* distinct(stage)).toBe(before)

      // All from one backup again: it goes on.
      putBackAll(stage, "newer")
      yield* hookline.start
      const more = yield* stage.publish(events)
      yield* stage.published(60_000)
      yield* arrived(stage, before + owedBy(more.count))
    }))
})
