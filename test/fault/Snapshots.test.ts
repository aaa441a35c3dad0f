/** A snapshot is a cache: without one, or with a damaged one, a start takes longer and nothing else. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JetStreamManager } from "nats"
import { natsClient } from "../support/publisher.ts"
import { never } from "../support/until.ts"
import { owedBy, quiet } from "./support/scenario.ts"
import { inShort, makeStage, short } from "./support/Stage.ts"

const events = inShort(2_000, 20_000)
const bucket = "OBJ_SNAPSHOTS"

/** Turns a bit of every chunk that is stored, as a bad disk would; the entry with the digest stays. */
const damage = async (jsm: JetStreamManager, publish: (subject: string, data: Uint8Array) => Promise<unknown>) => {
  const { state } = await jsm.streams.info(bucket, { subjects_filter: "$O.SNAPSHOTS.C.>" })
  const subjects = Object.keys(state.subjects ?? {})
  for (const subject of subjects) {
    const { data } = await jsm.streams.getMessage(bucket, { last_by_subj: subject })
    await jsm.streams.purge(bucket, { filter: subject })
    data[data.length >> 1]! ^= 1
    await publish(subject, data)
  }
  return subjects.length
}

describe("the snapshots", () => {
  for (const what of ["damaged", "missing"] as const) {
    it.scopedLive.skipIf(short && what === "missing")(
      `${what}: the streams say what is live; nothing is lost, and nothing is sent again`,
      () =>
        Effect.gen(function*() {
          const stage = yield* makeStage()
          const { hookline } = stage
          const first = yield* stage.publish(events)
          yield* quiet(stage, first)
          // A stop makes one of every partition.
          hookline.signal("SIGTERM")
          expect(yield* hookline.ended).toBe(0)
          yield* hookline.start
          const client = yield* natsClient(stage.natsUrl())
          const jsm = yield* Effect.promise(() => client.jetstreamManager())
          // Killed before it makes others.
          const second = yield* stage.publish(events)
          yield* stage.published(60_000)
          if (what === "missing") yield* Effect.promise(() => jsm.streams.purge(bucket))
          else {
            const damaged = yield* Effect.promise(() =>
              damage(jsm, (subject, data) => client.jetstream().publish(subject, data))
            )
            expect(damaged).toBeGreaterThanOrEqual(16)
          }
          yield* hookline.kill
          yield* hookline.start
          if (what === "damaged") expect(hookline.output()).toMatch(/is damaged|is not valid/)
          const { compared } = yield* quiet(stage, first, second)
          expect(compared.repeats).toBeLessThanOrEqual(4 * 16)
          const requests = (yield* stage.counts).reduce((sum, one) => sum + one.requests, 0)
          yield* never("a delivery that had succeeded, again", () => false, 500)
          expect((yield* stage.counts).reduce((sum, one) => sum + one.requests, 0)).toBe(requests)
          expect(compared.owed).toBe(2 * owedBy(events))
        })
    )
  }
})
