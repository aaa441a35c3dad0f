import { expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { loadAssets } from "../../src/surface/api/Assets.ts"

const script = "a script ".repeat(200_000)

it.scopedLive("a request that is broken off while its file is compressed spoils it for nobody", () =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "hookline-assets-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    mkdirSync(join(folder, "assets"))
    writeFileSync(join(folder, "index.html"), "<!doctype html>")
    writeFileSync(join(folder, "assets", "main-1a2b.js"), script)
    const asset = (yield* loadAssets(folder))?.files.get("/assets/main-1a2b.js")
    if (asset === undefined) throw new Error("no such asset")
    for (const [encoding, read] of [["br", brotliDecompressSync], ["gzip", gunzipSync]] as const) {
      const first = yield* Effect.fork(asset.encoded(encoding))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(first)
      expect(read(yield* asset.encoded(encoding)).toString()).toBe(script)
    }
  }))
