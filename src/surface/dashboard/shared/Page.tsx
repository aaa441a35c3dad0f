import { type ReactNode, useEffect, useRef } from "react"
import styles from "./Page.module.css"

interface PageProps {
  readonly title: string
  /** Beside or instead of the title's text, where it needs more than words. */
  readonly heading?: ReactNode
  /** Above the title: where it belongs. */
  readonly trail?: ReactNode
  readonly lead?: ReactNode
  readonly actions?: ReactNode
  readonly children: ReactNode
}

/** A view: its title is the document's, and takes the focus when the view is entered, so that a screen reader says where one is. */
export const Page = ({ actions, children, heading, lead, title, trail }: PageProps) => {
  const titleElement = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = title
  }, [title])
  useEffect(() => titleElement.current?.focus({ preventScroll: true }), [])
  return (
    <div className={styles["page"]}>
      {trail !== undefined && <div className={styles["trail"]}>{trail}</div>}
      <header className={styles["header"]}>
        <div className={styles["titles"]}>
          <h1 ref={titleElement} tabIndex={-1}>{heading ?? title}</h1>
          {lead !== undefined && <div className={styles["lead"]}>{lead}</div>}
        </div>
        {actions !== undefined && <div className={styles["actions"]}>{actions}</div>}
      </header>
      {children}
    </div>
  )
}

/** A part of a view with a title of its own. */
export const Section = ({ actions, children, lead, title }: {
  readonly title: string
  readonly lead?: ReactNode
  readonly actions?: ReactNode
  readonly children: ReactNode
}) => (
  <section className={styles["section"]} aria-label={title}>
    <header className={styles["header"]}>
      <div className={styles["titles"]}>
        <h2>{title}</h2>
        {lead !== undefined && <p className={styles["lead"]}>{lead}</p>}
      </div>
      {actions !== undefined && <div className={styles["actions"]}>{actions}</div>}
    </header>
    {children}
  </section>
)

/** A sheet of paper on the page's ground. */
export const Card = ({ children }: { readonly children: ReactNode }) => <div className={styles["card"]}>{children}</div>
