import { useQuery } from "@tanstack/react-query"
import { Link, useParams } from "@tanstack/react-router"
import { useApi, useCan, useWorkspaceKey } from "../session/Session.tsx"
import { ButtonLink } from "../shared/Button.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Page } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign } from "../shared/Text.tsx"
import { webhookQuery } from "./Queries.ts"
import { WebhookState } from "./State.tsx"

/** One webhook: how it fares, and what can be done with it. */
export const WebhookPage = () => {
  const { webhookId } = useParams({ from: "/webhooks/$webhookId" })
  const api = useApi()
  const workspace = useWorkspaceKey()
  const mayManage = useCan("manage")
  const { data: webhook, error, isFetching, refetch } = useQuery(webhookQuery(api, workspace, webhookId))
  return (
    <Page
      title="Webhook"
      heading={webhook === undefined ? <Skeleton width={32} /> : <Foreign>{webhook.url}</Foreign>}
      trail={<Link to="/webhooks">Webhooks</Link>}
      lead={webhook === undefined ? <Skeleton width={12} /> : <WebhookState state={webhook.state} />}
      actions={mayManage && <ButtonLink to="/webhooks/$webhookId/edit" params={{ webhookId }}>Edit</ButtonLink>}
    >
      {error !== null && webhook === undefined && (
        <ErrorNotice
          title="The webhook could not be loaded."
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
    </Page>
  )
}
