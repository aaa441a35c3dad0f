import type { ReactNode } from "react"
import { classes } from "./classes.ts"
import styles from "./Notice.module.css"

/** What one should know before, or what came of it. */
export const Notice = ({ children, tone = "neutral" }: {
  readonly children: ReactNode
  readonly tone?: "neutral" | "good" | "warn" | "bad"
}) => <div className={classes(styles["notice"], styles[tone])}>{children}</div>
