import { useMutation, useQueryClient } from "@tanstack/react-query"
import { Link, useNavigate } from "@tanstack/react-router"
import { sentence } from "../api/ApiFailure.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { ButtonLink } from "../shared/Button.tsx"
import { Page } from "../shared/Page.tsx"
import { webhooksKey } from "./Queries.ts"
import { SecretOnce } from "./SecretOnce.tsx"
import { creation, emptyValues, type Values } from "./Values.ts"
import { WebhookForm } from "./WebhookForm.tsx"

export const AddWebhookPage = () => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const add = useMutation({
    mutationFn: (values: Values) => api("webhooks.create", { body: creation(values) }),
    onSuccess: () => queries.invalidateQueries({ queryKey: webhooksKey(workspace) })
  })
  return (
    <Page title="Add webhook" trail={<Link to="/webhooks">Webhooks</Link>}>
      <WebhookForm
        initial={emptyValues}
        submit="Add webhook"
        busy={add.isPending}
        failed="The webhook was not added."
        error={add.error}
        cancel={<ButtonLink kind="quiet" to="/webhooks">Cancel</ButtonLink>}
        onSubmit={(values) => add.mutate(values)}
      />
      {add.data !== undefined && (
        <SecretOnce
          title="Webhook added"
          description={[
            "This is its secret, with which your endpoint checks that a request comes from here. Store it now: it is not shown again.",
            ...(add.data.warnings ?? []).map(sentence)
          ].join(" ")}
          secret={add.data.secret}
          onStored={() => void navigate({ to: "/webhooks/$webhookId", params: { webhookId: add.data.id } })}
        />
      )}
    </Page>
  )
}
