import { useMutation, useQueryClient } from "@tanstack/react-query"
import { failureFrom } from "../api/ApiFailure.ts"
import type { ApiKey } from "../api/Contract.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { Dialog } from "../shared/Dialog.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Foreign } from "../shared/Text.tsx"
import { Time } from "../shared/Time.tsx"
import { useToast } from "../shared/Toast.tsx"
import { apiKeysKey } from "./Queries.ts"

const stops: Record<ApiKey["role"], string> = {
  publish: "Whatever publishes with it is refused from then on: events that it does not store itself are lost.",
  read: "Whatever reads with it is refused from then on, and who signed in here with it is signed out.",
  manage:
    "Whatever publishes, reads or changes something with it is refused from then on. Who signed in here with it is signed out, perhaps you."
}

export const RevokeApiKey = ({ apiKey, onClose }: { readonly apiKey: ApiKey; readonly onClose: () => void }) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const say = useToast()
  const revoke = useMutation({
    mutationFn: () => api("apiKeys.revoke", { path: { id: apiKey.id } }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: apiKeysKey(workspace) })
      say("The key is revoked: within 5 seconds it is good for nothing.")
      onClose()
    },
    // It may be revoked all the same: the list says so.
    onError: () => void queries.invalidateQueries({ queryKey: apiKeysKey(workspace) })
  })
  return (
    <Dialog
      open
      onOpenChange={(open) => open || onClose()}
      title="Revoke this API key?"
      description={
        <>
          <p>
            <strong>
              <Foreign>{apiKey.name}</Foreign>
            </strong>{" "}
            (<code>hk_{apiKey.id}_…</code>), {apiKey.last_used_at === null ? "never used" : (
              <>
                last used <Time at={apiKey.last_used_at} />
              </>
            )}.
          </p>
          <p>{stops[apiKey.role]} This cannot be undone.</p>
        </>
      }
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="danger" busy={revoke.isPending} onClick={() => revoke.mutate()}>Revoke key</Button>
        </>
      }
    >
      {revoke.error !== null && (
        <ErrorNotice
          title={failureFrom(revoke.error).passing
            ? "Whether the key is revoked is not known."
            : "The key was not revoked."}
          error={revoke.error}
        />
      )}
    </Dialog>
  )
}
