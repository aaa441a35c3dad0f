/**
 * Loaded into a hookline before its own code (--import): at SIGUSR2 it writes what is live into the file that the query of its URL names. What the
 * process has resident says little, for garbage is in it.
 */
import { renameSync, writeFileSync } from "node:fs"

/** Bytes that are live after a collection: objects, and what lies beside the heap. */
export interface Live {
  readonly bytes: number
}

const file = new URL(import.meta.url).searchParams.get("file")

if (file !== null) {
  process.on("SIGUSR2", () => {
    // The first collection finds what the second one frees.
    globalThis.gc?.()
    globalThis.gc?.()
    const { external, heapUsed } = process.memoryUsage()
    writeFileSync(`${file}.part`, JSON.stringify({ bytes: heapUsed + external } satisfies Live))
    renameSync(`${file}.part`, file)
  })
}
