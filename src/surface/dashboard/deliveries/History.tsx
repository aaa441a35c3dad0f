import { useNavigate, useSearch } from "@tanstack/react-router"
import { useEffect, useRef } from "react"
import { Button } from "../shared/Button.tsx"
import { after } from "../shared/Clock.ts"
import { Empty } from "../shared/Empty.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { count } from "../shared/Numbers.ts"
import { Card, Section } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { DeliveryDrawer } from "./DeliveryDrawer.tsx"
import { DeliveryRows } from "./DeliveryRows.tsx"
import { filtersIn, isFiltered } from "./Filters.ts"
import styles from "./History.module.css"
import { HistoryFilters } from "./HistoryFilters.tsx"
import type { Listing } from "./Listing.ts"
import { useListing } from "./useListing.ts"

/** How often the first deliveries of an empty list are asked for before they are only announced. */
const mostTries = 8

/** Below the rows: what comes, or how one goes on. */
const End = ({ listing }: { readonly listing: Listing }) => {
  const navigate = useNavigate({ from: "/webhooks/$webhookId" })
  const last = listing.at(listing.size - 1)
  return (
    <div className={styles["end"]} role="status">
      {listing.end === "asking" && (listing.looking ? "Looking further back…" : listing.size > 0 && "Loading…")}
      {listing.end === "paused" && (
        <>
          <span>Nothing more was found in this part of the history.</span>
          <Button small onClick={() => listing.lookFurther()}>Look further back</Button>
        </>
      )}
      {listing.end === "full" && last !== undefined && (
        <>
          <span>These are the newest {count(listing.size)} of them.</span>
          <Button
            small
            onClick={() =>
              void navigate({
                // Published before: the last one itself is shown again.
                search: (search) => ({ ...search, to: new Date(Date.parse(last.published_at) + 1).toISOString() }),
                resetScroll: false
              })}
          >
            Go on from here
          </Button>
        </>
      )}
    </div>
  )
}

const Nothing = ({ deleted, filtered }: { readonly deleted: boolean; readonly filtered: boolean }) => (
  <Card>
    {filtered
      ? <Empty title="No delivery fits">Change the filters, or clear them to see every delivery.</Empty>
      : deleted
      ? <Empty title="No deliveries">It was owed no event, or what it was owed is older than what is kept.</Empty>
      : (
        <Empty title="No deliveries yet">
          Every event of a type that this webhook subscribes to becomes a delivery, and shows here at once. Send a test
          event to see what your endpoint answers.
        </Empty>
      )}
  </Card>
)

const Loading = () => (
  <Card>
    <div className={styles["loading"]} aria-hidden="true">
      {[0, 1, 2, 3].map((row) => <Skeleton key={row} width={64} />)}
    </div>
  </Card>
)

/** What became of every event that is owed to a webhook, the newest first, and live. */
export const History = ({ deleted = false, webhookId }: {
  readonly webhookId: string
  /** Nothing can come any more. */
  readonly deleted?: boolean
}) => {
  const { delivery, ...search } = useSearch({ from: "/webhooks/$webhookId" })
  const filters = filtersIn(search)
  const listing = useListing(webhookId, filters)
  const news = useRef<HTMLDivElement>(null)
  const top = useRef<HTMLDivElement>(null)
  const { count: fresh, more } = listing.news
  const empty = listing.loaded && listing.size === 0
  const tries = useRef(0)
  const awaited = empty && fresh > 0 && !listing.restarting && listing.end !== "failed"
  useEffect(() => {
    tries.current = 0
  }, [listing, fresh])
  useEffect(() => {
    // With nothing on the screen, nothing is pushed away. The history follows the stream at a distance, and may not have them yet.
    if (!awaited || tries.current >= mostTries) return undefined
    tries.current += 1
    return after(250 * tries.current, () => void listing.restart())
  }, [listing, awaited])
  const show = (): void => {
    // The button goes away: from its place the next key leads to the first of the list.
    news.current?.focus({ preventScroll: true })
    void listing.restart()
    const section = top.current
    if (section !== null && section.getBoundingClientRect().top < 0) section.scrollIntoView({ block: "start" })
  }
  return (
    <Section title="Deliveries">
      <div ref={top} className={styles["top"]}>
        <HistoryFilters filters={filters} />
      </div>
      <div ref={news} aria-live="polite" tabIndex={-1} className={styles["news"]}>
        {fresh > 0 && (
          <Button small busy={listing.restarting} onClick={show} className={styles["fresh"]}>
            {count(fresh)}
            {more ? "+" : ""} new {fresh === 1 ? "delivery" : "deliveries"}
          </Button>
        )}
      </div>
      {listing.notRestarted !== null && (
        <ErrorNotice
          title="The new deliveries could not be loaded."
          error={listing.notRestarted}
          onRetry={show}
          retrying={listing.restarting}
        />
      )}
      {listing.size > 0
        ? <DeliveryRows listing={listing} />
        : empty
        ? listing.end === "done" && <Nothing deleted={deleted} filtered={isFiltered(filters)} />
        : listing.end !== "failed" && <Loading />}
      {listing.end === "failed" && (
        <ErrorNotice
          title={listing.size === 0 ? "The deliveries could not be loaded." : "More deliveries could not be loaded."}
          error={listing.error}
          onRetry={() => listing.lookFurther()}
        />
      )}
      <End listing={listing} />
      {delivery !== undefined && <DeliveryDrawer key={delivery} deliveryId={delivery} />}
    </Section>
  )
}
