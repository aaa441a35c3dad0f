import { DropdownMenu } from "radix-ui"
import { createContext, type ReactElement, type ReactNode, type RefObject, useContext, useRef } from "react"
import { classes } from "./classes.ts"
import styles from "./Menu.module.css"

/** What was chosen. It is done when the menu is gone and its button has the focus again, so that a dialog gives the focus back to that. */
const Chosen = createContext<RefObject<(() => void) | undefined>>({ current: undefined })

/** Actions behind one button, which is `trigger`. */
export const Menu = ({ children, trigger }: { readonly trigger: ReactElement; readonly children: ReactNode }) => {
  const chosen = useRef<() => void>(undefined)
  const act = (): void => {
    const run = chosen.current
    chosen.current = undefined
    // The focus moves in this very turn, behind this handler.
    if (run !== undefined) queueMicrotask(run)
  }
  return (
    <Chosen value={chosen}>
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
        {/* Into the content, so that it is in a landmark. */}
        <DropdownMenu.Portal container={document.querySelector("#content")}>
          <DropdownMenu.Content
            className={styles["menu"]}
            align="end"
            sideOffset={4}
            collisionPadding={8}
            onCloseAutoFocus={act}
          >
            {children}
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
    </Chosen>
  )
}

export const MenuItem = ({ children, danger = false, onSelect }: {
  readonly children: ReactNode
  readonly onSelect: () => void
  readonly danger?: boolean
}) => {
  const chosen = useContext(Chosen)
  return (
    <DropdownMenu.Item
      className={classes(styles["item"], danger && styles["danger"])}
      onSelect={() => {
        chosen.current = onSelect
      }}
    >
      {children}
    </DropdownMenu.Item>
  )
}

export const MenuLine = () => <DropdownMenu.Separator className={styles["line"]} />
