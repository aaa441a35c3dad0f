import { useQueryClient } from "@tanstack/react-query"
import { useEffect } from "react"
import styles from "./LiveStatus.module.css"
import { useLiveState, useSession } from "./session/Session.tsx"
import { Button } from "./shared/Button.tsx"
import { classes } from "./shared/classes.ts"
import { timeOfDay } from "./shared/Times.ts"

const words = { off: "", connecting: "Connecting…", live: "Live", broken: "Not live" }

/** Beside the name: whether what is shown is as it is now. */
export const LiveMark = () => {
  const { status } = useLiveState()
  return <span className={classes(styles["mark"], styles[status])}>{words[status]}</span>
}

/** A line across the top of the view while what it shows may be old. */
export const LiveNotice = () => {
  const { live } = useSession()
  const { since, status } = useLiveState()
  const queries = useQueryClient()
  useEffect(() => {
    // The server is there again: what could not be loaded is asked for once more.
    if (status === "live") {
      void queries.refetchQueries({
        type: "active",
        predicate: ({ state }) => state.status === "error"
      })
    }
  }, [status, queries])
  return (
    <div role="status" className={styles["place"]}>
      {status === "broken" && (
        <div className={styles["notice"]}>
          <span>
            Reconnecting…: what you see may be old{since === null ? "" : ` since ${timeOfDay(since)}`}.
          </span>
          <Button small kind="quiet" onClick={live.reconnect}>Reconnect now</Button>
        </div>
      )}
    </div>
  )
}
