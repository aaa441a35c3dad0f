import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { sentence } from "../api/ApiFailure.ts"
import type { Webhook } from "../api/Contract.ts"
import { useApi, useCan, useWorkspaceKey } from "../session/Session.tsx"
import { useLiveRefresh } from "../session/useLiveRefresh.ts"
import { ButtonLink } from "../shared/Button.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { percent } from "../shared/Numbers.ts"
import { Page } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Sparkline } from "../shared/Sparkline.tsx"
import { Cell, Row, Table } from "../shared/Table.tsx"
import { Foreign, visible } from "../shared/Text.tsx"
import { Time } from "../shared/Time.tsx"
import { EventTypes } from "./EventTypes.tsx"
import { NoWebhooks } from "./NoWebhooks.tsx"
import { webhooksKey, webhooksQuery } from "./Queries.ts"
import { WebhookState } from "./State.tsx"
import styles from "./WebhooksPage.module.css"

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
        <Foreign>{webhook.url}</Foreign>
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

const Loading = () => (
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

/** All webhooks of the workspace, and how each fares. */
export const WebhooksPage = () => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const mayAdd = useCan("manage")
  const { data, error, isFetching, refetch } = useQuery(webhooksQuery(api, workspace))
  useLiveRefresh(webhooksKey(workspace))
  const webhooks = data?.data
  const add = mayAdd && <ButtonLink kind="primary" to="/webhooks/new">Add webhook</ButtonLink>

  return (
    <Page
      title="Webhooks"
      lead="Every event of a type that a webhook subscribes to is sent to its URL, signed."
      actions={webhooks === undefined || webhooks.length === 0 ? undefined : add}
    >
      {error !== null && (
        <ErrorNotice
          title={webhooks === undefined
            ? "The webhooks could not be loaded."
            : "What you see may be old: the webhooks could not be loaded anew."}
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
      {webhooks === undefined
        ? error === null && <Loading />
        : webhooks.length === 0
        ? <NoWebhooks action={add} />
        : (
          <Table caption="Webhooks" columns={columns}>
            {webhooks.map((webhook) => <WebhookRow key={webhook.id} webhook={webhook} />)}
          </Table>
        )}
    </Page>
  )
}
