import { useMutation, useQueryClient } from "@tanstack/react-query"
import { type FormEvent, useId, useState } from "react"
import { failureFrom, fieldError } from "../api/ApiFailure.ts"
import type { Answer, Body } from "../api/Contract.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { Dialog } from "../shared/Dialog.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { CodeInput, Field, Select } from "../shared/Field.tsx"
import { moment } from "../shared/Times.ts"
import { webhookKey } from "./Queries.ts"
import { SecretOnce } from "./SecretOnce.tsx"

/** The usual is the operator's setting: nothing is sent for it. */
const overlaps = [["", "The usual time (24 hours unless set otherwise)"], ["3600", "1 hour"], ["604800", "7 days"], [
  "0",
  "None: the former secret ceases to be valid now"
]] as const

const overlapSays = (until: string | undefined): string =>
  until === undefined
    ? "The former secret is no longer valid."
    : `Until ${
      moment(Date.parse(until))
    } deliveries are signed with both, so that your endpoint can change over meanwhile.`

/** Replaces the secret; the former stays valid for a while beside the new one. */
export const RotateSecret = ({ onClose, webhook }: {
  readonly webhook: Answer<"webhooks.show">
  readonly onClose: () => void
}) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const [overlap, setOverlap] = useState("")
  const [secret, setSecret] = useState("")
  const form = useId()
  const rotate = useMutation({
    mutationFn: (body: Body<"webhooks.rotateSecret">) =>
      api("webhooks.rotateSecret", { path: { id: webhook.id }, body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: webhookKey(workspace, webhook.id), exact: true })
  })
  const failure = rotate.error === null ? null : failureFrom(rotate.error)
  const ofSecret = fieldError(failure, "secret")
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (rotate.isPending) return
    rotate.mutate({
      ...(secret === "" ? {} : { secret }),
      ...(overlap === "" ? {} : { overlap_seconds: Number(overlap) })
    })
  }
  if (rotate.data !== undefined) {
    return (
      <SecretOnce
        title="The new secret"
        description={`Store it now: it is not shown again. ${overlapSays(rotate.data.overlap_until)}`}
        secret={rotate.data.secret}
        onStored={onClose}
      />
    )
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => open || onClose()}
      title="Rotate the secret?"
      description="Deliveries are signed with a new secret. Until the overlap ends they carry the signature by the former one too."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form={form} busy={rotate.isPending}>Rotate secret</Button>
        </>
      }
    >
      <form id={form} onSubmit={submit}>
        <Field label="Overlap" hint="How long the former secret stays valid beside the new one.">
          {(described) => (
            <Select {...described} value={overlap} onChange={(event) => setOverlap(event.target.value)}>
              {overlaps.map(([value, label]) => <option key={value} value={value}>{label}</option>)}
            </Select>
          )}
        </Field>
        <Field label="New secret" optional hint="Leave it empty and a strong one is made." error={ofSecret}>
          {(described) => (
            <CodeInput
              {...described}
              placeholder="whsec_…"
              value={secret}
              onChange={(event) => setSecret(event.target.value)}
            />
          )}
        </Field>
      </form>
      {failure !== null && ofSecret === undefined && (
        <ErrorNotice
          title="The secret was not rotated."
          error={failure}
        />
      )}
    </Dialog>
  )
}
