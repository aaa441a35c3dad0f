import { Link } from "@tanstack/react-router"
import type { Answer } from "../api/Contract.ts"
import { Copy } from "../shared/Copy.tsx"
import { counted } from "../shared/Numbers.ts"
import { Card, Section } from "../shared/Page.tsx"
import { Foreign } from "../shared/Text.tsx"
import { Time } from "../shared/Time.tsx"
import { EventTypes } from "./EventTypes.tsx"
import styles from "./Settings.module.css"

/** What a webhook is set to; the form that changes it is a page of its own. */
export const Settings = ({ webhook }: { readonly webhook: Answer<"webhooks.show"> }) => {
  const headers = Object.keys(webhook.headers)
  return (
    <Section title="Settings">
      <Card>
        <dl className={styles["settings"]}>
          <dt>Events</dt>
          <dd>
            <EventTypes events={webhook.events} />
          </dd>
          <dt>Rate limit</dt>
          <dd>{webhook.rate_limit === null ? "None" : `${counted(webhook.rate_limit, "attempt")} a second`}</dd>
          <dt>Concurrency</dt>
          <dd>
            {webhook.concurrency === null
              ? "As usual"
              : `${counted(webhook.concurrency, "attempt")} at the same time`}
          </dd>
          <dt>Extra headers</dt>
          <dd>{headers.length === 0 ? "None" : <Foreign mono>{headers.join(", ")}</Foreign>}</dd>
          <dt>Signatures</dt>
          <dd>
            <Link to="/verify" search={{ webhook: webhook.id }}>How your endpoint checks them</Link>
          </dd>
          <dt>Id</dt>
          <dd className={styles["id"]}>
            <Foreign mono>{webhook.id}</Foreign>
            <Copy text={webhook.id} />
          </dd>
          <dt>Added</dt>
          <dd>
            <Time at={webhook.created_at} />
          </dd>
        </dl>
      </Card>
    </Section>
  )
}
