import { type Asked, countsFrom, numberOfWebhook, numberOfWorkspace } from "./Deliveries.ts"
import { fromRow } from "./Health.ts"
import { add, empty, fromBytes, percentile } from "./Latencies.ts"
import type { Answers, Counts, Questions, Step } from "./Questions.ts"
import { steps } from "./Series.ts"
import type { Sqlite, Value } from "./Sqlite.ts"
import { numberOf } from "./Status.ts"

const health =
  "w.recent, w.recent_count, w.last_attempt_at, w.last_success_at, w.failing_since, w.last_error, w.last_error_at"

interface Sum {
  succeeded: number
  failed: number
  readonly latencies: Uint32Array
}

const nothing = (): Sum => ({ succeeded: 0, failed: 0, latencies: empty() })

const take = (sum: Sum, [succeeded, failed, latencies]: ReadonlyArray<Value>): void => {
  sum.succeeded += Number(succeeded)
  sum.failed += Number(failed)
  if (latencies instanceof Uint8Array) add(sum.latencies, fromBytes(latencies))
}

const figures = ({ failed, latencies, succeeded }: Sum): Omit<Step, "start"> => ({
  succeeded,
  failed,
  p50: percentile(latencies, 0.5),
  p95: percentile(latencies, 0.95)
})

const day = 86_400_000

export const healthOf = (
  { file, writeFigures }: Asked,
  { now, webhookId, workspaceId }: Questions["health"]
): Answers["health"] => {
  writeFigures()
  const webhook = numberOfWebhook(file, workspaceId, webhookId) ?? 0
  const row = file.statement(`SELECT ${health} FROM webhooks w WHERE w.number = ?`).get([webhook])
  const sum = nothing()
  for (
    const step of file.statement(
      "SELECT succeeded, failed, latencies FROM series WHERE webhook = ? AND seconds = ? AND start > ?"
    ).all([webhook, steps.minute, now - day])
  ) take(sum, step)
  return {
    health: fromRow(row ?? [0, 0, null, null, null, null, null]),
    counts: countsOf(file, webhook),
    day: figures(sum)
  }
}

/** Those that succeeded are in no index of their own: they are all but the others. About 20 ms for a million [measured]. */
const countsOf = (file: Sqlite, webhook: number): Counts => {
  const others = file.statement(
    "SELECT status, count(*) FROM deliveries INDEXED BY deliveries_by_status WHERE webhook = ? AND status > 0 GROUP BY status"
  ).all([webhook])
  const [all] =
    file.statement("SELECT count(*) FROM deliveries INDEXED BY deliveries_of_webhook WHERE webhook = ?").get([
      webhook
    ]) ?? []
  const succeeded = others.reduce((left, [, count]) => left - Number(count), Number(all))
  return countsFrom([[numberOf("succeeded"), succeeded], ...others])
}

/** Steps in which nothing was attempted are left out. */
export const stats = ({ file, writeFigures }: Asked, question: Questions["stats"]): Answers["stats"] => {
  writeFigures()
  const { from, seconds, to, webhookId, workspaceId } = question
  const webhook = webhookId === undefined ? undefined : numberOfWebhook(file, workspaceId, webhookId) ?? 0
  const of = webhook === undefined ? "s.webhook IN (SELECT number FROM webhooks WHERE workspace = ?)" : "s.webhook = ?"
  const rows = file.statement(
    `SELECT s.start, s.succeeded, s.failed, s.latencies FROM series s WHERE ${of} AND s.seconds = ? AND s.start >= ? AND s.start < ?`
  ).all([webhook ?? numberOfWorkspace(file, workspaceId) ?? 0, seconds, from, to])
  const sums = new Map<number, Sum>()
  for (const [start, ...rest] of rows) {
    const sum = sums.get(Number(start)) ?? nothing()
    take(sum, rest)
    sums.set(Number(start), sum)
  }
  return Array.from(sums, ([start, sum]) => ({ start, ...figures(sum) })).sort((left, right) =>
    left.start - right.start
  )
}

/** The webhooks, not deleted, whose last attempt failed. */
export const struggling = (
  { file, writeFigures }: Asked,
  { cursor, limit }: Questions["struggling"]
): Answers["struggling"] => {
  writeFigures()
  const rows = file.statement(
    `SELECT w.number, w.id, s.id, ${health} FROM webhooks w JOIN workspaces s ON s.number = w.workspace WHERE w.number > ? AND w.failing_since IS NOT NULL AND w.deleted = 0 ORDER BY w.number LIMIT ?`
  ).all([Number(cursor ?? 0), limit])
  return {
    data: rows.map(([, webhookId, workspaceId, ...rest]) => ({
      webhookId: String(webhookId),
      workspaceId: String(workspaceId),
      health: fromRow(rest)
    })),
    next: rows.length < limit ? undefined : String(rows.at(-1)?.[0])
  }
}
