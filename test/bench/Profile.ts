/** CPU and allocation profiles of what is measured, as node and V8 write them, and a flame graph and a table of where the time went. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { flames, type Frame } from "./Flame.ts"
import { type Row, table } from "./Table.ts"

/** node's flags for a process that writes its profiles into the directory when it ends; none without one. */
export const profiling = (directory: string | undefined): ReadonlyArray<string> =>
  directory === undefined
    ? []
    : [
      "--cpu-prof",
      "--cpu-prof-dir",
      directory,
      "--import",
      new URL(`Allocations.js?directory=${encodeURIComponent(directory)}`, import.meta.url).href
    ]

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly callFrame: CallFrame
    readonly children?: ReadonlyArray<number>
  }>
  /** Microseconds of the monotonic clock. */
  readonly startTime: number
  readonly samples: ReadonlyArray<number>
  /** Microseconds from the sample before. */
  readonly timeDeltas: ReadonlyArray<number>
}

interface AllocationNode {
  readonly callFrame: CallFrame
  readonly selfSize: number
  readonly children: ReadonlyArray<AllocationNode>
}

/** Where code is: a folder of hookline's, a package, node's own JavaScript, one of its native functions, or what V8 does between. */
const placeOf = ({ functionName, url }: CallFrame): string => {
  const path = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)
  if (path !== null) return path[1] ?? url
  if (url.includes("/bench/dist/")) return "ceiling"
  const own = /\/dist\/(?:([^/]+)\/)?.*\.js$/.exec(url)
  if (own !== null) return `hookline ${own[1] ?? "main"}`
  if (url.startsWith("node:")) return url.startsWith("node:internal/deps/") ? "node undici" : "node"
  return functionName.startsWith("(") ? functionName : `native ${functionName}`
}

const named = (frame: CallFrame): string => {
  const file = frame.url.slice(frame.url.lastIndexOf("/") + 1)
  return `${frame.functionName === "" ? "(anonymous)" : frame.functionName}${
    file === "" ? "" : ` ${file}:${frame.lineNumber + 1}`
  }`
}

interface Growing extends Frame {
  self: number
  total: number
  readonly children: Map<string, Growing>
}

const growing = (name: string, place: string): Growing => ({ name, place, self: 0, total: 0, children: new Map() })

const child = (parent: Growing, frame: CallFrame): Growing => {
  const name = named(frame)
  const known = parent.children.get(name) ?? growing(name, placeOf(frame))
  parent.children.set(name, known)
  return known
}

const summed = (frame: Growing): number => {
  frame.total = frame.self
  for (const below of frame.children.values()) frame.total += summed(below)
  return frame.total
}

/** Microseconds by stack, of the samples between two moments of the monotonic clock in milliseconds; the time in which nothing ran is left out. */
const cpuFrames = (profile: CpuProfile, from: number, to: number): Growing => {
  const root = growing("all", "node")
  const self = new Map<number, number>()
  let at = profile.startTime
  profile.samples.forEach((id, index) => {
    const spent = profile.timeDeltas[index] ?? 0
    at += spent
    if (at >= from * 1000 && at <= to * 1000) self.set(id, (self.get(id) ?? 0) + spent)
  })
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const walk = (id: number, parent: Growing): void => {
    const node = nodes.get(id)
    if (node === undefined || node.callFrame.functionName === "(idle)") return
    const frame = node.callFrame.functionName === "(root)" ? parent : child(parent, node.callFrame)
    frame.self += self.get(id) ?? 0
    for (const below of node.children ?? []) walk(below, frame)
  }
  const [first] = profile.nodes
  if (first !== undefined) walk(first.id, root)
  summed(root)
  return root
}

const allocationFrames = (head: AllocationNode): Growing => {
  const root = growing("all", "node")
  const walk = (node: AllocationNode, parent: Growing): void => {
    const frame = node.callFrame.functionName === "(root)" ? parent : child(parent, node.callFrame)
    frame.self += node.selfSize
    for (const below of node.children) walk(below, frame)
  }
  walk(head, root)
  summed(root)
  return root
}

const byPlace = (root: Growing): ReadonlyArray<readonly [place: string, self: number]> => {
  const places = new Map<string, number>()
  const walk = (frame: Growing): void => {
    if (frame.self > 0) places.set(frame.place, (places.get(frame.place) ?? 0) + frame.self)
    for (const below of frame.children.values()) walk(below)
  }
  walk(root)
  return [...places].sort(([, left], [, right]) => right - left)
}

/** Of the whole, to be a row of its own. */
const leastPart = 0.005

/** What a profile of one process is about. */
export interface Profiled {
  readonly directory: string
  readonly name: string
  readonly pid: number
  /** Monotonic milliseconds of the first request and the last. */
  readonly from: number
  readonly to: number
  readonly deliveries: number
}

/**
 * Flame graphs of what a process has written (`<name>-cpu.svg`, `<name>-allocations.svg`), and its time by place of the code as text. The allocations are of
 * its whole life, the CPU of the time between the first request and the last.
 */
export const evaluate = ({ deliveries, directory, from, name, pid, to }: Profiled): string => {
  const files = readdirSync(directory)
  const read = (form: RegExp): unknown => {
    const file = files.find((file) => form.test(file))
    if (file === undefined) throw new Error(`no profile of ${name} (process ${pid}) in ${directory}`)
    return JSON.parse(readFileSync(join(directory, file), "utf8"))
  }
  const cpu = cpuFrames(read(new RegExp(`^CPU\\..*\\.${pid}\\.\\d+\\.\\d+\\.cpuprofile$`)) as CpuProfile, from, to)
  const { head } = read(new RegExp(`^Allocations\\.${pid}\\.heapprofile$`)) as { readonly head: AllocationNode }
  const allocations = allocationFrames(head)
  const perDelivery = (value: number): string => (value / deliveries).toFixed(1)
  writeFileSync(
    join(directory, `${name}-cpu.svg`),
    flames(`${name}: ${perDelivery(cpu.total)} µs of the thread a delivery`, cpu, (value) => `${perDelivery(value)} µs`)
  )
  writeFileSync(
    join(directory, `${name}-allocations.svg`),
    flames(`${name}: bytes allocated`, allocations, (value) => `${perDelivery(value)} B a delivery`)
  )
  const allocated = new Map(byPlace(allocations))
  const rows: ReadonlyArray<Row> = byPlace(cpu).filter(([, self]) => self > cpu.total * leastPart).map((
    [place, self]
  ) => [place, perDelivery(self), perDelivery(allocated.get(place) ?? 0)])
  return table(`${name}: where its own time goes, a delivery`, ["", "µs", "bytes allocated"], [
    ...rows,
    ["all, with what is less", perDelivery(cpu.total), perDelivery(allocations.total)]
  ])
}
