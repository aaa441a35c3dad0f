import { gzipSync } from "node:zlib"
import type { Plugin } from "vite"

interface Limits {
  /** The module of the view that most people see first. */
  readonly firstView: string
  /** Gzipped JavaScript of that view, in units of 1,024 bytes. */
  readonly kilobytes: number
}

/** Ends the build when the first view is over its budget, or when the browser would get Effect: the contract is there for its types. */
export const budget = ({ firstView, kilobytes }: Limits): Plugin => ({
  name: "budget",
  apply: "build",
  generateBundle(_, bundle) {
    const chunks = new Map(
      Object.values(bundle).flatMap((file) => file.type === "chunk" ? [[file.fileName, file] as const] : [])
    )
    const foreign = [...chunks.values()].flatMap((chunk) => chunk.moduleIds).find((id) =>
      /node_modules\/(effect|@effect)\//.test(id)
    )
    if (foreign !== undefined) this.error(`the dashboard must not hold ${foreign}: import the contract's types only`)

    const needed = new Set<string>()
    const add = (name: string): void => {
      const chunk = chunks.get(name)
      if (chunk === undefined || needed.has(name)) return
      needed.add(name)
      chunk.imports.forEach(add)
    }
    for (const chunk of chunks.values()) {
      if (chunk.isEntry || chunk.moduleIds.some((id) => id.endsWith(firstView))) add(chunk.fileName)
    }
    const bytes = [...needed].reduce((sum, name) => sum + gzipSync(chunks.get(name)?.code ?? "").length, 0)
    const size = (bytes / 1024).toFixed(1)
    process.stdout.write(`dashboard: the first view is ${size} KiB of gzipped JavaScript, of ${kilobytes}\n`)
    if (bytes > kilobytes * 1024) {
      this.error(`the first view is ${size} KiB of gzipped JavaScript: ${kilobytes} are allowed`)
    }
  }
})
