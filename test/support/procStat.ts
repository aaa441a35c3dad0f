import { readFileSync } from "node:fs"

/** `/proc/<pid>/stat`; empty when there is no such process (any more: it may go between any two looks). */
export const procStat = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8")
  } catch {
    return ""
  }
}

/** A zombie is dead, too. */
export const isDead = (pid: number): boolean => /^$|\) Z /.test(procStat(pid))
