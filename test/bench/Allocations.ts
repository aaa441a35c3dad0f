/**
 * Loaded into a process before its own code (--import): samples what it allocates, and writes that at its end into the directory that the query of its
 * URL names. node's own --heap-prof shows only what is still live then.
 */
import { writeFileSync } from "node:fs"
import { Session } from "node:inspector"
import { join } from "node:path"

const directory = new URL(import.meta.url).searchParams.get("directory")
/** Bytes between two samples. */
const samplingInterval = 128 * 1024

if (directory !== null) {
  const session = new Session()
  session.connect()
  session.post("HeapProfiler.startSampling", {
    samplingInterval,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true
  })
  process.on("exit", () => {
    session.post("HeapProfiler.stopSampling", (error, answer) => {
      if (error === null) {
        writeFileSync(join(directory, `Allocations.${process.pid}.heapprofile`), JSON.stringify(answer.profile))
      }
    })
  })
}
