import { createContext, type ReactNode, useCallback, useContext, useState } from "react"
import { type Said, ToastList } from "./ToastList.tsx"

/** The older ones give way. */
const atOnce = 3

type Say = (text: string, tone?: Said["tone"]) => void

const Context = createContext<Say>(() => undefined)

/** Says what came of something that is no longer on the screen; what can be said in its place is said there. */
export const useToast = (): Say => useContext(Context)

let last = 0

export const Toasts = ({ children }: { readonly children: ReactNode }) => {
  const [all, setAll] = useState<ReadonlyArray<Said>>()
  const say = useCallback<Say>((text, tone = "plain") => {
    setAll((before = []) => [...before.slice(1 - atOnce), { id: ++last, text, tone }])
  }, [])
  return (
    <Context value={say}>
      {children}
      {all !== undefined && (
        <ToastList
          all={all}
          onOver={(id) => setAll((before) => before?.filter((said) => said.id !== id))}
        />
      )}
    </Context>
  )
}
