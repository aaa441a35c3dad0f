import { Foreign } from "../shared/Text.tsx"
import styles from "./EventTypes.module.css"

/** What a webhook subscribes to, as it stands in its settings: `project.*`, `task.created`. */
export const EventTypes = ({ atMost = Number.POSITIVE_INFINITY, events }: {
  readonly events: ReadonlyArray<string>
  /** The others are counted. */
  readonly atMost?: number
}) => {
  const shown = events.length > atMost ? events.slice(0, atMost - 1) : events
  const others = events.slice(shown.length)
  return (
    <ul className={styles["types"]}>
      {shown.map((event) => (
        <li key={event} className={styles["type"]}>
          {event === "*" ? "Every event" : <Foreign mono>{event}</Foreign>}
        </li>
      ))}
      {others.length > 0 && <li className={styles["more"]} title={others.join(", ")}>and {others.length} more</li>}
    </ul>
  )
}
