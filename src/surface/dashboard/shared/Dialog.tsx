import { Dialog as Primitive } from "radix-ui"
import { type ReactNode, useState } from "react"
import { classes } from "./classes.ts"
import styles from "./Dialog.module.css"

interface DialogProps {
  readonly open: boolean
  /** Called with false when it is dismissed: by Escape, by a click beside it, by its close button. */
  readonly onOpenChange: (open: boolean) => void
  readonly title: string
  readonly description?: ReactNode
  /** Buttons, the one that does it last. */
  readonly footer?: ReactNode
  /** Only by a button in it: what it shows is not shown again. */
  readonly stays?: boolean
  /** For more than a question: a form with code in it, a result. */
  readonly wide?: boolean
  readonly children?: ReactNode
}

interface SheetProps extends DialogProps {
  readonly look: "centre" | "drawer"
}

/** Keeps the focus inside and gives it back, as Radix does it. */
const Sheet = (
  { children, description, footer, look, onOpenChange, open, stays = false, title, wide = false }: SheetProps
) => {
  // A drawer is opened by an address, not by a trigger that Radix would know: the focus goes back to where it was.
  const [before] = useState(() => document.activeElement)
  const giveBack = (event: Event): void => {
    if (!(before instanceof HTMLElement) || !before.isConnected) return
    event.preventDefault()
    before.focus({ preventScroll: true })
  }
  const keep = stays ? (event: Event) => event.preventDefault() : undefined
  return (
    <Primitive.Root open={open} onOpenChange={onOpenChange}>
      <Primitive.Portal>
        <Primitive.Overlay className={styles["veil"]} />
        <Primitive.Content
          className={classes(styles["sheet"], styles[look], wide && styles["wide"])}
          {...(keep === undefined
            ? {}
            : { onEscapeKeyDown: keep, onPointerDownOutside: keep, onInteractOutside: keep })}
          {...(look === "drawer" ? { onCloseAutoFocus: giveBack } : {})}
          {...(description === undefined ? { "aria-describedby": undefined } : {})}
        >
          <header className={styles["header"]}>
            <Primitive.Title className={styles["title"]}>{title}</Primitive.Title>
            {!stays && (
              <Primitive.Close className={styles["close"]} aria-label="Close">
                <svg aria-hidden="true" width="16" height="16" viewBox="0 0 16 16">
                  <path d="m4 4 8 8m0-8-8 8" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" />
                </svg>
              </Primitive.Close>
            )}
          </header>
          <div className={styles["body"]}>
            {description !== undefined && (
              <Primitive.Description asChild>
                <div className={styles["description"]}>{description}</div>
              </Primitive.Description>
            )}
            {children}
          </div>
          {footer !== undefined && <footer className={styles["footer"]}>{footer}</footer>}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  )
}

/** A question or a short form before everything else. */
export const Dialog = (props: DialogProps) => <Sheet {...props} look="centre" />

/** More about one thing of a list, from the side; on a phone over all of it. */
export const Drawer = (props: DialogProps) => <Sheet {...props} look="drawer" />
