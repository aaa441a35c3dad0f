/** Full means refuse, never forget: of the disk, and of the buckets that positions, leases and snapshots are in. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { product } from "../support/product.ts"
import { natsClient } from "../support/publisher.ts"
import { readyz, until } from "../support/until.ts"
import { arrived, owedBy, quiet } from "./support/scenario.ts"
import { env, inShort, makeStage, type Stage } from "./support/Stage.ts"

const events = inShort(3_000, 10_000)
const lanes = 4 * 16

/** A file system of its own size; undefined with the reason where none can be mounted. */
const mounted = (megabytes: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = mkdtempSync(join(tmpdir(), "hookline-small-"))
      try {
        execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path], { stdio: "pipe" })
        return { path, reason: undefined }
      } catch (cause) {
        return { path, reason: String(cause) }
      }
    }),
    ({ path, reason }) =>
      Effect.sync(() => {
        if (reason === undefined) execFileSync("umount", ["-l", path])
        rmSync(path, { recursive: true, force: true })
      })
  )

const freeMegabytes = (path: string): number => {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize / 2 ** 20
}

describe("full", () => {
  it.scopedLive("the disk, in the middle: what was acknowledged is kept, and delivered once there is room", (context) =>
    Effect.gen(function*() {
      const disk = yield* mounted(200)
      if (disk.reason !== undefined) return context.skip(`a small file system cannot be mounted here: ${disk.reason}`)
      const data = join(disk.path, "data")
      mkdirSync(data, { mode: 0o700 })
      const stage = yield* makeStage({ hookline: product({ env, data }) })
      const { hookline } = stage
      const load = yield* stage.publish(events, { padding: 2_000 })
      yield* arrived(stage, owedBy(events) / 10)
      const filling = join(disk.path, "filling")
      const room = Math.max(0, Math.floor(freeMegabytes(disk.path)) - 1)
      writeFileSync(filling, Buffer.alloc(room * 2 ** 20))
      const unwell = yield* until("it to say so", readyz(hookline), ({ status }) => status !== 200, 60_000)
      expect(unwell.status).toBe(503)
      const refused = yield* hookline.api("POST", "/v1/events", {
        id: "evt_no",
        event: "task.created",
        data: { filling: "x".repeat(200_000) }
      })
      expect(refused.status).not.toBe(202)
      rmSync(filling)
      // What a broker makes of a full disk is its own: a start heals it in any case.
      yield* hookline.kill
      yield* hookline.start
      const { compared } = yield* quiet(stage, load)
      expect(compared.repeats).toBeLessThanOrEqual(2 * lanes)
    }))

  it.scopedLive("POSITIONS: deliveries go on, and what was settled is known from the records after a kill -9", () =>
    Effect.gen(function*() {
      const stage = yield* makeStage()
      const { hookline } = stage
      yield* limited(stage, "KV_POSITIONS")
      const load = yield* stage.publish(events)
      yield* stage.published(60_000)
      yield* arrived(stage, owedBy(events))
      expect(hookline.output()).toMatch(/positions or a snapshot could not be written/)
      // A start gives the bucket its own limit again, which is none.
      yield* hookline.kill
      yield* hookline.start
      const { compared } = yield* quiet(stage, load)
      expect(compared.repeats).toBeLessThanOrEqual(lanes)
    }))

  it.scopedLive("SNAPSHOTS: deliveries go on, a stop ends in time, and the next start replays more", () =>
    Effect.gen(function*() {
      const stage = yield* makeStage()
      const { hookline } = stage
      yield* limited(stage, "OBJ_SNAPSHOTS")
      const load = yield* stage.publish(events)
      yield* stage.published(60_000)
      yield* arrived(stage, owedBy(events))
      hookline.signal("SIGTERM")
      expect(yield* hookline.ended).toBe(0)
      expect(hookline.output()).toMatch(/the hand-over is incomplete/)
      yield* hookline.start
      const { compared } = yield* quiet(stage, load)
      expect(compared.repeats).toBe(0)
    }))
})

/** Leaves a stream no room for anything more. */
const limited = (stage: Stage, stream: string) =>
  Effect.gen(function*() {
    const client = yield* natsClient(stage.natsUrl())
    yield* Effect.promise(async () => {
      const jsm = await client.jetstreamManager()
      const { state } = await jsm.streams.info(stream)
      await jsm.streams.update(stream, { max_bytes: Math.max(1, state.bytes) })
    })
  })
