/** Prints the figures of a run as a table; with `--update` it goes into docs/guarantees.md, where figures that were not measured now stay. */
import { Clock } from "effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { cpus, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import { type Figure, figuresFile } from "./Figures.ts"

const page = new URL("../../../docs/guarantees.md", import.meta.url).pathname
const markers = /(<!-- figures: [^>]* -->\n)([^]*?)(<!-- \/figures -->)/
const head = ["| figure | wanted | measured | | when, on what, by which command |", "| --- | --- | --- | --- | --- |"]

const machine = (): string =>
  `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.version.slice(1)}`

const today = (): string => new Date(Clock.make().unsafeCurrentTimeMillis()).toISOString().slice(0, 10)

const row = ({ from, holds, measured, wanted, what }: Figure): string => {
  const form = process.env["FAULT"] === "short" ? "FAULT=short " : ""
  const made = `${today()}, ${machine()}: \`${form}npm run test:fault -- ${from}\``
  return `| ${[what, wanted, measured, holds ? "holds" : "**does not hold**", made].join(" | ")} |`
}

const subject = (line: string): string => line.split(" | ")[0] ?? ""

/** Rows by what they are about: those of the page, with the new ones in their places. */
const merged = (former: ReadonlyArray<string>, rows: ReadonlyArray<string>): ReadonlyArray<string> => {
  const all = new Map(former.map((line) => [subject(line), line]))
  for (const line of rows) all.set(subject(line), line)
  return Array.from(all.values())
}

export default (project: TestProject) => {
  const directory = mkdtempSync(join(tmpdir(), "hookline-figures-"))
  const file = join(directory, "figures")
  writeFileSync(file, "")
  process.env[figuresFile] = file
  return () => {
    const lines = readFileSync(file, "utf8").split("\n").filter((line) => line !== "")
    rmSync(directory, { recursive: true })
    const rows = lines.map((line) => row(JSON.parse(line) as Figure))
    if (rows.length === 0) return
    process.stdout.write(`\n${[...head, ...rows].join("\n")}\n`)
    if (project.config.snapshotOptions.updateSnapshot !== "all") return
    const text = readFileSync(page, "utf8")
    const former = (markers.exec(text)?.[2] ?? "").split("\n").filter((line) => line.startsWith("| ")).slice(2)
    const table = [...head, ...merged(former, rows)].join("\n")
    writeFileSync(page, text.replace(markers, (_, from: string, _former, to: string) => `${from}\n${table}\n\n${to}`))
  }
}
