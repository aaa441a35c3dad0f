/** Pictures as SVG files that can be read on a light page and on a dark one. */

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;" })[sign] ?? sign)

/** The series' colours are told apart by their lightness, too. Those of a flame graph are light in both, for dark letters. */
const style = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 14px; font-weight: 600 }
.quiet { fill: #59636e }
.grid { stroke: #d1d9e0; fill: none }
.limit { stroke: #cf222e; stroke-dasharray: 4 3; fill: none }
.range { stroke: #1f2328; fill: none }
.fill0 { fill: #aab4be } .fill1 { fill: #0969da } .fill2 { fill: #d9b26f } .fill3 { fill: #9a5b00 }
.line0 { stroke: #aab4be } .line1 { stroke: #0969da } .line2 { stroke: #d9b26f } .line3 { stroke: #9a5b00 }
.line0, .line1, .line2, .line3 { fill: none; stroke-width: 2 }
.frame { fill: #1f2328; font-size: 11px }
.flame0 { fill: #c9d1d9 } .flame1 { fill: #79b8ff } .flame2 { fill: #f2cc8f } .flame3 { fill: #f0a6a0 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .quiet { fill: #9198a1 }
  .grid { stroke: #3d444d }
  .limit { stroke: #f85149 }
  .range { stroke: #f0f6fc }
  .fill0 { fill: #656c76 } .fill1 { fill: #4493f8 } .fill2 { fill: #8a6d3b } .fill3 { fill: #e0a94a }
  .line0 { stroke: #656c76 } .line1 { stroke: #4493f8 } .line2 { stroke: #8a6d3b } .line3 { stroke: #e0a94a }
}`

export const rounded = (value: number): string => value.toFixed(1)

export const text = (x: number, y: number, content: string, more = ""): string =>
  `<text x="${rounded(x)}" y="${rounded(y)}"${more === "" ? "" : ` ${more}`}>${escaped(content)}</text>`

export const rectangle = (x: number, y: number, width: number, height: number, look: string, hint = ""): string =>
  `<rect x="${rounded(x)}" y="${rounded(y)}" width="${rounded(width)}" height="${rounded(height)}" class="${look}"${
    hint === "" ? "/>" : `><title>${escaped(hint)}</title></rect>`
  }`

export const line = (points: ReadonlyArray<readonly [x: number, y: number]>, look: string): string =>
  `<polyline points="${points.map(([x, y]) => `${rounded(x)},${rounded(y)}`).join(" ")}" class="${look}"/>`

/** A picture with its title, in pixels. */
export const picture = (title: string, width: number, height: number, parts: ReadonlyArray<string>): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${style}\n</style>`,
    text(8, 20, title, `class="title"`),
    ...parts,
    "</svg>",
    ""
  ].join("\n")
