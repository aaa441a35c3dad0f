import type { Delivery, DeliveryState, FailReason, HoldReason } from "../../model/Delivery.ts"
import { deliveryId, type EventId, type WebhookId, type WorkspaceId } from "../../model/Id.ts"
import { blocks, inBlocks } from "./Blocks.ts"
import { type Bounds, type Place, placesOf } from "./Places.ts"
import { keyOf } from "./Projection.ts"
import type { Answers, Counts, HistoricDelivery, Questions } from "./Questions.ts"
import { sequenceAt } from "./Range.ts"
import type { Sqlite, Value } from "./Sqlite.ts"
import { type DeliveryStatus, statuses } from "./Status.ts"

/** What answering needs besides the file. */
export interface Asked {
  readonly file: Sqlite
  readonly eventsCreated: string
  readonly streamOf: (workspaceId: string) => string
  /** The sequence of a stream up to which what it says is contained. */
  readonly position: (stream: string) => number
  /** Figures are summed up in memory until a commit: this writes them. */
  readonly writeFigures: () => void
}

const columns =
  "d.event_sequence, w.id, ws.id, t.name, d.status, d.event_id, d.state, d.round, d.attempt, d.round_attempt, d.round_start, d.due_at, d.held_reason, d.held_since, d.fail_reason, d.published_at, d.expires_at, d.webhook_revision, d.webhooks_sequence, d.epoch, d.step, d.updated_at, d.record_sequence, d.last_class, d.last_status, d.last_latency, d.last_error"
export const joins =
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

const nothing = { data: [], next: undefined }

const at = (asked: Asked, [event, webhook]: Place): ReadonlyArray<HistoricDelivery> =>
  select(asked, `${joins} WHERE d.event_sequence = ? AND d.webhook = ?`, [event, webhook])

/** Webhooks have other numbers after a rebuild; their ids stay. */
const cursorOf = ({ file }: Asked, [event, webhook]: Place): string => {
  const [id] = file.statement("SELECT id FROM webhooks WHERE number = ?").get([webhook]) ?? []
  return `${event}.${id === undefined ? "" : String(id)}`
}

const placeOf = ({ file }: Asked, workspaceId: string, cursor: string): Place => {
  const [event, webhookId = ""] = cursor.split(".")
  return [Number(event), numberOfWebhook(file, workspaceId, webhookId) ?? 0]
}

/** Newest event first. Stable while new ones arrive: they come before the first page. */
export const deliveries = (asked: Asked, question: Questions["deliveries"]): Answers["deliveries"] => {
  const { file } = asked
  const { cursor, eventId, eventType, limit, status, webhookId, workspaceId } = question
  const workspace = numberOfWorkspace(file, workspaceId)
  const webhook = webhookId === undefined ? undefined : numberOfWebhook(file, workspaceId, webhookId)
  const type = eventType === undefined ? undefined : numberOfType(file, eventType)
  if (workspace === undefined || (webhookId !== undefined && webhook === undefined)) return nothing
  if (eventType !== undefined && type === undefined) return nothing
  const bounds: Bounds = {
    from: question.from === undefined ? 0 : sequenceAt(file, question.from),
    to: question.to === undefined ? Number.MAX_SAFE_INTEGER : sequenceAt(file, question.to),
    after: cursor === undefined ? undefined : placeOf(asked, workspaceId, cursor)
  }
  const { end, places } = placesOf(file, { workspace, webhook, type, eventId, status, bounds, limit: limit + 1 })
  const shown = places.slice(0, limit)
  const last = places.length > limit ? shown.at(-1) : end
  return {
    data: shown.flatMap((place) => at(asked, place)),
    next: last === undefined ? undefined : cursorOf(asked, last)
  }
}

/** How many attempts are shown of one delivery. */
const mostAttempts = 100

export const delivery = (asked: Asked, { id, workspaceId }: Questions["delivery"]): Answers["delivery"] => {
  const { file, position, streamOf } = asked
  const found = select(
    asked,
    `INDEXED BY deliveries_by_key ${joins} WHERE ${inBlocks("d.event_sequence")} AND d.key = ?`,
    [
      blocks(file),
      keyOf(id)
    ]
  ).find((one) => one.id === id && one.delivery.workspaceId === workspaceId)
  const webhook = found === undefined ? undefined : numberOfWebhook(file, workspaceId, found.delivery.webhookId)
  if (found === undefined || webhook === undefined) return undefined
  const attempts = file.statement(
    "SELECT record_sequence FROM attempts WHERE event_sequence = ? AND webhook = ? ORDER BY attempt DESC, epoch DESC LIMIT ?"
  ).all([found.delivery.eventSequence, webhook, mostAttempts])
  return {
    delivery: found,
    attempts: attempts.map(([sequence]) => Number(sequence)).toReversed(),
    seenSequence: position(streamOf(workspaceId))
  }
}

export const deliveriesOf = (asked: Asked, eventSequence: number): ReadonlyArray<HistoricDelivery> =>
  select(asked, `${joins} WHERE d.event_sequence = ? ORDER BY d.webhook`, [eventSequence])

export const countsFrom = (rows: ReadonlyArray<ReadonlyArray<Value>>): Counts => {
  const counts = new Map(rows.map(([status, count]) => [statuses[Number(status)], Number(count)]))
  return Object.fromEntries(statuses.map((status) => [status, counts.get(status) ?? 0])) as Record<
    DeliveryStatus,
    number
  >
}
