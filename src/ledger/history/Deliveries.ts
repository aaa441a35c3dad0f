import type { Delivery, DeliveryState, FailReason, HoldReason } from "../../model/Delivery.ts"
import { deliveryId, type EventId, type WebhookId, type WorkspaceId } from "../../model/Id.ts"
import { keyOf } from "./Projection.ts"
import type { Answers, Counts, HistoricDelivery, Questions } from "./Questions.ts"
import { sequenceAt } from "./Range.ts"
import type { Sqlite, Value } from "./Sqlite.ts"
import { type DeliveryStatus, numberOf, statuses } from "./Status.ts"

/** What answering needs besides the file. */
export interface Asked {
  readonly file: Sqlite
  readonly eventsCreated: string
  readonly streamOf: (workspaceId: string) => string
}

const columns =
  "d.event_sequence, w.id, ws.id, t.name, d.status, d.event_id, d.state, d.round, d.attempt, d.round_attempt, d.round_start, d.due_at, d.held_reason, d.held_since, d.fail_reason, d.published_at, d.expires_at, d.webhook_revision, d.webhooks_sequence, d.epoch, d.step, d.updated_at, d.record_sequence, d.last_class, d.last_status, d.last_latency, d.last_error"
const joins =
  "JOIN webhooks w ON w.number = d.webhook JOIN workspaces ws ON ws.number = d.workspace JOIN types t ON t.number = d.type"

const text = (value: Value | undefined): string | undefined =>
  value === null || value === undefined ? undefined : String(value)

/** What came out of our own table was checked when it went in: the brands and unions below are what `decode` gave. */
const fromRow = (row: ReadonlyArray<Value>, eventsCreated: string): HistoricDelivery => {
  const number = (index: number) => Number(row[index])
  const webhookId = String(row[1]) as WebhookId
  const delivery: Delivery = {
    workspaceId: String(row[2]) as WorkspaceId,
    webhookId,
    eventId: String(row[5]) as EventId,
    eventType: String(row[3]),
    eventSequence: number(0),
    webhookRevision: number(17),
    webhooksSequence: number(18),
    state: String(row[6]) as DeliveryState,
    round: number(7),
    attempt: number(8),
    roundAttempt: number(9),
    roundStart: number(10),
    dueAt: number(11),
    heldReason: text(row[12]) as HoldReason | undefined,
    heldSince: number(13),
    failReason: text(row[14]) as FailReason | undefined,
    publishedAt: number(15),
    expiresAt: number(16),
    epoch: number(19),
    step: number(20)
  }
  const lastClass = text(row[23])
  return {
    id: deliveryId(eventsCreated, delivery.eventSequence, webhookId),
    delivery,
    status: statuses[number(4)] ?? "failed",
    updatedAt: number(21),
    recordSequence: number(22),
    last: lastClass === undefined ? undefined : {
      class: lastClass,
      status: row[24] === null ? undefined : number(24),
      latency: number(25),
      error: text(row[26])
    }
  }
}

export const select = ({ eventsCreated, file }: Asked, rest: string, values: ReadonlyArray<Value>) =>
  file.statement(`SELECT ${columns} FROM deliveries d ${rest}`).all(values).map((row) => fromRow(row, eventsCreated))

export const numberOfWebhook = (file: Sqlite, workspaceId: string, webhookId: string): number | undefined => {
  const row = file.statement(
    "SELECT w.number FROM webhooks w JOIN workspaces s ON s.number = w.workspace WHERE w.id = ? AND s.id = ?"
  ).get([webhookId, workspaceId])
  return row === undefined ? undefined : Number(row[0])
}

export const numberOfWorkspace = (file: Sqlite, workspaceId: string): number | undefined => {
  const row = file.statement("SELECT number FROM workspaces WHERE id = ?").get([workspaceId])
  return row === undefined ? undefined : Number(row[0])
}

export const numberOfType = (file: Sqlite, type: string): number | undefined => {
  const row = file.statement("SELECT number FROM types WHERE name = ?").get([type])
  return row === undefined ? undefined : Number(row[0])
}

