import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { type FormEvent, useState } from "react"
import { failureFrom, fieldError } from "../api/ApiFailure.ts"
import { sessionEnded } from "../api/Queries.ts"
import { useApi, useWorkspaceKey } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { now } from "../shared/Clock.ts"
import { Dialog } from "../shared/Dialog.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { Check, Field, Input } from "../shared/Field.tsx"
import { zone } from "../shared/LocalTime.ts"
import { counted } from "../shared/Numbers.ts"
import { moment } from "../shared/Times.ts"
import { type Job, jobsKey, jobsQuery } from "./Queries.ts"
import styles from "./Recover.module.css"
import { JobProgress } from "./Recoveries.tsx"
import { type Choice, flawsOf, type Only, type Preset, presets, rangeOf, recovery } from "./RecoverRange.ts"

const kinds: Readonly<Record<Only, readonly [label: string, hint: string]>> = {
  failed: ["What failed", "Every attempt of its schedule failed."],
  suppressed: ["What was suppressed", "It came due while the webhook was disabled."],
  all: ["Everything that has ended", "Those and what succeeded: your endpoint gets it again, with the same ids."]
}

const said = (choice: Choice, opened: number): string => {
  const { from, to } = rangeOf(choice, opened)
  if (from === undefined) return "Of all events that are kept, up to now."
  const end = to === undefined ? "now" : moment(Date.parse(to))
  return `Of events published from ${moment(Date.parse(from))} to ${end}, ${zone()}.`
}

