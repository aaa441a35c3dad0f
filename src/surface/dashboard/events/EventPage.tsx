import { useQuery } from "@tanstack/react-query"
import { Link, useParams } from "@tanstack/react-router"
import type { Answer } from "../api/Contract.ts"
import { Payload } from "../deliveries/Payload.tsx"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { useLiveRefresh } from "../session/useLiveRefresh.ts"
import { Copy } from "../shared/Copy.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Notice } from "../shared/Notice.tsx"
import { bytes, count } from "../shared/Numbers.ts"
import { Card, Page, Section } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign } from "../shared/Text.tsx"
import { moment } from "../shared/Times.ts"
import styles from "./EventPage.module.css"
import { Explanation } from "./Explanation.tsx"
import { Outcome } from "./Outcome.tsx"
import { eventKey, eventQuery } from "./Queries.ts"

type Shown = Answer<"events.show">

/** Repeats that are listed; the others are counted. */
const listed = 5

const Repeats = ({ event }: { readonly event: Shown }) => {
  const { count: number, latest } = event.repeats
  const shown = latest.slice(0, listed)
  return (
    <>
      {event.outcome === "duplicate" && (
        <Notice tone="warn">
          <strong>It repeats the id of an earlier event.</strong>
          <p>
            {event.duplicate_of === null || event.duplicate_of.published_at === null
              ? "The earlier one has left the history."
              : `The earlier one was published at ${moment(Date.parse(event.duplicate_of.published_at))}.`}{" "}
            Nobody gets it a second time.
          </p>
        </Notice>
      )}
      {number > 0 && (
        <Notice>
          <strong>
            Its id was published again{number > 1 &&
              `, ${number >= 1000 ? "1,000 times or more" : `${count(number)} times`}`}.
          </strong>
          <ul>
            {shown.map(({ event_type: type, published_at: at, sequence }) => (
              <li key={sequence}>
                Published again at {moment(Date.parse(at))}
                {type !== event.event_type && (
                  <>
                    {" "}as <Foreign mono>{type}</Foreign>
                  </>
                )}: nobody gets it a second time.
              </li>
            ))}
          </ul>
          {number > shown.length && <p>Only the latest stand here.</p>}
        </Notice>
      )}
    </>
  )
}

const Details = ({ event }: { readonly event: Shown }) => (
  <>
    {event.outcome === "quarantined" && (
      <Notice tone="warn">
        <strong>It was refused, and nobody was sent it.</strong>
        <p>
          {event.quarantine_id === null
            ? "It is in quarantine."
            : (
              <>
                The reason and the input stand{" "}
                <Link to="/quarantine" search={{ entry: event.quarantine_id }}>in its entry of the quarantine</Link>.
              </>
            )}
        </p>
      </Notice>
    )}
    <Repeats event={event} />
    <Card>
      <dl className={styles["facts"]}>
        <dt>Id</dt>
        <dd className={styles["id"]}>
          <Foreign mono>{event.id}</Foreign>
          <Copy text={event.id} />
        </dd>
        <dt>Published</dt>
        <dd>{moment(Date.parse(event.published_at))}</dd>
        <dt>Size</dt>
        <dd>{event.size === null ? "Not known any more" : bytes(event.size)}</dd>
        <dt>Place in the stream</dt>
        <dd>{count(event.sequence)}</dd>
      </dl>
    </Card>
  </>
)

/** One event: what it says, and who got it and who did not. */
export const EventPage = () => {
  const { eventId } = useParams({ from: "/events/$eventId" })
  const api = useApi()
  const workspace = useWorkspaceKey()
  const { data: event, error, isFetching, refetch } = useQuery(eventQuery(api, workspace, eventId))
  useLiveRefresh(eventKey(workspace, eventId))
  return (
    <Page
      title="Event"
      trail={<Link to="/events">Events</Link>}
      heading={event === undefined
        ? error === null ? <Skeleton width={20} /> : "Event"
        : <Foreign>{event.event_type}</Foreign>}
      lead={event !== undefined && <Outcome event={event} />}
    >
      {error !== null && (
        <ErrorNotice
          title={event === undefined
            ? "The event could not be loaded."
            : "What you see may be old: the event could not be loaded anew."}
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
      {event !== undefined && (
        <>
          <Details event={event} />
          <Explanation eventId={eventId} />
          <Section title="Body" lead="As every webhook is sent it.">
            {event.body === null
              ? (
                <p className={styles["soft"]}>
                  The event has left the stream, which keeps 30 days: what it said is gone, what became of it stays.
                </p>
              )
              : (
                <Card>
                  <div className={styles["body"]}>
                    <Payload body={event.body} />
                  </div>
                </Card>
              )}
          </Section>
        </>
      )}
    </Page>
  )
}
