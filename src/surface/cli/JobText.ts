import type { JobView } from "../api/contract/Jobs.ts"
import { layout } from "./Common.ts"
import { bar } from "./Progress.ts"
import type { ShellService } from "./Shell.ts"
import { fields } from "./Table.ts"
import { shortTime } from "./Text.ts"

export type { JobView }

/** `1200 of 10000`. */
export const progressOf = ({ settled, total }: JobView): string => `${settled} of ${total}`

const reasons: { readonly [Reason in keyof JobView["skipped"]]: string } = {
  already_running: "under way already",
  retried_meanwhile: "retried meanwhile",
  event_expired: "event expired"
}

const skipped = (job: JobView): string =>
  (Object.keys(reasons) as ReadonlyArray<keyof typeof reasons>)
    .filter((reason) => job.skipped[reason] > 0)
    .map((reason) => `${job.skipped[reason]} ${reasons[reason]}`)
    .join(", ")

export const jobFields = (shell: ShellService, job: JobView): string =>
  fields([
    ["id", job.id],
    ["webhook", job.webhook_id],
    ["only", job.only],
    ["published", `${job.from === null ? "" : `from ${shortTime(job.from)} UTC `}until ${shortTime(job.to)} UTC`],
    ["rate", `${job.rate} a second`],
    ["state", job.error === null ? job.state : `${job.state}: ${job.error}`],
    ["progress", progressOf(job)],
    ["sent again", job.accepted],
    ["skipped", skipped(job)],
    ["created", `${shortTime(job.created_at)} UTC`],
    ["ended", job.finished_at === null ? undefined : `${shortTime(job.finished_at)} UTC`]
  ], layout(shell).bold)

/** `[#########                     ] 30 %  3000 of 10000`, for a terminal. */
export const progressBar = (job: JobView): string =>
  `${bar(job.total === 0 ? (job.state === "done" ? 1 : 0) : job.settled / job.total)}  ${progressOf(job)}`
