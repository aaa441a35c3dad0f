import { Tabs } from "radix-ui"
import { useMemo, useState } from "react"
import { Button } from "../shared/Button.tsx"
import { Copy } from "../shared/Copy.tsx"
import { count } from "../shared/Numbers.ts"
import { ForeignBlock } from "../shared/Text.tsx"
import { pretty } from "./JsonText.ts"
import styles from "./Payload.module.css"

/** Characters that are laid out at first: an event may have half a megabyte, on one line. */
const atFirst = 32_768

const Shown = ({ label, text }: { readonly label: string; readonly text: string }) => {
  const [all, setAll] = useState(false)
  return (
    <>
      <ForeignBlock label={label}>{all ? text : text.slice(0, atFirst)}</ForeignBlock>
      {!all && text.length > atFirst && (
        <Button small kind="quiet" onClick={() => setAll(true)}>
          Show all of its {count(text.length)} characters
        </Button>
      )}
    </>
  )
}

/** A body as it was sent. The pretty one differs from it in white space alone: no number, key or escape is touched. */
export const Payload = ({ body }: { readonly body: string }) => {
  const indented = useMemo(() => pretty(body), [body])
  const [tab, setTab] = useState(indented === undefined ? "raw" : "pretty")
  return (
    <Tabs.Root value={tab} onValueChange={setTab} className={styles["payload"]}>
      <div className={styles["bar"]}>
        <Tabs.List aria-label="How the payload is shown" className={styles["tabs"]}>
          <Tabs.Trigger value="pretty" disabled={indented === undefined} className={styles["tab"]}>Pretty</Tabs.Trigger>
          <Tabs.Trigger value="raw" className={styles["tab"]}>Raw</Tabs.Trigger>
        </Tabs.List>
        <Copy text={tab === "pretty" ? indented ?? body : body} />
      </div>
      <Tabs.Content value="pretty" tabIndex={-1}>
        {indented !== undefined && <Shown label="Payload, indented" text={indented} />}
      </Tabs.Content>
      <Tabs.Content value="raw" tabIndex={-1}>
        <Shown label="Payload, as sent" text={body} />
      </Tabs.Content>
    </Tabs.Root>
  )
}
