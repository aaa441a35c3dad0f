import { Toast as Primitive } from "radix-ui"
import { createContext, type ReactNode, useCallback, useContext, useState } from "react"
import { classes } from "./classes.ts"
import styles from "./Toast.module.css"

interface Said {
  readonly id: number
  readonly text: string
  readonly tone: "plain" | "bad"
}

/** The older ones give way. */
const atOnce = 3

/** Milliseconds; what failed is read more slowly. */
const lasts = { plain: 4000, bad: 10_000 }

type Say = (text: string, tone?: Said["tone"]) => void

const Context = createContext<Say>(() => undefined)

/** Says what came of something that is no longer on the screen; what can be said in its place is said there. */
export const useToast = (): Say => useContext(Context)

let last = 0

export const Toasts = ({ children }: { readonly children: ReactNode }) => {
  const [all, setAll] = useState<ReadonlyArray<Said>>([])
  const say = useCallback<Say>((text, tone = "plain") => {
    setAll((before) => [...before.slice(1 - atOnce), { id: ++last, text, tone }])
  }, [])
  const forget = (id: number): void => setAll((before) => before.filter((said) => said.id !== id))
  return (
    <Context value={say}>
      <Primitive.Provider label="Message">
        {children}
        {all.map(({ id, text, tone }) => (
          <Primitive.Root
            key={id}
            type={tone === "bad" ? "foreground" : "background"}
            duration={lasts[tone]}
            className={classes(styles["toast"], styles[tone])}
            onOpenChange={(open) => open || forget(id)}
          >
            <Primitive.Description className={styles["text"]}>{text}</Primitive.Description>
            <Primitive.Close className={styles["close"]} aria-label="Dismiss">×</Primitive.Close>
          </Primitive.Root>
        ))}
        <Primitive.Viewport className={styles["viewport"]} label="Messages ({hotkey})" />
      </Primitive.Provider>
    </Context>
  )
}
