import { useMutation, useQueryClient } from "@tanstack/react-query"
import { type FormEvent, useId, useState } from "react"
import type { Answer } from "../api/Contract.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { Dialog } from "../shared/Dialog.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { CodeInput, Field } from "../shared/Field.tsx"
import { ForeignUrl } from "../shared/Text.tsx"
import { useToast } from "../shared/Toast.tsx"
import { webhookKey, webhooksKey } from "./Queries.ts"

const word = "delete"

export const DeleteWebhook = ({ onClose, onDeleted, webhook }: {
  readonly webhook: Answer<"webhooks.show">
  readonly onClose: () => void
  /** Leaves the webhook's page. */
  readonly onDeleted: () => Promise<void>
}) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const say = useToast()
  const [typed, setTyped] = useState("")
  const form = useId()
  const remove = useMutation({
    mutationFn: () => api("webhooks.remove", { path: { id: webhook.id } }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: webhooksKey(workspace) })
      say("The webhook is deleted. Its history stays.")
      await onDeleted()
      // What it was is not to be shown again as if it were there.
      queries.removeQueries({ queryKey: webhookKey(workspace, webhook.id) })
    }
  })
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (typed === word && !remove.isPending) remove.mutate()
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => open || onClose()}
      title="Delete this webhook?"
      description={
        <>
          <ForeignUrl mono>{webhook.url}</ForeignUrl>{" "}
          gets nothing more: deliveries that wait are cancelled, and its secret is destroyed. This cannot be undone. Its
          history stays.
        </>
      }
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="danger" type="submit" form={form} disabled={typed !== word} busy={remove.isPending}>
            Delete webhook
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={submit}>
        <Field label={`Type “${word}” to confirm`}>
          {(described) => (
            <CodeInput
              {...described}
              value={typed}
              onChange={(event) => setTyped(event.target.value.trim())}
            />
          )}
        </Field>
      </form>
      {remove.error !== null && <ErrorNotice title="The webhook was not deleted." error={remove.error} />}
    </Dialog>
  )
}
