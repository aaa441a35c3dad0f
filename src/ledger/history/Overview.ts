import { type Asked, numberOfWorkspace } from "./Deliveries.ts"
import { columns, fromRow } from "./Health.ts"
import type { Answers, Questions } from "./Questions.ts"
import { steps } from "./Series.ts"
import type { Value } from "./Sqlite.ts"

const hour = steps.hour * 1000

/** In this order the webhooks are the outer loop, and each is one range of the series. */
const attempted =
  "FROM webhooks w CROSS JOIN series s ON s.webhook = w.number WHERE w.workspace = ? AND w.deleted = 0 AND s.seconds = ? AND s.start >= ? AND s.start < ? GROUP BY w.number"

/** What `group_concat` makes of numbers. */
const numbers = (list: Value): ReadonlyArray<number> => JSON.parse(`[${list}]`)

/**
 * How each webhook of a workspace fares, those not deleted: two look-ups whatever their number. A row a webhook and not a row an hour, whose making
 * would take twice as long; latencies are left alone. 1,000 webhooks with attempts in each of 24 hours: 18 ms, and
 * 40 ms more for a list of them over HTTP than without (2 cores, Node 20.20).
 */
export const overview = (
  { file, writeFigures }: Asked,
  { hours, now, workspaceId }: Questions["overview"]
): Answers["overview"] => {
  writeFigures()
  const workspace = numberOfWorkspace(file, workspaceId) ?? 0
  const from = (Math.floor(now / hour) - hours + 1) * hour
  const rows = file.statement(`SELECT number, id, ${columns} FROM webhooks WHERE workspace = ? AND deleted = 0`)
    .all([workspace])
  const places = new Map(rows.map(([number], index) => [number, index * hours]))
  const succeeded = new Uint32Array(rows.length * hours)
  const failed = new Uint32Array(rows.length * hours)
  const series = file.statement(
    `SELECT w.number, group_concat(s.start), group_concat(s.succeeded), group_concat(s.failed) ${attempted}`
  ).all([workspace, steps.hour, from, from + hours * hour])
  for (const [number = 0, ...lists] of series) {
    const [starts = [], successes = [], failures = []] = lists.map(numbers)
    starts.forEach((start, index) => {
      const at = (places.get(number) ?? 0) + (start - from) / hour
      succeeded[at] = successes[index] ?? 0
      failed[at] = failures[index] ?? 0
    })
  }
  return {
    from,
    webhooks: rows.map(([, webhookId, ...health]) => ({ webhookId: String(webhookId), health: fromRow(health) })),
    succeeded,
    failed
  }
}
