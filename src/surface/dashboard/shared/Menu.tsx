import { DropdownMenu } from "radix-ui"
import type { ReactElement, ReactNode } from "react"
import { classes } from "./classes.ts"
import styles from "./Menu.module.css"

/** Actions behind one button, which is `trigger`. */
export const Menu = ({ children, trigger }: { readonly trigger: ReactElement; readonly children: ReactNode }) => (
  <DropdownMenu.Root modal={false}>
    <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
    {/* Into the content, so that it is in a landmark. */}
    <DropdownMenu.Portal container={document.querySelector("#content")}>
      <DropdownMenu.Content className={styles["menu"]} align="end" sideOffset={4} collisionPadding={8}>
        {children}
      </DropdownMenu.Content>
    </DropdownMenu.Portal>
  </DropdownMenu.Root>
)

export const MenuItem = ({ children, danger = false, onSelect }: {
  readonly children: ReactNode
  readonly onSelect: () => void
  readonly danger?: boolean
}) => (
  <DropdownMenu.Item className={classes(styles["item"], danger && styles["danger"])} onSelect={onSelect}>
    {children}
  </DropdownMenu.Item>
)

export const MenuLine = () => <DropdownMenu.Separator className={styles["line"]} />