/** How many index entries a page looks at where no index fits all filters: then a page may be short, and `next` goes on behind them. */
const mostLookedAt = 10_000

const cursorOf = ({ delivery }: HistoricDelivery): string => `${delivery.eventSequence}.${delivery.webhookId}`

const nothing = { data: [], next: undefined }

/** Newest event first. Stable while new ones arrive: they come before the first page. */
export const deliveries = (asked: Asked, question: Questions["deliveries"]): Answers["deliveries"] => {
  const { file } = asked
  const { cursor, eventId, eventType, from, limit, status, to, webhookId, workspaceId } = question
  const workspace = numberOfWorkspace(file, workspaceId)
  const webhook = webhookId === undefined ? undefined : numberOfWebhook(file, workspaceId, webhookId)
  const type = eventType === undefined ? undefined : numberOfType(file, eventType)
  if (workspace === undefined || (webhookId !== undefined && webhook === undefined)) return nothing
  if (eventType !== undefined && type === undefined) return nothing

  const where: Array<string> = []
  const values: Array<Value> = []
  const require = (condition: string, ...more: ReadonlyArray<Value>) => {
    where.push(condition)
    values.push(...more)
  }
  let index = "deliveries_of_w" + (webhook === undefined ? "orkspace" : "ebhook")
  if (webhook === undefined) require("d.workspace = ?", workspace)
  else require("d.webhook = ?", webhook)
  if (status !== undefined) {
    require("d.status = ?", numberOf(status))
    index = webhook === undefined ? "deliveries_by_status" : "deliveries_of_webhook_by_status"
  } else if (type !== undefined) {
    require("d.type = ?", type)
    index = webhook === undefined ? "deliveries_by_type" : "deliveries_of_webhook_by_type"
  }
  if (from !== undefined) require("d.event_sequence >= ?", sequenceAt(file, from))
  if (to !== undefined) require("d.event_sequence < ?", sequenceAt(file, to))
  if (eventId !== undefined) {
    const sequences = file.statement("SELECT sequence FROM events WHERE workspace = ? AND id = ?").all([
      workspace,
      eventId
    ])
    require(`d.event_sequence IN (${sequences.map(() => "?").join(", ")})`, ...sequences.map(([one = 0]) => one))
  }
  if (cursor !== undefined) {
    const [sequence, after = ""] = cursor.split(".")
    const number = numberOfWebhook(file, workspaceId, after) ?? 0
    require(
      "(d.event_sequence < ? OR (d.event_sequence = ? AND d.webhook < ?))",
      Number(sequence),
      Number(sequence),
      number
    )
  }
  const order = "ORDER BY d.event_sequence DESC, d.webhook DESC"
  const ordered = `FROM deliveries d INDEXED BY ${index} WHERE ${where.join(" AND ")} ${order}`
  const onlyFiltered = status !== undefined && type !== undefined
  const source = onlyFiltered
    ? `JOIN (SELECT d.event_sequence AS e, d.webhook AS h ${ordered} LIMIT ${mostLookedAt}) ON e = d.event_sequence AND h = d.webhook ${joins} WHERE d.type = ? ${order} LIMIT ?`
    : `INDEXED BY ${index} ${joins} WHERE ${where.join(" AND ")} ${order} LIMIT ?`
  const found = select(asked, source, [...values, ...(onlyFiltered && type !== undefined ? [type] : []), limit + 1])
  const data = found.slice(0, limit)
  const last = data.at(-1)
  if (found.length > limit && last !== undefined) return { data, next: cursorOf(last) }
  if (!onlyFiltered) return { data, next: undefined }
  const [end] = file.statement(`SELECT d.event_sequence, d.webhook ${ordered} LIMIT 1 OFFSET ${mostLookedAt - 1}`).all(
    values
  )
  if (end === undefined) return { data, next: undefined }
  const [id] = file.statement("SELECT id FROM webhooks WHERE number = ?").get([end[1] ?? 0]) ?? []
  return { data, next: `${String(end[0])}.${String(id)}` }
}

