import { useQuery } from "@tanstack/react-query"
import { Link, useParams } from "@tanstack/react-router"
import { History } from "../deliveries/History.tsx"
import { Recoveries } from "../deliveries/Recoveries.tsx"
import { SuppressedOffer } from "../deliveries/SuppressedOffer.tsx"
import { useApi, useCan, useWorkspaceKey } from "../session/Session.tsx"
import { useLiveRefresh } from "../session/useLiveRefresh.ts"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Page } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign, ForeignUrl } from "../shared/Text.tsx"
import { GoneWebhook } from "./GoneWebhook.tsx"
import { Health } from "./Health.tsx"
import { webhookKey, webhookQuery } from "./Queries.ts"
import { Settings } from "./Settings.tsx"
import { WebhookState } from "./State.tsx"
import { StateNotice } from "./StateNotice.tsx"
import { WebhookActions } from "./WebhookActions.tsx"
import styles from "./WebhookPage.module.css"

/** One webhook: how it fares, what can be done with it, and what became of its deliveries. */
export const WebhookPage = () => {
  const { webhookId } = useParams({ from: "/webhooks/$webhookId" })
  const api = useApi()
  const workspace = useWorkspaceKey()
  const mayAct = [useCan("manage"), useCan("send")].includes(true)
  const { data: webhook, error, isFetching, refetch } = useQuery(webhookQuery(api, workspace, webhookId))
  useLiveRefresh(webhookKey(workspace, webhookId), webhookId)
  if (webhook === null) return <GoneWebhook webhookId={webhookId} />
  return (
    <Page
      title="Webhook"
      trail={<Link to="/webhooks">Webhooks</Link>}
      heading={webhook === undefined
        ? error === null ? <Skeleton width={32} /> : "Webhook"
        : <ForeignUrl>{webhook.url}</ForeignUrl>}
      lead={webhook !== undefined && (
        <span className={styles["lead"]}>
          <WebhookState state={webhook.state} />
          <Foreign>{webhook.description}</Foreign>
        </span>
      )}
      actions={mayAct && webhook !== undefined && <WebhookActions webhook={webhook} />}
    >
      {error !== null && (
        <ErrorNotice
          title={webhook === undefined
            ? "The webhook could not be loaded."
            : "What you see may be old: the webhook could not be loaded anew."}
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
      {webhook !== undefined && (
        <>
          <StateNotice webhook={webhook} />
          <SuppressedOffer webhook={webhook} />
          <Recoveries webhookId={webhookId} />
          <Health webhookId={webhookId} />
          <Settings webhook={webhook} />
          {/* The last, for it has no end. */}
          <History webhookId={webhookId} />
        </>
      )}
    </Page>
  )
}
