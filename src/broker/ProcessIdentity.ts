import { readFileSync, readlinkSync } from "node:fs"

/**
 * Which process this is, so exactly that another one on the same machine can tell whether it still lives: the boot and the namespace in which its
 * number means something, and when it started, since numbers are given again. None where the system does not tell (not Linux): then only
 * time tells.
 */
export interface ProcessIdentity {
  /** Boot id and PID namespace. */
  readonly place: string
  readonly process: number
  /** Clock ticks after boot. */
  readonly started: string
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/** Field 22 of proc(5) stat; the command before it is in parentheses and may hold anything. */
const startedAt = (process: number | "self"): string | undefined => {
  const stat = read(`/proc/${process}/stat`)
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
}

const namespace = (): string | undefined => {
  try {
    return readlinkSync("/proc/self/ns/pid")
  } catch {
    return undefined
  }
}

export const ownIdentity = (): ProcessIdentity | undefined => {
  const boot = read("/proc/sys/kernel/random/boot_id")?.trim()
  const pids = namespace()
  const started = startedAt("self")
  return boot === undefined || pids === undefined || started === undefined
    ? undefined
    : { place: `${boot} ${pids}`, process: process.pid, started }
}

/** Certain that it is gone; false when it lives, is stopped, or cannot be seen from here. */
export const isGone = (other: ProcessIdentity, own: ProcessIdentity | undefined): boolean =>
  own !== undefined && other.place === own.place && startedAt(other.process) !== other.started
