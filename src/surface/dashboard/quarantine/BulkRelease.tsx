import { useQueryClient } from "@tanstack/react-query"
import { useRef, useState } from "react"
import type { Body } from "../api/Contract.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { Dialog } from "../shared/Dialog.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Notice } from "../shared/Notice.tsx"
import { count, counted } from "../shared/Numbers.ts"
import { quarantineKey } from "./Queries.ts"
import { reasonOf } from "./Reasons.ts"
import { nothingYet, type Part, plus } from "./Released.ts"

/** Entries of one request. */
const part = 100

/** Releases every entry of a reason, part after part, and says after each how far it is. */
export const BulkRelease = ({ onClose, reason }: { readonly reason: string; readonly onClose: () => void }) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const [sum, setSum] = useState(nothingYet)
  const [state, setState] = useState<"ready" | "running" | "stopped" | "done">("ready")
  const [error, setError] = useState<unknown>()
  const cursor = useRef<string>(undefined)
  const stop = useRef(false)

  const run = async (): Promise<void> => {
    stop.current = false
    setError(undefined)
    setState("running")
    try {
      for (;;) {
        const released: Part = await api("quarantine.releaseByReason", {
          body: {
            reason: reason as Body<"quarantine.releaseByReason">["reason"],
            limit: part,
            ...(cursor.current === undefined ? {} : { cursor: cursor.current })
          }
        })
        setSum((before) => plus(before, released))
        if (released.next === null) {
          setState("done")
          break
        }
        cursor.current = released.next
        if (stop.current) {
          setState("stopped")
          break
        }
      }
    } catch (failure) {
      setError(failure)
      setState("stopped")
    }
    await queries.invalidateQueries({ queryKey: quarantineKey(workspace) })
  }
  const close = (): void => {
    stop.current = true
    onClose()
  }
  const { mend, mendable, title } = reasonOf(reason)

  return (
    <Dialog
      open
      stays={state === "running"}
      onOpenChange={(open) => open || close()}
      title={`Release all: ${title.toLowerCase()}`}
      description={
        <>
          <p>
            Every entry with this reason is checked again with today’s catalogue, the oldest first. Each that is an
            event now is published with its own id and time, and goes to every webhook that subscribes to it.
          </p>
          <p>What is still no event stays. What was released before is passed over: nothing is sent twice.</p>
        </>
      }
      footer={state === "done"
        ? <Button kind="primary" onClick={close}>Close</Button>
        : (
          <>
            {state === "running"
              ? <Button onClick={() => void (stop.current = true)}>Stop after this part</Button>
              : <Button onClick={close}>{state === "ready" ? "Cancel" : "Close"}</Button>}
            <Button kind="primary" busy={state === "running"} onClick={() => void run()}>
              {state === "stopped" ? "Go on" : "Release them"}
            </Button>
          </>
        )}
    >
      {!mendable && state === "ready" && (
        <Notice tone="warn">
          <strong>Entries with this reason seldom become events.</strong>
          <p>{mend}</p>
        </Notice>
      )}
      <div role="status">
        {state !== "ready" && (
          <Notice tone={state === "done" ? sum.stillRejected === 0 ? "good" : "warn" : "neutral"}>
            <strong>
              {state === "done" ? "Done." : state === "running" ? "Releasing …" : "Stopped."}{" "}
              {counted(sum.released, "event")} published.
            </strong>
            <p>
              {count(sum.stillRejected)} still no event; they stay. {count(sum.alreadyReleased)} were released before.
            </p>
          </Notice>
        )}
      </div>
      {error !== undefined && (
        <ErrorNotice title="It stopped on the way. What was released is; going on is safe." error={error} />
      )}
    </Dialog>
  )
}
