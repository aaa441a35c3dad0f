import type { EventDetail, EventView, Explained, Explanation, RepeatsView } from "../api/contract/Events.ts"
import { bold, layout } from "./Common.ts"
import { bodyShown, deliveriesTable } from "./DeliveryText.ts"
import type { ShellService } from "./Shell.ts"
import { fields, table } from "./Table.ts"
import { shortTime } from "./Text.ts"

/** Events, and why webhooks got them or not, for a person. */

/** `2 succeeded, 1 failed`, or why there is nothing of the kind. */
const outcome = ({ deliveries, duplicate_of, outcome, quarantine_id }: EventView): string => {
  if (outcome === "duplicate") {
    const first = duplicate_of?.published_at ?? undefined
    return first === undefined
      ? "duplicate: repeats one that has left the history"
      : `duplicate: repeats the one of ${shortTime(first)}`
  }
  if (outcome === "quarantined") return quarantine_id === null ? "quarantined" : `quarantined as ${quarantine_id}`
  const counts = Object.entries(deliveries).filter(([, count]) => count > 0)
  return counts.length === 0 ? "no delivery" : counts.map(([status, count]) => `${count} ${status}`).join(", ")
}

export const eventsTable = (shell: ShellService, events: ReadonlyArray<EventView>): string =>
  table<EventView>(
    [
      { title: "ID", value: ({ id }) => id },
      { title: "TYPE", value: ({ event_type }) => event_type },
      { title: "PUBLISHED (UTC)", value: ({ published_at }) => shortTime(published_at), spare: 1 },
      { title: "BYTES", value: ({ size }) => size, align: "right", spare: 2 },
      { title: "WHAT BECAME OF IT", value: outcome, shrinks: true }
    ],
    events,
    layout(shell)
  )

/** So many repeats are named by their time; so many the API counts, and more are not told from it. */
const mostNamed = 3
const mostCounted = 1_000

/** `3 times, last 2026-01-31 14:35:21 UTC, …: nobody gets it a second time`. */
const repeated = (event: EventView, { count, latest }: RepeatsView): string | undefined => {
  const named = latest.slice(0, mostNamed).map(({ event_type, published_at }) =>
    `${shortTime(published_at)} UTC${event_type === event.event_type ? "" : ` as ${event_type}`}`
  )
  if (count === 0) return undefined
  const times = count === 1 ? "" : `${count >= mostCounted ? `${count} times or more` : `${count} times`}, last `
  return `${times}${named.join(", ")}: nobody gets it a second time`
}

const facts = (shell: ShellService, event: EventView, repeats: RepeatsView): string =>
  fields(
    [
      ["id", event.id],
      ["type", event.event_type],
      ["published", `${shortTime(event.published_at)} UTC`],
      ["size", event.size === null ? "it has left the stream" : `${event.size} bytes`],
      ["became of it", outcome(event)],
      ["published again", repeated(event, repeats)]
    ],
    bold(shell),
    shell.columns
  )

export const eventShown = (shell: ShellService, event: EventDetail, withBody: boolean): string =>
  [
    facts(shell, event, event.repeats),
    ...(event.delivery_list.length === 0
      ? []
      : [deliveriesTable(shell, event.delivery_list, ["EVENT", "EVENT ID"])]),
    ...(withBody ? [bodyShown(event.body)] : [])
  ].join("\n\n")

export const explanationShown = (shell: ShellService, { event, repeats, webhooks }: Explanation): string =>
  [
    facts(shell, event, repeats),
    webhooks.length === 0 ? "the workspace had no webhook" : explained(shell, webhooks)
  ].join("\n\n")

const status = ({ delivery }: Explained): string => delivery?.status ?? ""
const tries = ({ delivery }: Explained): number | undefined => delivery?.attempts

/** Columns below which a table would have no room for the whole sentences, which are what was asked for. */
const tableFrom = 150

const explained = (shell: ShellService, webhooks: ReadonlyArray<Explained>): string =>
  shell.columns !== undefined && shell.columns < tableFrom
    ? webhooks.map((one) =>
      fields(
        [
          ["webhook", one.webhook_id],
          ["url", one.url],
          ["reason", one.message],
          ["delivery", one.delivery?.id],
          ["status", status(one)],
          ["tries", tries(one)]
        ],
        bold(shell),
        shell.columns
      )
    ).join("\n\n")
    : table<Explained>(
      [
        { title: "WEBHOOK", value: ({ webhook_id }) => webhook_id },
        { title: "REASON", value: ({ message }) => message },
        { title: "STATUS", value: status },
        { title: "TRIES", value: tries, align: "right" },
        { title: "DELIVERY", value: ({ delivery }) => delivery?.id, spare: 1 },
        { title: "URL", value: ({ url }) => url, shrinks: true }
      ],
      webhooks,
      layout(shell)
    )
