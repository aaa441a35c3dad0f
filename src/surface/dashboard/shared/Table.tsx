import type { ReactNode } from "react"
import { classes } from "./classes.ts"
import styles from "./Table.module.css"

/**
 * A table that on a phone becomes a list of cards: each cell then shows its column's name. The roles stand in the markup because a `display`
 * other than a table's takes them away.
 */
export const Table = ({ caption, children, columns }: {
  /** For those who do not see it. */
  readonly caption: string
  /** The columns' names, in order; an empty one is shown nowhere. */
  readonly columns: ReadonlyArray<string>
  readonly children: ReactNode
}) => (
  <div className={styles["box"]}>
    <table role="table" aria-label={caption} className={styles["table"]}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((name) => <th key={name} role="columnheader" scope="col">{name}</th>)}
        </tr>
      </thead>
      <tbody role="rowgroup">{children}</tbody>
    </table>
  </div>
)

export const Row = (
  { children, clickable = false }: { readonly children: ReactNode; readonly clickable?: boolean }
) => <tr role="row" className={classes(clickable && styles["clickable"])}>{children}</tr>

interface CellProps {
  /** The column's name again, for the card. */
  readonly label: string
  readonly children: ReactNode
  /** The row's main thing: first on the card, without a name. */
  readonly main?: boolean
  readonly number?: boolean
}

export const Cell = ({ children, label, main = false, number = false }: CellProps) => (
  <td role="cell" data-label={label} className={classes(main && styles["main"], number && styles["number"])}>
    {children}
  </td>
)
