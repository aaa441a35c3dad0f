import { Dialog as Primitive } from "radix-ui"
import type { ReactNode, RefObject } from "react"
import { Button } from "./shared/Button.tsx"
import styles from "./Shell.module.css"

interface MenuSheetProps {
  readonly onClose: () => void
  /** What opened it, and gets the focus back. */
  readonly button: RefObject<HTMLButtonElement | null>
  readonly children: ReactNode
}

/** The menu of a phone, open. */
export const MenuSheet = ({ button, children, onClose }: MenuSheetProps) => {
  const giveBack = (event: Event): void => {
    event.preventDefault()
    button.current?.focus()
  }
  return (
    <Primitive.Root open onOpenChange={onClose}>
      <Primitive.Portal>
        <Primitive.Overlay className={styles["veil"]} />
        <Primitive.Content className={styles["sheet"]} aria-describedby={undefined} onCloseAutoFocus={giveBack}>
          <Primitive.Title className={styles["hidden"]}>Menu</Primitive.Title>
          {children}
          <Primitive.Close asChild>
            <Button>Close</Button>
          </Primitive.Close>
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  )
}
