import { useState } from "react"
import { Button } from "./Button.tsx"
import { Code } from "./Code.tsx"
import { prettyJson } from "./Json.ts"

/** A body, indented for reading or to the byte; what is copied is always the body itself. */
export const Payload = ({ body, label }: { readonly body: string; readonly label: string }) => {
  const [raw, setRaw] = useState(false)
  const pretty = prettyJson(body)
  const choice = pretty === undefined || pretty === body
    ? undefined
    : <Button kind="quiet" small aria-pressed={raw} onClick={() => setRaw(!raw)}>Raw</Button>
  return <Code label={label} text={body} shown={raw || pretty === undefined ? body : pretty} actions={choice} />
}
