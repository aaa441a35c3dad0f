import { Button } from "./Button.tsx"
import styles from "./Newer.module.css"
import { counted } from "./Numbers.ts"

/** Says that there is more above, and brings it when asked; the list stays as it is until then. */
export const Newer = ({ found, nouns: [one, many], onShow, unsure }: {
  readonly found: number
  /** What they are: one, and more than one. */
  readonly nouns: readonly [one: string, many: string]
  /** There are more than were counted. */
  readonly unsure: boolean
  readonly onShow: () => void
}) => (
  <div role="status" tabIndex={-1} className={styles["newer"]}>
    {found > 0 && (
      <Button
        small
        onClick={({ currentTarget }) => {
          // It goes away: from its place the next key leads to the first of the list.
          currentTarget.parentElement?.focus({ preventScroll: true })
          onShow()
        }}
      >
        Show {unsure ? `more than ${counted(found, one, many)}` : counted(found, one, many)}
      </Button>
    )}
  </div>
)
