import type { PublishedEvent } from "../api/Contract.ts"
import { statusLooks } from "../deliveries/Words.ts"
import { Badge } from "../shared/Badge.tsx"
import { count } from "../shared/Numbers.ts"
import styles from "./EventsPage.module.css"
import { became } from "./Rows.ts"

/** What became of an event, in short. */
export const Outcome = ({ event }: { readonly event: PublishedEvent }) => {
  if (event.outcome === "duplicate") return <Badge>Repeat</Badge>
  if (event.outcome === "quarantined") return <Badge tone="warn">Quarantined</Badge>
  const all = became(event.deliveries)
  if (all.length === 0) return <span className={styles["soft"]}>Nobody subscribed</span>
  return (
    <span className={styles["badges"]}>
      {all.map(({ number, status }) => (
        <Badge key={status} tone={statusLooks[status][1]}>{count(number)} {status}</Badge>
      ))}
    </span>
  )
}
