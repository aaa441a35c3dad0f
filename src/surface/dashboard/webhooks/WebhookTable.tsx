import { Link } from "@tanstack/react-router"
import { sentence } from "../api/ApiFailure.ts"
import type { Webhook } from "../api/Contract.ts"
import { percent } from "../shared/Numbers.ts"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Sparkline } from "../shared/Sparkline.tsx"
import { Cell, Row, Table } from "../shared/Table.tsx"
import { Foreign, ForeignUrl, visible } from "../shared/Text.tsx"
import { Time } from "../shared/Time.tsx"
import { EventTypes } from "./EventTypes.tsx"
import { WebhookState } from "./State.tsx"
import styles from "./WebhookTable.module.css"

const columns = ["Webhook", "State", "Events", "Last 24 hours", "Last error"]

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((all, number) => all + number, 0)

const Rate = ({ health }: { readonly health: Webhook["health"] | undefined }) => {
  if (health === undefined || health === null) return <span className={styles["soft"]}>Not known now</span>
  const { failed, succeeded } = health.hours
  const attempts = sum(succeeded) + sum(failed)
  if (attempts === 0) return <span className={styles["soft"]}>No attempts</span>
  return (
    <div className={styles["rate"]}>
      <span className={styles["percent"]}>{percent(sum(succeeded) / attempts)}</span>
      <Sparkline
        span="The last 24 hours"
        steps={succeeded.map((number, hour) => ({ succeeded: number, failed: failed[hour] ?? 0 }))}
      />
    </div>
  )
}

const LastError = ({ health }: { readonly health: Webhook["health"] | undefined }) => {
  if (health === undefined || health === null) return <span className={styles["soft"]}>Not known now</span>
  const { last_attempt_at: lastAttempt, last_error: error, last_error_at: at } = health
  if (error === null || at === null) return <span className={styles["soft"]}>None</span>
  const over = lastAttempt !== null && lastAttempt > at
  return (
    <div className={styles["error"]}>
      <span className={over ? styles["over"] : styles["failing"]}>
        <Foreign>{sentence(error)}</Foreign>
      </span>
      <span className={styles["soft"]}>
        <Time at={at} />
        {over && ", not since"}
      </span>
    </div>
  )
}

const WebhookRow = ({ webhook }: { readonly webhook: Webhook }) => (
  <Row clickable>
    <Cell main label="Webhook">
      <Link
        to="/webhooks/$webhookId"
        params={{ webhookId: webhook.id }}
        className={styles["url"]}
        title={visible(webhook.url)}
      >
        <ForeignUrl>{webhook.url}</ForeignUrl>
      </Link>
      {webhook.description !== "" && (
        <p className={styles["description"]}>
          <Foreign>{webhook.description}</Foreign>
        </p>
      )}
    </Cell>
    <Cell label="State">
      <WebhookState state={webhook.state} />
    </Cell>
    <Cell label="Events">
      <EventTypes events={webhook.events} atMost={3} />
    </Cell>
    <Cell label="Last 24 hours">
      <Rate health={webhook.health} />
    </Cell>
    <Cell label="Last error">
      <LastError health={webhook.health} />
    </Cell>
  </Row>
)

/** Webhooks, a row each, and how each fares. */
export const WebhookTable = ({ webhooks }: { readonly webhooks: ReadonlyArray<Webhook> }) => (
  <Table caption="Webhooks" columns={columns}>
    {webhooks.map((webhook) => <WebhookRow key={webhook.id} webhook={webhook} />)}
  </Table>
)

/** Holds the place of the table that comes. */
export const WebhooksLoading = () => (
  <Table caption="Webhooks, loading" columns={columns}>
    {[0, 1, 2].map((row) => (
      <Row key={row}>
        <Cell main label="Webhook">
          <Skeleton width={36} />
        </Cell>
        {columns.slice(1).map((column) => (
          <Cell key={column} label={column}>
            <Skeleton width={10} />
          </Cell>
        ))}
      </Row>
    ))}
  </Table>
)
