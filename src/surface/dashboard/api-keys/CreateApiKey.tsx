import { useMutation, useQueryClient } from "@tanstack/react-query"
import { type FormEvent, useId, useState } from "react"
import { failureFrom, fieldError } from "../api/ApiFailure.ts"
import type { Answer, ApiKey } from "../api/Contract.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { Dialog } from "../shared/Dialog.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Check, Field, Input } from "../shared/Field.tsx"
import styles from "./ApiKeysPage.module.css"
import { apiKeysKey } from "./Queries.ts"

export type CreatedKey = Answer<"apiKeys.create">

const roles: ReadonlyArray<readonly [role: ApiKey["role"], label: string, may: string]> = [
  ["publish", "Publish", "Publishes events and reads the event types. Sees no webhooks and no history."],
  [
    "read",
    "Read",
    "Sees everything of this workspace: webhooks, deliveries, events, the names of API keys. Changes nothing."
  ],
  ["manage", "Manage", "Everything: publish, read, change webhooks, retry and recover, make and revoke API keys."]
]

export const CreateApiKey = ({ onClose, onCreated }: {
  readonly onClose: () => void
  readonly onCreated: (key: CreatedKey) => void
}) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const [name, setName] = useState("")
  const [role, setRole] = useState<ApiKey["role"]>("publish")
  const [missing, setMissing] = useState(false)
  const form = useId()
  const create = useMutation({
    mutationFn: () => api("apiKeys.create", { body: { name: name.trim(), role } }),
    onSuccess: (key) => {
      void queries.invalidateQueries({ queryKey: apiKeysKey(workspace) })
      onCreated(key)
    },
    // It may be there all the same: the list says so.
    onError: () => void queries.invalidateQueries({ queryKey: apiKeysKey(workspace) })
  })
  const failure = create.error === null ? null : failureFrom(create.error)
  const nameError = missing
    ? "Say what it is for, so that one knows later what stops when it is revoked."
    : fieldError(failure, "name")
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    setMissing(name.trim() === "")
    if (name.trim() !== "" && !create.isPending) create.mutate()
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => open || onClose()}
      title="Create an API key"
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form={form} busy={create.isPending}>Create key</Button>
        </>
      }
    >
      <form id={form} noValidate onSubmit={submit}>
        <Field label="Name" hint="What it is for: a service, a program." error={nameError}>
          {(described) => (
            <Input
              {...described}
              autoComplete="off"
              maxLength={200}
              placeholder="Billing service"
              value={name}
              onChange={(event) => {
                setName(event.target.value)
                setMissing(false)
              }}
            />
          )}
        </Field>
        <fieldset>
          <legend className={styles["legend"]}>What it may do</legend>
          <div className={styles["roles"]}>
            {roles.map(([value, label, may]) => (
              <Check
                key={value}
                type="radio"
                name={`${form}-role`}
                label={label}
                hint={may}
                checked={role === value}
                onChange={() => setRole(value)}
              />
            ))}
          </div>
        </fieldset>
      </form>
      {failure !== null && nameError === undefined && (
        <ErrorNotice
          title={failure.passing
            ? "Whether the key was made is not known. If it is in the list now, revoke it: nobody has it."
            : "The key was not made."}
          error={failure}
        />
      )}
    </Dialog>
  )
}
