import styles from "./LiveStatus.module.css"
import { useLiveState, useSession } from "./session/Session.tsx"
import { Button } from "./shared/Button.tsx"
import { timeOfDay } from "./shared/Time.tsx"

/** Whether what is shown is as it is now: a word in the corner while it is, a line across the top while it may not be. */
export const LiveStatus = () => {
  const { live } = useSession()
  const { since, status } = useLiveState()
  return (
    <div role="status" className={status === "broken" ? styles["broken"] : styles["quiet"]}>
      {status === "live" && <span className={styles["live"]}>Live</span>}
      {status === "connecting" && "Connecting…"}
      {status === "broken" && (
        <>
          <span>
            Reconnecting…{" "}
            {since === null ? "What you see may be old." : `What you see may be old since ${timeOfDay(since)}.`}
          </span>
          <Button small kind="quiet" onClick={live.reconnect}>Reconnect now</Button>
        </>
      )}
    </div>
  )
}
