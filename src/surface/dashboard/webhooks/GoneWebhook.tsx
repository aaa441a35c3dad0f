import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { History } from "../deliveries/History.tsx"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { ButtonLink } from "../shared/Button.tsx"
import { Empty } from "../shared/Empty.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Notice } from "../shared/Notice.tsx"
import { Card, Page } from "../shared/Page.tsx"
import { Skeleton } from "../shared/Skeleton.tsx"
import { Foreign } from "../shared/Text.tsx"
import { wasDeletedQuery } from "./Queries.ts"

/** In the place of a webhook that is not there: it was deleted, and its history stays, or there never was one. */
export const GoneWebhook = ({ webhookId }: { readonly webhookId: string }) => {
  const { data: deleted, error, isFetching, refetch } = useQuery(
    wasDeletedQuery(useApi(), useWorkspaceKey(), webhookId)
  )
  return (
    <Page
      title={deleted === true ? "Deleted webhook" : "Webhook"}
      trail={<Link to="/webhooks">Webhooks</Link>}
      lead={<Foreign mono>{webhookId}</Foreign>}
    >
      {error !== null && (
        <ErrorNotice
          title="Whether the webhook was deleted could not be found out."
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
      {deleted === undefined && error === null && <Skeleton width={48} />}
      {deleted === false && (
        <Card>
          <Empty title="There is no such webhook" action={<ButtonLink to="/webhooks">To the webhooks</ButtonLink>}>
            <p>The address may be mistyped, or belong to another workspace.</p>
          </Empty>
        </Card>
      )}
      {deleted === true && (
        <>
          <Notice>
            <strong>This webhook was deleted.</strong>
            <p>
              Nothing more is sent to it, its secret is destroyed, and what waited was cancelled. What became of its
              deliveries stays here, with every attempt.
            </p>
          </Notice>
          <History webhookId={webhookId} deleted />
        </>
      )}
    </Page>
  )
}
