import { Toast as Primitive } from "radix-ui"
import { classes } from "./classes.ts"
import styles from "./ToastList.module.css"

export interface Said {
  readonly id: number
  readonly text: string
  readonly tone: "plain" | "bad"
}

/** Milliseconds; what failed is read more slowly. */
const lasts = { plain: 4000, bad: 10_000 }

/** What was said and is not over yet. */
export const ToastList = ({ all, onOver }: {
  readonly all: ReadonlyArray<Said>
  readonly onOver: (id: number) => void
}) => (
  <Primitive.Provider label="Message">
    {all.map(({ id, text, tone }) => (
      <Primitive.Root
        key={id}
        type={tone === "bad" ? "foreground" : "background"}
        duration={lasts[tone]}
        className={classes(styles["toast"], styles[tone])}
        onOpenChange={(open) => open || onOver(id)}
      >
        <Primitive.Description className={styles["text"]}>{text}</Primitive.Description>
        <Primitive.Close className={styles["close"]} aria-label="Dismiss">×</Primitive.Close>
      </Primitive.Root>
    ))}
    <Primitive.Viewport className={styles["viewport"]} label="Messages ({hotkey})" />
  </Primitive.Provider>
)
