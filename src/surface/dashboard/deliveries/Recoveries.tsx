import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect, useState } from "react"
import { failureFrom, sentence } from "../api/ApiFailure.ts"
import { sessionEnded } from "../api/Queries.ts"
import { useApi, useCan, useWorkspaceKey } from "../session/Session.tsx"
import { Button } from "../shared/Button.tsx"
import { ErrorNotice } from "../shared/ErrorNotice.tsx"
import { count, counted } from "../shared/Numbers.ts"
import { moment } from "../shared/Times.ts"
import { type Job, jobsKey, jobsQuery } from "./Queries.ts"
import styles from "./Recoveries.module.css"

const whats: Readonly<Record<Job["only"], string>> = {
  failed: "failed",
  suppressed: "suppressed",
  all: "ended"
}

const errors: Readonly<Record<string, string>> = {
  webhook_disabled: "the webhook was disabled. Enable it, and begin anew",
  webhook_deleted: "the webhook was deleted",
  fault: "of a fault on the server's side. Begin anew for what is left"
}

const states: Readonly<Record<Job["state"], string>> = {
  running: "Sending again",
  done: "Sent again",
  cancelled: "Cancelled: sent again",
  failed: "Broken off: sent again"
}

const speed = (job: Job): string => {
  const seconds = (Date.parse(job.finished_at ?? job.updated_at) - Date.parse(job.created_at)) / 1000
  return seconds < 1 ? "" : `${count(Math.round(job.settled / seconds))} a second, `
}

const skipped = ({ skipped }: Job): string =>
  [
    skipped.already_running > 0 && `${counted(skipped.already_running, "was", "were")} under way already`,
    skipped.retried_meanwhile > 0 && `${counted(skipped.retried_meanwhile, "was", "were")} retried meanwhile`,
    skipped.event_expired > 0 && `${counted(skipped.event_expired, "is", "are")} no longer kept`
  ].filter((each) => each !== false).join(", ")

/** How far a recovery is, and the way to end it. */
export const JobProgress = ({ job }: { readonly job: Job }) => {
  const api = useApi()
  const workspace = useWorkspaceKey()
  const queries = useQueryClient()
  const maySend = useCan("send")
  const cancel = useMutation({
    mutationFn: () => api("jobs.cancel", { path: { id: job.id } }),
    onError: (error) => sessionEnded(error),
    onSettled: () => queries.invalidateQueries({ queryKey: jobsKey(workspace, job.webhook_id) })
  })
  const left = skipped(job)
  const range = `${job.from === null ? "up to" : `${moment(Date.parse(job.from))} to`} ${moment(Date.parse(job.to))}`
  return (
    <div className={styles["job"]}>
      <div className={styles["line"]}>
        <div className={styles["words"]}>
          <strong>{states[job.state]} {count(job.accepted)} of {counted(job.total, "delivery", "deliveries")}</strong>
          <span className={styles["soft"]}>
            {whats[job.only]}, {range}; {speed(job)}at most {count(job.rate)}
            {left !== "" && `; skipped: ${left}`}
          </span>
        </div>
        {job.state === "running" && maySend && (
          <Button small busy={cancel.isPending} onClick={() => cancel.mutate()}>Cancel</Button>
        )}
      </div>
      <progress
        className={styles["bar"]}
        aria-label="Progress of the recovery"
        max={Math.max(1, job.total)}
        value={job.state === "done" ? Math.max(1, job.total) : job.settled}
      />
      <p role="status" className={job.state === "failed" ? styles["bad"] : styles["soft"]}>
        {job.error !== null && `It ended because ${errors[job.error] ?? job.error}.`}
        {job.state === "done" && "Done."}
        {cancel.error !== null && `Not cancelled: ${sentence(failureFrom(cancel.error).message)}`}
      </p>
    </div>
  )
}

/** The recoveries that run, after a reload too, and those that ended before the reader's eyes until he puts them away. */
export const Recoveries = ({ webhookId }: { readonly webhookId: string }) => {
  const { data, error, isFetching, refetch } = useQuery(jobsQuery(useApi(), useWorkspaceKey(), webhookId))
  const [seen, setSeen] = useState<ReadonlySet<string>>(new Set())
  useEffect(() => {
    const running = data?.filter(({ state }) => state === "running").map(({ id }) => id) ?? []
    setSeen((before) => running.every((id) => before.has(id)) ? before : new Set([...before, ...running]))
  }, [data])
  const shown = data?.filter((job) => job.state === "running" || seen.has(job.id)) ?? []
  if (error !== null && data === undefined) {
    return (
      <ErrorNotice
        title="Whether a recovery runs could not be found out."
        error={error}
        onRetry={() => void refetch()}
        retrying={isFetching}
      />
    )
  }
  if (shown.length === 0) return null
  return (
    <section aria-label="Recoveries" className={styles["jobs"]}>
      {shown.map((job) => (
        <div key={job.id} className={styles["card"]}>
          <JobProgress job={job} />
          {job.state !== "running" && (
            <Button
              small
              kind="quiet"
              onClick={() => setSeen((before) => new Set([...before].filter((id) => id !== job.id)))}
            >
              Dismiss
            </Button>
          )}
        </div>
      ))}
    </section>
  )
}
