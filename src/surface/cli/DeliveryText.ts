import type { AttemptView, DeliveryDetail, DeliveryView } from "../api/contract/Deliveries.ts"
import { bold, layout } from "./Common.ts"
import type { ShellService } from "./Shell.ts"
import { type Column, fields, table } from "./Table.ts"
import { broken, duration, printable, printableLines, shortTime, truncated } from "./Text.ts"

/** Deliveries and their attempts for a person. */

/** What a held one waits for; each is a reason of docs/messages.md. */
const holding: Readonly<Record<string, string>> = {
  busy: "a free lane of its webhook",
  in_flight: "the end of its attempt, which is under way",
  circuit: "an answer of the endpoint, whose last attempts had none",
  paused: "the webhook to be resumed",
  rate: "the webhook's rate limit",
  shutdown: "a worker: it was stopped meanwhile",
  secret: "the webhook's secret, which cannot be opened",
  local: "the end of a fault on hookline's side"
}

const meanings: Readonly<Record<DeliveryView["status"], string>> = {
  succeeded: "",
  retrying: "",
  failed: "no more attempts come",
  held: "uses up no attempt",
  suppressed: "it came due while the webhook was disabled",
  cancelled: "the webhook was deleted"
}

const utc = (time: string): string => `${shortTime(time)} UTC`

const answer = ({ last_error, last_status }: DeliveryView): string =>
  [last_status, last_error].filter((part) => part !== null).join(" ")

const next = ({ held_reason, next_attempt_at }: DeliveryView): string =>
  next_attempt_at !== null ? shortTime(next_attempt_at) : held_reason === null ? "" : `held: ${held_reason}`

const columns: ReadonlyArray<Column<DeliveryView>> = [
  { title: "ID", value: ({ id }) => id },
  { title: "EVENT", value: ({ event_type }) => event_type, spare: 2 },
  { title: "EVENT ID", value: ({ event_id }) => event_id, spare: 4 },
  { title: "WEBHOOK", value: ({ webhook_id }) => webhook_id, spare: 5 },
  { title: "STATUS", value: ({ status }) => status },
  { title: "TRIES", value: ({ attempts }) => attempts, align: "right" },
  { title: "LAST ANSWER", value: answer, shrinks: true, spare: 0 },
  {
    title: "TOOK",
    value: ({ last_latency_ms }) => last_latency_ms === null ? "" : duration(last_latency_ms),
    align: "right",
    spare: 3
  },
  { title: "NEXT (UTC)", value: next, spare: 1 },
  { title: "UPDATED (UTC)", value: ({ updated_at }) => shortTime(updated_at), spare: 6 }
]

/** Of one event's deliveries, the webhook is what tells them apart. */
const spareOfEvent: Readonly<Record<string, number>> = {
  WEBHOOK: 1,
  "LAST ANSWER": 2,
  "NEXT (UTC)": 3,
  TOOK: 4,
  "UPDATED (UTC)": 5
}

/** Without the columns that are the same in every line. */
export const deliveriesTable = (
  shell: ShellService,
  deliveries: ReadonlyArray<DeliveryView>,
  same: ReadonlyArray<"EVENT" | "EVENT ID" | "WEBHOOK"> = []
): string => {
  const shown = columns.filter(({ title }) => !same.some((one) => one === title))
  const ofEvent = same.includes("EVENT ID")
  return table(
    ofEvent ? shown.map((column) => ({ ...column, ...spare(spareOfEvent[column.title]) })) : shown,
    deliveries,
    layout(shell)
  )
}

const spare = (number: number | undefined) => number === undefined ? {} : { spare: number }

export const deliveryShown = (shell: ShellService, delivery: DeliveryDetail, withBody: boolean): string => {
  const { attempt_list: attempts, body } = delivery
  const left = delivery.attempts - attempts.length
  return [
    fields(
      [
        ["id", delivery.id],
        ["event", `${delivery.event_type} ${delivery.event_id}`],
        ["webhook", `${delivery.webhook_id}, at revision ${delivery.webhook_revision} when the event was matched`],
        ["published", utc(delivery.published_at)],
        ["status", [delivery.status, meanings[delivery.status]].filter((text) => text !== "").join(": ")],
        ["why", delivery.status === "failed" ? whyFailed(delivery) : undefined],
        ["waits for", waiting(delivery)],
        ["next attempt", nextAttempt(delivery)],
        ["attempts", delivery.attempts],
        ["updated", utc(delivery.updated_at)]
      ],
      bold(shell),
      shell.columns
    ),
    ...(left > 0 && attempts.length > 0 ? [`the first ${left} attempts are not shown`] : []),
    ...attempts.map((attempt) => attemptShown(shell, attempt)),
    ...(withBody ? [bodyShown(body)] : [])
  ].join("\n\n")
}

export const bodyShown = (body: string | null): string =>
  body === null ? "the body has left the stream with its event" : printableLines(body)

const whyFailed = ({ fail_reason, last_error }: DeliveryDetail): string | null =>
  fail_reason === "attempts" ? "the retry schedule is at its end" : last_error

const waiting = ({ held_reason, held_since }: DeliveryDetail): string | undefined =>
  held_reason === null
    ? undefined
    : [holding[held_reason] ?? held_reason, ...(held_since === null ? [] : [`since ${utc(held_since)}`])].join(", ")

const nextAttempt = ({ next_attempt_at, status }: DeliveryDetail): string | undefined =>
  status !== "retrying" ? undefined : next_attempt_at === null ? "now, or under way" : utc(next_attempt_at)

const attemptShown = (shell: ShellService, attempt: AttemptView): string => {
  const { address, class: outcome, latency_ms, response, round, started_at, status } = attempt
  const width = shell.columns === undefined ? undefined : shell.columns - indent
  const facts = fields(
    [
      ["error", attempt.error],
      // One line of what may be a page; all of it is in the JSON.
      ["response", response === null || response === "" ? undefined : excerpt(response, shell.columns)],
      ["next due", attempt.next_attempt_at === null ? undefined : utc(attempt.next_attempt_at)]
    ],
    undefined,
    width
  )
  const title = `attempt ${attempt.attempt}${round > 1 ? ` (round ${round}: after a retry by hand)` : ""}`
  const how = [outcome, ...(status === null ? [] : [status]), ...(address === null ? [] : [`from ${address}`])].join(
    " "
  )
  const line = printable(`${utc(started_at)}  ${how} after ${duration(latency_ms)}`)
  return [
    bold(shell)(title),
    ...[...(width === undefined ? [line] : broken(line, width)), ...(facts === "" ? [] : facts.split("\n"))]
      .map((line) => " ".repeat(indent) + line)
  ].join("\n")
}

const indent = 2
/** The longest name of an attempt's fields, and what is around it. */
const beforeResponse = indent + "response".length + 2
const piped = 300

const excerpt = (text: string, columns: number | undefined): string =>
  truncated(printable(text.slice(0, 4 * piped)), columns === undefined ? piped : Math.max(8, columns - beforeResponse))