/** How many attempts are shown of one delivery. */
const mostAttempts = 100

export const delivery = (asked: Asked, { id, workspaceId }: Questions["delivery"]): Answers["delivery"] => {
  const { file, streamOf } = asked
  const found = select(asked, `${joins} WHERE d.key = ?`, [keyOf(id)]).find((one) =>
    one.id === id && one.delivery.workspaceId === workspaceId
  )
  const webhook = found === undefined ? undefined : numberOfWebhook(file, workspaceId, found.delivery.webhookId)
  if (found === undefined || webhook === undefined) return undefined
  const attempts = file.statement(
    "SELECT record_sequence FROM attempts WHERE event_sequence = ? AND webhook = ? ORDER BY attempt DESC, epoch DESC LIMIT ?"
  ).all([found.delivery.eventSequence, webhook, mostAttempts])
  return {
    delivery: found,
    attempts: attempts.map(([sequence]) => Number(sequence)).toReversed(),
    seenSequence: positionOf(file, streamOf(workspaceId))
  }
}

const positionOf = (file: Sqlite, stream: string): number =>
  Number(file.statement("SELECT sequence FROM positions WHERE stream = ?").get([stream])?.[0] ?? 0)

export const deliveriesOf = (asked: Asked, eventSequence: number): ReadonlyArray<HistoricDelivery> =>
  select(asked, `${joins} WHERE d.event_sequence = ? ORDER BY d.webhook`, [eventSequence])

export const countsFrom = (rows: ReadonlyArray<ReadonlyArray<Value>>): Counts => {
  const counts = new Map(rows.map(([status, count]) => [statuses[Number(status)], Number(count)]))
  return Object.fromEntries(statuses.map((status) => [status, counts.get(status) ?? 0])) as Record<
    DeliveryStatus,
    number
  >
}

// --- what a recovery re-sends

const recoverableWhere = (asked: Asked, question: Questions["recoverableCount"], after: number) => {
  const { file } = asked
  const { from, statuses, to, webhookId, workspaceId } = question
  const webhook = numberOfWebhook(file, workspaceId, webhookId)
  if (webhook === undefined) return undefined
  return {
    // Of several statuses the index by status would have to sort all that is left, for every page.
    index: statuses.length === 1 ? "deliveries_of_webhook_by_status" : "deliveries_of_webhook",
    where: `d.webhook = ? AND d.status IN (${
      statuses.map(() => "?").join(", ")
    }) AND d.event_sequence > ? AND d.event_sequence >= ? AND d.event_sequence < ?`,
    values: [webhook, ...statuses.map(numberOf), after, sequenceAt(file, from), sequenceAt(file, to)]
  }
}

const shown = 10

export const recoverableCount = (
  asked: Asked,
  question: Questions["recoverableCount"]
): Answers["recoverableCount"] => {
  const found = recoverableWhere(asked, question, 0)
  if (found === undefined) return { count: 0, first: [] }
  const [count] = asked.file.statement(`SELECT count(*) FROM deliveries d WHERE ${found.where}`).get(found.values) ?? []
  const first = select(
    asked,
    `INDEXED BY ${found.index} ${joins} WHERE ${found.where} ORDER BY d.event_sequence LIMIT ?`,
    [...found.values, shown]
  )
  return { count: Number(count), first: first.map(({ id }) => id) }
}

export const recoverable = (asked: Asked, question: Questions["recoverable"]): Answers["recoverable"] => {
  const found = recoverableWhere(asked, question, question.after)
  const seenSequence = positionOf(asked.file, asked.streamOf(question.workspaceId))
  if (found === undefined) return { deliveries: [], seenSequence, after: undefined }
  const rows = select(
    asked,
    `INDEXED BY ${found.index} ${joins} WHERE ${found.where} ORDER BY d.event_sequence LIMIT ?`,
    [...found.values, question.limit]
  )
  return {
    deliveries: rows,
    seenSequence,
    after: rows.length < question.limit ? undefined : rows.at(-1)?.delivery.eventSequence
  }
}
