import { useQuery } from "@tanstack/react-query"
import { useNavigate, useSearch } from "@tanstack/react-router"
import { useState } from "react"
import type { Webhook } from "../api/Contract.ts"
import { useApi, useCan, useWorkspaceKey } from "../session/Session.tsx"
import { useLiveRefresh } from "../session/useLiveRefresh.ts"
import { Button, ButtonLink } from "../shared/Button.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Input } from "../shared/Field.tsx"
import { count, counted } from "../shared/Numbers.ts"
import { Page } from "../shared/Page.tsx"
import { NoWebhooks } from "./NoWebhooks.tsx"
import { webhooksKey, webhooksQuery } from "./Queries.ts"
import styles from "./WebhooksPage.module.css"
import { WebhooksLoading, WebhookTable } from "./WebhookTable.tsx"

/** A list that is longer can be searched. */
const short = 8
/** Rows at first, and with each click more. */
const step = 100

const matches = (webhook: Webhook, find: string): boolean =>
  [webhook.url, webhook.description, webhook.id, webhook.state, ...webhook.events].some((text) =>
    text.toLowerCase().includes(find.toLowerCase())
  )

const WebhookList = ({ webhooks }: { readonly webhooks: ReadonlyArray<Webhook> }) => {
  const { find = "" } = useSearch({ from: "/webhooks" })
  const navigate = useNavigate({ from: "/webhooks" })
  const [most, setMost] = useState(step)
  const found = find === "" ? webhooks : webhooks.filter((webhook) => matches(webhook, find))
  return (
    <>
      {(webhooks.length > short || find !== "") && (
        <div className={styles["find"]}>
          <Input
            type="search"
            aria-label="Find a webhook"
            placeholder="Find by URL, description or event"
            value={find}
            onChange={({ target }) =>
              void navigate({ search: (search) => ({ ...search, find: target.value }), replace: true })}
          />
          <span role="status" className={styles["soft"]}>
            {find === ""
              ? counted(webhooks.length, "webhook")
              : `${count(found.length)} of ${counted(webhooks.length, "webhook")}`}
          </span>
        </div>
      )}
      {found.length > 0 && <WebhookTable webhooks={found.slice(0, most)} />}
      {found.length > most && (
        <div>
          <Button onClick={() => setMost(most + step)}>Show more: {count(found.length - most)} are left</Button>
        </div>
      )}
    </>
  )
}

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
        ? error === null && <WebhooksLoading />
        : webhooks.length === 0
        ? <NoWebhooks action={add} />
        : <WebhookList webhooks={webhooks} />}
    </Page>
  )
}
