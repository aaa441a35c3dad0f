import { broken, printable, truncated, widthOf } from "./Text.ts"

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string | number | undefined | null
  readonly align?: "right"
  /** May be cut off to fit the terminal. Ids and states never are: they are there to be copied. */
  readonly shrinks?: true
  /** Left out where the terminal has no room for it; the lowest number is left out last. */
  readonly spare?: number
}

const gap = 2
const narrowest = 8
/** What a spare column must leave to one that shrinks. */
const readable = 16

/**
 * Rows as aligned lines for a person. Columns that may shrink do so, the widest first, until the table fits `width`
 * columns; what cannot fit is left too wide rather than cut in the middle of an id. A pipe has no width: nothing is
 * cut off and left out there.
 */
export const table = <Row>(
  all: ReadonlyArray<Column<Row>>,
  rows: ReadonlyArray<Row>,
  options: { readonly width: number | undefined; readonly bold?: (text: string) => string }
): string => {
  const filled = all.map((column): Filled<Row> => {
    const cells = rows.map((row) => printable(String(column.value(row) ?? "")))
    return { column, cells, width: cells.reduce((most, cell) => Math.max(most, widthOf(cell)), widthOf(column.title)) }
  })
  const kept = options.width === undefined ? filled : fitting(filled, options.width)
  const columns = kept.map(({ column }) => column)
  const cells = rows.map((_, row) => kept.map(({ cells }) => cells[row] ?? ""))
  const widths = kept.map(({ width }) => width)
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

interface Filled<Row> {
  readonly column: Column<Row>
  readonly cells: ReadonlyArray<string>
  /** Of its widest cell. */
  readonly width: number
}

/** Those that are no spare ones, and of the others, the lowest number first, each for which there is room. */
const fitting = <Row>(columns: ReadonlyArray<Filled<Row>>, width: number): ReadonlyArray<Filled<Row>> => {
  const least = ({ column, width }: Filled<Row>) => gap + (column.shrinks ? Math.min(width, readable) : width)
  const kept = new Set(columns.filter(({ column }) => column.spare === undefined))
  let room = [...kept].reduce((room, one) => room - least(one), width + gap)
  for (const one of columns.toSorted((a, b) => (a.column.spare ?? 0) - (b.column.spare ?? 0))) {
    if (kept.has(one) || least(one) > room) continue
    kept.add(one)
    room -= least(one)
  }
  return columns.filter((one) => kept.has(one))
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

/** The fields of one thing, a line each; empty ones are left out. With a `width` a longer value goes on below itself. */
export const fields = (
  entries: ReadonlyArray<readonly [name: string, value: string | number | undefined | null]>,
  bold: (text: string) => string = (text) => text,
  width?: number
): string => {
  const shown = entries.filter(([, value]) => value !== undefined && value !== null && value !== "")
  const names = shown.reduce((most, [name]) => Math.max(most, widthOf(name)), 0) + gap
  return shown
    .map(([name, value]) => {
      const text = printable(String(value))
      const lines = width === undefined ? [text] : broken(text, Math.max(narrowest, width - names))
      return bold(name) + " ".repeat(names - widthOf(name)) + lines.join(`\n${" ".repeat(names)}`)
    })
    .join("\n")
}
