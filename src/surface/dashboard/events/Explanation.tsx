import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { useState } from "react"
import { sentence } from "../api/ApiFailure.ts"
import type { Answer } from "../api/Contract.ts"
import { statusLooks } from "../deliveries/Words.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { Badge, type Tone } from "../shared/Badge.tsx"
import { Button } from "../shared/Button.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { count, counted, latency } from "../shared/Numbers.ts"
import { Card, Section } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign, ForeignUrl } from "../shared/Text.tsx"
import { Time } from "../shared/Time.tsx"
import { EventTypes } from "../webhooks/EventTypes.tsx"
import styles from "./EventPage.module.css"
import { inOrder, summary } from "./Explained.ts"
import { explainQuery } from "./Queries.ts"

type Explained = Answer<"events.explain">["webhooks"][number]
type Delivery = NonNullable<Explained["delivery"]>

const verdictOf = ({ delivery, reason }: Explained): readonly [tone: Tone, word: string] => {
  if (delivery !== null) return [statusLooks[delivery.status][1], delivery.status]
  return reason === "matched" || reason === "paused" || reason === "disabled"
    ? ["warn", "on its way"]
    : ["neutral", "not owed"]
}

const DeliveryFacts = ({ delivery }: { readonly delivery: Delivery }) => (
  <p className={styles["soft"]}>
    {delivery.attempts === 0 ? "No attempt yet" : counted(delivery.attempts, "attempt")}
    {delivery.last_status !== null && `, last answered ${delivery.last_status}`}
    {delivery.last_latency_ms !== null && ` in ${latency(delivery.last_latency_ms)}`}
    {delivery.last_error !== null && delivery.status !== "succeeded" && (
      <>
        {": "}
        <Foreign>{delivery.last_error}</Foreign>
      </>
    )}
    {delivery.next_attempt_at !== null && (
      <>
        {". Next attempt "}
        <Time at={delivery.next_attempt_at} />
      </>
    )}
  </p>
)

const ExplainedWebhook = ({ explained }: { readonly explained: Explained }) => {
  const { delivery, events, message, reason, url, webhook_id: webhookId } = explained
  const [tone, word] = verdictOf(explained)
  return (
    <li className={styles["webhook"]}>
      <div className={styles["verdict"]}>
        <Badge tone={tone}>{word}</Badge>
      </div>
      <div className={styles["why"]}>
        <Link to="/webhooks/$webhookId" params={{ webhookId }} className={styles["url"]}>
          {url === "" ? <Foreign mono>{webhookId}</Foreign> : <ForeignUrl>{url}</ForeignUrl>}
        </Link>
        <p>
          <Foreign>{sentence(message)}</Foreign>
        </p>
        {reason === "not_subscribed" && events.length > 0 && (
          <div className={styles["subscribed"]}>
            <span className={styles["soft"]}>It took</span> <EventTypes events={events} atMost={6} />
          </div>
        )}
        {delivery !== null && <DeliveryFacts delivery={delivery} />}
      </div>
      {delivery !== null && (
        <Link
          to="/webhooks/$webhookId"
          params={{ webhookId }}
          search={{ delivery: delivery.id }}
          className={styles["open"]}
        >
          Delivery
        </Link>
      )}
    </li>
  )
}

/** Webhooks at first, and with each click more. */
const step = 100

/** Every webhook of the workspace: whether it is owed the event, and why. */
export const Explanation = ({ eventId }: { readonly eventId: string }) => {
  const { data, error, isFetching, refetch } = useQuery(explainQuery(useApi(), useWorkspaceKey(), eventId))
  const [most, setMost] = useState(step)
  const webhooks = data === undefined ? [] : inOrder(data.webhooks)
  return (
    <Section title="Who got it, and who did not" lead={data === undefined ? undefined : summary(data.webhooks)}>
      {error !== null && (
        <ErrorNotice
          title={data === undefined
            ? "The explanation could not be loaded."
            : "What you see may be old: the explanation could not be loaded anew."}
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
      {data === undefined && error === null && (
        <Card>
          <div className={styles["body"]}>
            {[0, 1, 2].map((line) => <Skeleton key={line} width={48} />)}
          </div>
        </Card>
      )}
      {webhooks.length > 0 && (
        <Card>
          <ul>
            {webhooks.slice(0, most).map((explained) => (
              <ExplainedWebhook key={explained.webhook_id} explained={explained} />
            ))}
          </ul>
        </Card>
      )}
      {webhooks.length > most && (
        <div>
          <Button onClick={() => setMost(most + step)}>Show more: {count(webhooks.length - most)} are left</Button>
        </div>
      )}
      {data !== undefined && data.behind > 0 && (
        <p className={styles["soft"]}>
          The history is {counted(data.behind, "record")} behind: what happened last may not be in it yet.
        </p>
      )}
    </Section>
  )
}
