/** What processes use: CPU seconds, memory at most, bytes written, as Linux counts them in /proc. */
import { Effect } from "effect"
import { readFileSync, writeFileSync } from "node:fs"

/** A figure by name of the process; null where it cannot be told. */
export type ByProcess = Readonly<Record<string, number | null>>

export interface Use {
  /** User and system. */
  readonly cpuSeconds: ByProcess
  /** The largest resident size (VmHWM), MiB. */
  readonly peakMegabytes: ByProcess
  /** Handed to the file system (write_bytes), MiB: of a nats-server that is the store. */
  readonly writtenMegabytes: ByProcess
}

/** Linux counts in hundredths of a second, whatever its own tick is. */
const ticks = 100
const mebibyte = 2 ** 20

const read = <A>(pid: number, file: string, parse: (text: string) => A): A | undefined => {
  try {
    return parse(readFileSync(`/proc/${pid}/${file}`, "utf8"))
  } catch {
    return undefined
  }
}

const cpuOf = (pid: number): number | undefined =>
  read(pid, "stat", (stat) => {
    // Field 2 may hold spaces and parentheses: counted from behind it, utime and stime are the 12th and 13th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return (Number(fields[11]) + Number(fields[12])) / ticks
  })

const sizeOf = (pid: number, name: "VmHWM" | "VmRSS"): number | undefined =>
  read(pid, "status", (status) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1024)

const writtenOf = (pid: number): number | undefined =>
  read(pid, "io", (io) => Number(/^write_bytes: (\d+)$/m.exec(io)?.[1]) / mebibyte)

/** The resident size now, MiB. */
export const residentMegabytes = (pid: number): number | null => rounded(sizeOf(pid, "VmRSS"))

/** The largest size from now on counts; where that cannot be said, that of the process's whole life. */
const forgetPeak = (pid: number): void => {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, "5")
  } catch {
    return
  }
}

const rounded = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : Math.round(value * 100) / 100

const since = (from: number | undefined, to: number | undefined): number | null =>
  from === undefined || to === undefined ? null : rounded(to - from)

/** Begins to count; the effect gives what was used since. */
export const countUse = (pids: Readonly<Record<string, number>>): Effect.Effect<Effect.Effect<Use>> =>
  Effect.sync(() => {
    const before = Object.entries(pids).map(([name, pid]) => {
      forgetPeak(pid)
      return { name, pid, cpu: cpuOf(pid), written: writtenOf(pid) }
    })
    const all = (figure: (one: (typeof before)[number]) => number | null): ByProcess =>
      Object.fromEntries(before.map((one) => [one.name, figure(one)]))
    return Effect.sync(() => ({
      cpuSeconds: all(({ cpu, pid }) => since(cpu, cpuOf(pid))),
      peakMegabytes: all(({ pid }) => rounded(sizeOf(pid, "VmHWM"))),
      writtenMegabytes: all(({ pid, written }) => since(written, writtenOf(pid)))
    }))
  })
