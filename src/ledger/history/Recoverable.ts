import { streamNames } from "../../broker/Subjects.ts"
import { type Asked, joins, numberOfWebhook, select } from "./Deliveries.ts"
import type { Answers, HistoricDelivery, Questions } from "./Questions.ts"
import { sequenceAt } from "./Range.ts"
import { type DeliveryStatus, numberOf, statuses } from "./Status.ts"

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

const inRange = "webhook = ? AND event_sequence >= ? AND event_sequence < ?"
const byStatus = `deliveries INDEXED BY deliveries_by_status WHERE ${inRange} AND status = ? AND status > 0`
const inOrder = `deliveries INDEXED BY deliveries_of_webhook WHERE ${inRange}`

/**
 * In the order of their events. Of statuses that few are in: the first of each, of which the first of all are among them. With those that succeeded,
 * which are in no index of their own, nearly all are wanted: then one after the other.
 */
const first = (
  asked: Asked,
  { from, to, webhook }: Found,
  wanted: ReadonlyArray<DeliveryStatus>,
  limit: number
): ReadonlyArray<HistoricDelivery> => {
  const one = `SELECT * FROM (SELECT event_sequence FROM ${byStatus} ORDER BY event_sequence LIMIT ?)`
  const sequences = wanted.includes("succeeded")
    ? asked.file.statement(
      `SELECT event_sequence FROM ${inOrder} AND status IN (${
        wanted.map(() => "?").join(", ")
      }) ORDER BY event_sequence LIMIT ?`
    ).all([webhook, from, to, ...wanted.map(numberOf), limit])
    : asked.file.statement(`${wanted.map(() => one).join(" UNION ALL ")} ORDER BY event_sequence LIMIT ?`)
      .all([...wanted.flatMap((status) => [webhook, from, to, numberOf(status), limit]), limit])
  return sequences.flatMap(([sequence = 0]) =>
    select(asked, `${joins} WHERE d.event_sequence = ? AND d.webhook = ?`, [sequence, webhook])
  )
}

const count = ({ file }: Asked, { from, to, webhook }: Found, status: DeliveryStatus): number => {
  const of = (status: DeliveryStatus) =>
    Number(file.statement(`SELECT count(*) FROM ${byStatus}`).get([webhook, from, to, numberOf(status)])?.[0])
  if (status !== "succeeded") return of(status)
  const all = Number(file.statement(`SELECT count(*) FROM ${inOrder}`).get([webhook, from, to])?.[0])
  return statuses.reduce((left, other) => other === "succeeded" ? left : left - of(other), all)
}

export const recoverableCount = (
  asked: Asked,
  question: Questions["recoverableCount"]
): Answers["recoverableCount"] => {
  const range = found(asked, question)
  if (range === undefined) return { count: 0, first: [] }
  return {
    count: question.statuses.reduce((sum, status) => sum + count(asked, range, status), 0),
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
