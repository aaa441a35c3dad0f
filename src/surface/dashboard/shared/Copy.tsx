import { useEffect, useState } from "react"
import { Button } from "./Button.tsx"
import { after } from "./Clock.ts"

/** How long the button says what came of it. */
const said = 2000

/** Copies `text`, and says so; where the browser forbids it, says that too. */
export const Copy = ({ label = "Copy", text }: { readonly text: string; readonly label?: string }) => {
  const [state, setState] = useState<"ready" | "copied" | "refused">("ready")
  useEffect(() => state === "ready" ? undefined : after(said, () => setState("ready")), [state])
  const copy = (): void => {
    // No clipboard over plain http from another host, nor in a frame that was not given the right.
    const written = navigator.clipboard === undefined
      ? Promise.reject(new Error())
      : navigator.clipboard.writeText(text)
    written.then(() => setState("copied"), () => setState("refused"))
  }
  return (
    <Button small onClick={copy}>
      <span aria-live="polite">
        {state === "ready" ? label : state === "copied" ? "Copied" : "Select it and copy"}
      </span>
    </Button>
  )
}
