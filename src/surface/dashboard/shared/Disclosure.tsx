import { type ReactNode, useEffect, useState } from "react"
import styles from "./Disclosure.module.css"

/** What few need, behind its name. It opens by itself when `needed` becomes true, and closes only by hand. */
export const Disclosure = ({ children, name, needed }: {
  readonly name: string
  readonly needed: boolean
  readonly children: ReactNode
}) => {
  const [open, setOpen] = useState(needed)
  useEffect(() => {
    if (needed) setOpen(true)
  }, [needed])
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={styles["name"]}>{name}</summary>
      {children}
    </details>
  )
}
