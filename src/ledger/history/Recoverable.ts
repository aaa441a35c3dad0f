import { streamNames } from "../../broker/Subjects.ts"
import { type Asked, joins, numberOfWebhook, select } from "./Deliveries.ts"
import type { Answers, HistoricDelivery, Questions } from "./Questions.ts"
import { sequenceAt } from "./Range.ts"
import { numberOf } from "./Status.ts"

/** How many ids a count shows. */
const shown = 10

interface Found {
  readonly webhook: number
  readonly from: number
  readonly to: number
}

const found = (
  { file }: Asked,
  { from, to, webhookId, workspaceId }: Questions["recoverableCount"]
): Found | undefined => {
  const webhook = numberOfWebhook(file, workspaceId, webhookId)
  return webhook === undefined ? undefined : { webhook, from: sequenceAt(file, from), to: sequenceAt(file, to) }
}

const where = "webhook = ? AND status = ? AND event_sequence >= ? AND event_sequence < ?"
const index = "deliveries INDEXED BY deliveries_of_webhook"

/** In the order of their events: the first of each status, of which the first of all are among them. */
const first = (
  asked: Asked,
  { from, to, webhook }: Found,
  wanted: Questions["recoverableCount"]["statuses"],
  limit: number
): ReadonlyArray<HistoricDelivery> => {
  const one = `SELECT * FROM (SELECT event_sequence FROM ${index} WHERE ${where} ORDER BY event_sequence LIMIT ?)`
  const sequences = asked.file.statement(
    `${wanted.map(() => one).join(" UNION ALL ")} ORDER BY event_sequence LIMIT ?`
  ).all([...wanted.flatMap((status) => [webhook, numberOf(status), from, to, limit]), limit])
  return sequences.flatMap(([sequence = 0]) =>
    select(asked, `${joins} WHERE d.event_sequence = ? AND d.webhook = ?`, [sequence, webhook])
  )
}

export const recoverableCount = (
  asked: Asked,
  question: Questions["recoverableCount"]
): Answers["recoverableCount"] => {
  const range = found(asked, question)
  if (range === undefined) return { count: 0, first: [] }
  const count = asked.file.statement(`SELECT count(*) FROM ${index} WHERE ${where}`)
  const counts = question.statuses.map((status) =>
    Number(count.get([range.webhook, numberOf(status), range.from, range.to])?.[0])
  )
  return {
    count: counts.reduce((sum, one) => sum + one, 0),
    first: first(asked, range, question.statuses, shown).map(({ id }) => id)
  }
}

export const recoverable = (asked: Asked, question: Questions["recoverable"]): Answers["recoverable"] => {
  const { after, limit, statuses, workspaceId } = question
  const range = found(asked, question)
  const seenSequence = asked.position(asked.streamOf(workspaceId))
  const seenEvents = asked.position(streamNames.events)
  if (range === undefined) return { deliveries: [], seenSequence, seenEvents, after: undefined }
  const deliveries = first(asked, { ...range, from: Math.max(range.from, after + 1) }, statuses, limit)
  return {
    deliveries,
    seenSequence,
    seenEvents,
    after: deliveries.length < limit ? undefined : deliveries.at(-1)?.delivery.eventSequence
  }
}
