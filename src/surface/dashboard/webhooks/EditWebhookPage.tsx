import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { Link, useNavigate, useParams } from "@tanstack/react-router"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { ButtonLink } from "../shared/Button.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Page } from "../shared/Page.tsx"
import { Foreign } from "../shared/Text.tsx"
import { useToast } from "../shared/Toast.tsx"
import { GoneWebhook } from "./GoneWebhook.tsx"
import { webhookKey, webhookQuery, webhooksKey } from "./Queries.ts"
import { change, type Values, valuesOf } from "./Values.ts"
import { WebhookForm } from "./WebhookForm.tsx"

export const EditWebhookPage = () => {
  const { webhookId } = useParams({ from: "/webhooks/$webhookId/edit" })
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const say = useToast()
  const { data: webhook, error, isFetching, refetch } = useQuery(webhookQuery(api, workspace, webhookId))
  const save = useMutation({
    mutationFn: (values: Values) => api("webhooks.change", { path: { id: webhookId }, body: change(values) }),
    onSuccess: async ({ warnings = [] }) => {
      void queries.invalidateQueries({ queryKey: webhooksKey(workspace) })
      await queries.invalidateQueries({ queryKey: webhookKey(workspace, webhookId) })
      say(["Saved.", ...warnings].join(" "))
      await navigate({ to: "/webhooks/$webhookId", params: { webhookId } })
    }
  })
  if (webhook === null) return <GoneWebhook webhookId={webhookId} />
  return (
    <Page
      title="Edit webhook"
      trail={
        <>
          <Link to="/webhooks">Webhooks</Link>
          {webhook !== undefined && (
            <>
              <span aria-hidden="true">/</span>
              <Link to="/webhooks/$webhookId" params={{ webhookId }}>
                <Foreign oneLine>{webhook.url}</Foreign>
              </Link>
            </>
          )}
        </>
      }
    >
      {error !== null && webhook === undefined && (
        <ErrorNotice
          title="The webhook could not be loaded."
          error={error}
          onRetry={() => void refetch()}
          retrying={isFetching}
        />
      )}
      {webhook !== undefined && (
        <WebhookForm
          initial={valuesOf(webhook)}
          existing={{ url: webhook.url, headers: Object.keys(webhook.headers) }}
          submit="Save"
          busy={save.isPending}
          failed="The webhook was not changed."
          error={save.error}
          cancel={<ButtonLink kind="quiet" to="/webhooks/$webhookId" params={{ webhookId }}>Cancel</ButtonLink>}
          onSubmit={(values) => save.mutate(values)}
        />
      )}
    </Page>
  )
}
