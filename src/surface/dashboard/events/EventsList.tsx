import { useQueries } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { useWindowVirtualizer } from "@tanstack/react-virtual"
import { useEffect, useLayoutEffect, useRef, useState } from "react"
import type { Answer, PublishedEvent } from "../api/Contract.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { bytes } from "../shared/Numbers.ts"
import { Foreign } from "../shared/Text.tsx"
import { Time } from "../shared/Time.tsx"
import styles from "./EventsPage.module.css"
import { Outcome } from "./Outcome.tsx"
import { type Filter, freshQuery } from "./Queries.ts"
import { justAfter, rowsOf } from "./Rows.ts"

const EventRow = ({ event }: { readonly event: PublishedEvent }) => (
  <>
    <span role="cell" className={styles["type"]}>
      <Link to="/events/$eventId" params={{ eventId: event.id }}>
        <Foreign mono oneLine>{event.event_type}</Foreign>
      </Link>
    </span>
    <span role="cell" className={styles["outcome"]}>
      <Outcome event={event} />
    </span>
    <span role="cell" className={styles["id"]}>
      <Foreign mono oneLine>{event.id}</Foreign>
    </span>
    <span role="cell" className={styles["size"]}>{event.size === null ? "–" : bytes(event.size)}</span>
    <span role="cell" className={styles["time"]}>
      <Time at={event.published_at} />
    </span>
  </>
)

interface ListProps {
  readonly filter: Filter
  readonly pages: ReadonlyArray<Answer<"events.list">>
  /** Asked for more when its end is near. */
  readonly onEnd: () => void
}

/** However long it is, only what is on the screen is in the page, and only that is kept up to date. */
export const EventsList = ({ filter, onEnd, pages }: ListProps) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const box = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => setTop((box.current?.getBoundingClientRect().top ?? 0) + window.scrollY), [])
  const total = pages.reduce((sum, { data }) => sum + data.length, 0)
  const virtual = useWindowVirtualizer({
    count: total,
    estimateSize: () => 49,
    overscan: 10,
    scrollMargin: top
  })
  const shown = virtual.getVirtualItems()
  const [first, last] = [shown[0]?.index ?? 0, shown.at(-1)?.index ?? 0]

  let before = 0
  const seen = pages.filter(({ data }) => {
    const [begin, end] = [before, before + data.length]
    before = end
    return data.length > 0 && begin <= last && end > first
  })
  const fresh = useQueries({
    queries: seen.map(({ data }) => freshQuery(api, workspace, filter, justAfter(data[0]?.published_at ?? ""))),
    combine: (all) => all.map(({ data }) => data)
  })
  const rows = rowsOf(pages, fresh)
  useEffect(() => {
    if (last >= total - 10) onEnd()
  }, [last, total, onEnd])

  return (
    <div ref={box} role="table" aria-label="Events" aria-rowcount={-1} className={styles["list"]}>
      <div role="rowgroup">
        <div role="row" className={styles["head"]}>
          {["Type", "Deliveries", "Id", "Size", "Published"].map((name) => (
            <span key={name} role="columnheader">{name}</span>
          ))}
        </div>
      </div>
      <div role="rowgroup" className={styles["rows"]} style={{ height: virtual.getTotalSize() }}>
        {shown.map(({ index, key, start }) => {
          const event = rows[index]
          return event !== undefined && (
            <div
              key={key}
              ref={virtual.measureElement}
              data-index={index}
              role="row"
              aria-rowindex={index + 2}
              className={styles["row"]}
              style={{ transform: `translateY(${start - top}px)` }}
            >
              <EventRow event={event} />
            </div>
          )
        })}
      </div>
    </div>
  )
}
