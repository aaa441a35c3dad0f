import { printable, truncated, widthOf } from "./Text.ts"

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string | number | undefined | null
  readonly align?: "right"
  /** May be cut off to fit the terminal. Ids and states never are: they are there to be copied. */
  readonly shrinks?: true
}

const gap = 2
const narrowest = 8

/**
 * Rows as aligned lines for a person. Columns that may shrink do so, the widest first, until the table fits `width`
 * columns; what cannot fit is left too wide rather than cut in the middle of an id. A pipe has no width: nothing is
 * cut off there.
 */
export const table = <Row>(
  columns: ReadonlyArray<Column<Row>>,
  rows: ReadonlyArray<Row>,
  options: { readonly width: number | undefined; readonly bold?: (text: string) => string }
): string => {
  const cells = rows.map((row) => columns.map(({ value }) => printable(String(value(row) ?? ""))))
  const widths = columns.map(({ title }, index) =>
    cells.reduce((most, cell) => Math.max(most, widthOf(cell[index] ?? "")), widthOf(title))
  )
  if (options.width !== undefined) shrink(columns, widths, options.width)
  const line = (texts: ReadonlyArray<string>): string =>
    columns.map((column, index) => {
      const text = truncated(texts[index] ?? "", widths[index] ?? 0)
      const padding = " ".repeat((widths[index] ?? 0) - widthOf(text))
      return column.align === "right" ? padding + text : text + padding
    }).join(" ".repeat(gap)).trimEnd()
  const bold = options.bold ?? ((text: string) => text)
  return [bold(line(columns.map(({ title }) => title))), ...cells.map(line)].join("\n")
}

const shrink = <Row>(columns: ReadonlyArray<Column<Row>>, widths: Array<number>, width: number): void => {
  let over = widths.reduce((sum, each) => sum + each, 0) + gap * (columns.length - 1) - width
  while (over > 0) {
    let widest = -1
    columns.forEach(({ shrinks }, index) => {
      if (shrinks && (widths[index] ?? 0) > Math.max(narrowest, widths[widest] ?? 0)) widest = index
    })
    if (widest === -1) return
    widths[widest] = (widths[widest] ?? 0) - 1
    over -= 1
  }
}

/** The fields of one thing, a line each; empty ones are left out. */
export const fields = (
  entries: ReadonlyArray<readonly [name: string, value: string | number | undefined | null]>,
  bold: (text: string) => string = (text) => text
): string => {
  const shown = entries.filter(([, value]) => value !== undefined && value !== null && value !== "")
  const width = shown.reduce((most, [name]) => Math.max(most, widthOf(name)), 0)
  return shown
    .map(([name, value]) => bold(name) + " ".repeat(width - widthOf(name) + gap) + printable(String(value)))
    .join("\n")
}
