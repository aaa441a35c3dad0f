/** Figures as text, in columns. */

export type Row = ReadonlyArray<string>

export const whole = (value: number): string => Math.round(value).toLocaleString("en-US")

/** Columns as wide as their widest cell; the first is text, the others end at the right. Nothing of no rows. */
export const table = (title: string, head: Row, rows: ReadonlyArray<Row>): string => {
  if (rows.length === 0) return ""
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const line = (row: Row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)).join(
      "  "
    )
  return [title, line(head), widths.map((width) => "─".repeat(width)).join("  "), ...rows.map(line), ""].join("\n")
}
