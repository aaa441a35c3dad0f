import type { ReactNode } from "react"
import styles from "./Code.module.css"
import { Copy } from "./Copy.tsx"
import { ForeignBlock } from "./Text.tsx"

/** Something to read and to copy: code, a payload, an example. `text` is what is copied; `shown`, if it differs, what is seen. */
export const Code = ({ actions, label, shown, text }: {
  /** Above it, and its name for those who do not see it. */
  readonly label: string
  readonly text: string
  readonly shown?: string
  readonly actions?: ReactNode
}) => (
  <div className={styles["code"]}>
    <div className={styles["head"]}>
      <span className={styles["label"]}>{label}</span>
      <div className={styles["actions"]}>
        {actions}
        <Copy text={text} />
      </div>
    </div>
    <ForeignBlock label={label}>{shown ?? text}</ForeignBlock>
  </div>
)
