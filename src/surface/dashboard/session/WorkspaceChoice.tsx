import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { type FormEvent, useId, useState } from "react"
import { Button } from "../shared/Button.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { CodeInput, Field } from "../shared/Field.tsx"
import { counted } from "../shared/Numbers.ts"
import { Foreign } from "../shared/Text.tsx"
import { useApi, useChooseWorkspace } from "./Session.tsx"
import styles from "./WorkspaceChoice.module.css"

const shape = /^[A-Za-z0-9_-]{1,64}$/

/** The operator's workspaces by the beginning of their ids; one that is in no list yet can be named as well. */
export const WorkspaceChoice = ({ onChosen }: { readonly onChosen?: () => void }) => {
  const api = useApi()
  const choose = useChooseWorkspace()
  const [prefix, setPrefix] = useState("")
  const list = useId()
  const { data, error, isFetching, refetch } = useQuery({
    queryKey: ["workspaces", prefix],
    queryFn: ({ signal }) => api("workspaces.list", { query: { prefix: prefix || undefined, limit: 20 }, signal }),
    placeholderData: keepPreviousData
  })
  const pick = (id: string): void => {
    choose(id)
    onChosen?.()
  }
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (shape.test(prefix)) pick(prefix)
  }
  return (
    <form className={styles["choice"]} onSubmit={submit}>
      <Field
        label="Workspace"
        hint="Type the beginning of an id. A workspace that has no webhook yet is in no list: type its whole id."
        error={prefix === "" || shape.test(prefix) ? undefined : "An id has 1 to 64 letters, digits, _ and -."}
      >
        {(described) => (
          <CodeInput
            {...described}
            autoFocus
            placeholder="ws_…"
            value={prefix}
            onChange={(event) => setPrefix(event.target.value.trim())}
          />
        )}
      </Field>
      {error === null
        ? (
          <ul className={styles["list"]} id={list} aria-label="Workspaces">
            {data?.data.map(({ id, webhooks }) => (
              <li key={id}>
                <Button kind="quiet" className={styles["workspace"]} onClick={() => pick(id)}>
                  <Foreign mono oneLine>{id}</Foreign>
                  <span className={styles["count"]}>
                    {counted(webhooks.enabled + webhooks.paused + webhooks.disabled, "webhook")}
                  </span>
                </Button>
              </li>
            ))}
          </ul>
        )
        : (
          <ErrorNotice
            title="The workspaces could not be loaded."
            error={error}
            onRetry={() => void refetch()}
            retrying={isFetching}
          />
        )}
      {shape.test(prefix) && <Button type="submit" kind="primary">Open {prefix}</Button>}
    </form>
  )
}
