import type { ReactNode } from "react"
import styles from "./Badge.module.css"
import { classes } from "./classes.ts"

export type Tone = "neutral" | "good" | "warn" | "bad" | "accent"

/** A state in a word: the colour repeats it, and never says it alone. */
export const Badge = ({ children, tone = "neutral" }: { readonly children: ReactNode; readonly tone?: Tone }) => (
  <span className={classes(styles["badge"], styles[tone])}>{children}</span>
)