/** What a dry run finds: nothing is sent by it. */
const Preview = ({ choice, onClose, opened, webhookId }: {
  readonly choice: Choice
  readonly opened: number
  readonly webhookId: string
  readonly onClose: () => void
}) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const body = { ...recovery({ ...choice, rate: "" }, opened), dry_run: true }
  const { data, error, isFetching, isPlaceholderData, refetch } = useQuery({
    queryKey: [workspace, "recovery-preview", webhookId, body],
    queryFn: async ({ signal }) => {
      const found = await api("jobs.recover", { path: { id: webhookId }, body, signal })
      return "count" in found ? found : { count: 0, first: [] }
    },
    placeholderData: keepPreviousData
  })
  if (error !== null) {
    return (
      <ErrorNotice
        title="They could not be counted."
        error={error}
        onRetry={() => void refetch()}
        retrying={isFetching}
      />
    )
  }
  return (
    <div role="status" className={styles["preview"]}>
      <strong>
        {data === undefined || isPlaceholderData ? "Counting…" : data.count === 0
          ? "There is nothing to send again."
          : `${counted(data.count, "delivery", "deliveries")} will be sent again.`}
      </strong>
      {data !== undefined && !isPlaceholderData && data.first.length > 0 && (
        <details>
          <summary>The first of them</summary>
          <ul>
            {data.first.map((id) => (
              <li key={id}>
                <Link
                  from="/webhooks/$webhookId"
                  to="."
                  search={(search) => ({ ...search, delivery: id })}
                  resetScroll={false}
                  preload={false}
                  onClick={onClose}
                >
                  <code>{id}</code>
                </Link>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  )
}

/** Sends again what of a time range failed or was suppressed, as a job that goes on by itself. */
export const Recover = ({ initial, onClose, webhookId }: {
  readonly webhookId: string
  readonly initial?: Partial<Choice>
  readonly onClose: () => void
}) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  // The range is of the moment when it was asked for: what is counted is what is sent.
  const [opened] = useState(now)
  const [choice, setChoice] = useState<Choice>({
    preset: "day",
    from: "",
    to: "",
    only: "failed",
    rate: "",
    ...initial
  })
  const set = (change: Partial<Choice>): void => setChoice((before) => ({ ...before, ...change }))
  const flaws = flawsOf(choice, opened)
  const sound = Object.keys(flaws).length === 0
  const start = useMutation({
    mutationFn: () => api("jobs.recover", { path: { id: webhookId }, body: recovery(choice, opened) }),
    onSuccess: () => queries.invalidateQueries({ queryKey: jobsKey(workspace, webhookId) }),
    onError: (error) => sessionEnded(error)
  })
  const failure = start.error === null ? undefined : failureFrom(start.error)
  const begun = start.data !== undefined && "state" in start.data ? start.data : undefined
  const problem = (field: string): string | undefined => flaws[field] ?? fieldError(failure, field)
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (sound && !start.isPending) start.mutate()
  }
  if (begun !== undefined) return <Begun job={begun} webhookId={webhookId} onClose={onClose} />
  return (
    <Dialog
      open
      wide
      onOpenChange={(open) => open || onClose()}
      title="Recover deliveries"
      description="Sends again, each with its whole retry schedule, the oldest event first."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form="recover" disabled={!sound} busy={start.isPending}>
            Send again
          </Button>
        </>
      }
    >
      <form id="recover" noValidate onSubmit={submit}>
        <fieldset className={styles["choices"]}>
          <legend className={styles["legend"]}>What</legend>
          {(Object.keys(kinds) as Array<Only>).map((only) => (
            <Check
              key={only}
              type="radio"
              name="only"
              label={kinds[only][0]}
              hint={kinds[only][1]}
              checked={choice.only === only}
              onChange={() => set({ only })}
            />
          ))}
        </fieldset>
        <fieldset className={styles["choices"]}>
          <legend className={styles["legend"]}>Of which time</legend>
          <div className={styles["presets"]}>
            {(Object.keys(presets) as Array<Preset>).map((preset) => (
              <Check
                key={preset}
                type="radio"
                name="preset"
                label={presets[preset].label}
                checked={choice.preset === preset}
                onChange={() => set({ preset })}
              />
            ))}
          </div>
          {choice.preset === "own" && (
            <div className={styles["pair"]}>
              <Field label="From" error={problem("from")}>
                {(described) => (
                  <Input
                    {...described}
                    type="datetime-local"
                    value={choice.from}
                    onChange={({ target }) => set({ from: target.value })}
                  />
                )}
              </Field>
              <Field label="To" optional error={problem("to")}>
                {(described) => (
                  <Input
                    {...described}
                    type="datetime-local"
                    value={choice.to}
                    onChange={({ target }) => set({ to: target.value })}
                  />
                )}
              </Field>
            </div>
          )}
          <p className={styles["soft"]}>{said(choice, opened)}</p>
        </fieldset>
        <Field
          label="At most"
          optional
          hint="Deliveries a second, so that your endpoint keeps up; 100 when empty."
          error={problem("rate")}
        >
          {(described) => (
            <Input
              {...described}
              inputMode="numeric"
              value={choice.rate}
              onChange={({ target }) => set({ rate: target.value })}
            />
          )}
        </Field>
      </form>
      {(flaws["from"] ?? flaws["to"]) === undefined && (
        <Preview choice={choice} opened={opened} webhookId={webhookId} onClose={onClose} />
      )}
      {failure !== undefined && ["from", "to", "rate"].every((field) => fieldError(failure, field) === undefined) && (
        <ErrorNotice title="The recovery was not begun." error={failure} />
      )}
    </Dialog>
  )
}

const Begun = ({ job, onClose, webhookId }: {
  readonly job: Job
  readonly webhookId: string
  readonly onClose: () => void
}) => {
  const { data } = useQuery(jobsQuery(useApi(), useWorkspaceKey(), webhookId))
  return (
    <Dialog
      open
      onOpenChange={(open) => open || onClose()}
      title="Recover deliveries"
      description="It goes on when you close this, and shows on the webhook's page."
      footer={<Button onClick={onClose}>Close</Button>}
    >
      <JobProgress job={data?.find(({ id }) => id === job.id) ?? job} />
    </Dialog>
  )
}
