import type { ReactNode } from "react"
import styles from "./Empty.module.css"

/** Instead of a list with nothing in it: what would stand here, and how it comes to be. */
export const Empty = ({ action, children, title }: {
  readonly title: string
  readonly children: ReactNode
  readonly action?: ReactNode
}) => (
  <div className={styles["empty"]}>
    <h2>{title}</h2>
    <div className={styles["text"]}>{children}</div>
    {action}
  </div>
)
