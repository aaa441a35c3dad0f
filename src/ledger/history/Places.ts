import { blocks, inBlocks } from "./Blocks.ts"
import type { Sqlite, Value } from "./Sqlite.ts"
import { type DeliveryStatus, numberOf } from "./Status.ts"

/** A delivery's place in the order of pages: newest event first. */
export type Place = readonly [eventSequence: number, webhook: number]

/** By the sequence of the event, and behind the place at which the page before ended. */
export interface Bounds {
  readonly from: number
  readonly to: number
  readonly after: Place | undefined
}

interface Wanted {
  readonly workspace: number
  readonly webhook: number | undefined
  readonly type: number | undefined
  readonly eventId: string | undefined
  readonly status: DeliveryStatus | undefined
  readonly bounds: Bounds
  readonly limit: number
}

interface Places {
  readonly places: ReadonlyArray<Place>
  /** Where looking ended, with a page that is not full. */
  readonly end: Place | undefined
}

/** How many index entries a page looks at where no index fits all filters: then a page may be short, and `next` goes on behind them. */
const mostLookedAt = 10_000

const newestFirst = "ORDER BY event_sequence DESC, webhook DESC"

const placeOf = ([event, webhook]: ReadonlyArray<Value>): Place => [Number(event), Number(webhook)]

/** Conditions on the columns of an index that has both, and their values. */
const within = ({ after, from, to }: Bounds, event: string, webhook: string | undefined) => {
  const values = [from, to, ...(after === undefined ? [] : webhook === undefined ? [after[0]] : [after[0], ...after])]
  // Of the cursor's own event, what comes behind it is still wanted.
  const behind = webhook === undefined
    ? `AND ${event} <= ?`
    : `AND ${event} <= ? AND (${event} < ? OR ${webhook} < ?)`
  return { sql: `${event} >= ? AND ${event} < ? ${after === undefined ? "" : behind}`, values }
}

/** The conditions that are left, on the row of a delivery. */
const rest = ({ status, type, webhook }: Pick<Wanted, "status" | "type" | "webhook">) => {
  const all = [
    ...(webhook === undefined ? [] : [["d.webhook = ?", webhook] as const]),
    ...(type === undefined ? [] : [["d.type = ?", type] as const]),
    ...(status === undefined ? [] : [["d.status = ?", numberOf(status)] as const])
  ]
  return { sql: all.map(([sql]) => `AND ${sql}`).join(" "), values: all.map(([, value]) => value) }
}

/** All of a workspace or a webhook; those that succeeded, the most by far, are picked from among them. */
const placesInOrder = (
  file: Sqlite,
  of: readonly [column: "workspace" | "webhook", number: number],
  { bounds, limit, status }: Wanted
): Places => {
  const { sql, values } = within(bounds, "event_sequence", "webhook")
  const all = `SELECT event_sequence, webhook FROM deliveries INDEXED BY deliveries_of_${of[0]} WHERE ${
    of[0]
  } = ? AND ${sql} ${newestFirst}`
  const valuesOfAll = [of[1], ...values]
  if (status === undefined) {
    return { places: file.statement(`${all} LIMIT ?`).all([...valuesOfAll, limit]).map(placeOf), end: undefined }
  }
  const places = file.statement(
    `SELECT p.event_sequence, p.webhook FROM (${all} LIMIT ${mostLookedAt}) p CROSS JOIN deliveries d ON d.event_sequence = p.event_sequence AND d.webhook = p.webhook WHERE d.status = ? ORDER BY p.event_sequence DESC, p.webhook DESC LIMIT ?`
  ).all([...valuesOfAll, numberOf(status), limit]).map(placeOf)
  if (places.length === limit) return { places, end: undefined }
  const last = file.statement(`${all} LIMIT 1 OFFSET ${mostLookedAt - 1}`).get(valuesOfAll)
  return { places, end: last === undefined ? undefined : placeOf(last) }
}

/** Of a status that few are in: the first of each webhook, of which the first of all are among them. About 15 µs a webhook. */
const placesByStatus = (
  file: Sqlite,
  webhooks: ReadonlyArray<number>,
  status: DeliveryStatus,
  { bounds, limit }: Wanted
): Places => {
  const { sql, values } = within(bounds, "event_sequence", "webhook")
  const first = file.statement(
    `SELECT event_sequence, webhook FROM deliveries INDEXED BY deliveries_by_status WHERE webhook = ? AND status = ? AND status > 0 AND ${sql} ${newestFirst} LIMIT ?`
  )
  const places = webhooks.flatMap((webhook) => first.all([webhook, numberOf(status), ...values, limit]).map(placeOf))
  places.sort((left, right) => right[0] - left[0] || right[1] - left[1])
  return { places: places.slice(0, limit), end: undefined }
}

/** By way of the events of a type, whose deliveries stand together. */
const placesByType = (file: Sqlite, type: number, { bounds, limit, status, webhook, workspace }: Wanted): Places => {
  const ofEvents = within(bounds, "sequence", undefined)
  const events =
    `SELECT sequence FROM events INDEXED BY events_by_type WHERE workspace = ? AND type = ? AND ${ofEvents.sql} ORDER BY sequence DESC`
  const valuesOfEvents = [workspace, type, ...ofEvents.values]
  const ofDeliveries = within(bounds, "event_sequence", "webhook")
  const more = rest({ webhook, status, type: undefined })
  const places = file.statement(
    `SELECT event_sequence, webhook FROM (${events} LIMIT ${mostLookedAt}) CROSS JOIN deliveries d ON event_sequence = sequence WHERE ${ofDeliveries.sql} ${more.sql} ${newestFirst} LIMIT ?`
  ).all([...valuesOfEvents, ...ofDeliveries.values, ...more.values, limit]).map(placeOf)
  if (places.length === limit) return { places, end: undefined }
  const [last] = file.statement(`${events} LIMIT 1 OFFSET ${mostLookedAt - 1}`).get(valuesOfEvents) ?? []
  // Every delivery of the last event that was looked at has been seen.
  return { places, end: last === undefined ? undefined : [Number(last), 0] }
}

/** Of one event's deliveries. An id may stand for several events: what repeats it has none. */
const placesOfEvent = (file: Sqlite, eventId: string, wanted: Wanted): Places => {
  const { sql, values } = within(wanted.bounds, "event_sequence", "webhook")
  const more = rest(wanted)
  const places = file.statement(
    `SELECT event_sequence, webhook FROM events e INDEXED BY events_by_id CROSS JOIN deliveries d ON d.event_sequence = e.sequence WHERE ${
      inBlocks("e.sequence")
    } AND e.id = ? AND e.workspace = ? AND ${sql} ${more.sql} ${newestFirst} LIMIT ?`
  ).all([blocks(file), eventId, wanted.workspace, ...values, ...more.values, wanted.limit]).map(placeOf)
  return { places, end: undefined }
}

const webhooksOf = (file: Sqlite, workspace: number): ReadonlyArray<number> =>
  file.statement("SELECT number FROM webhooks WHERE workspace = ?").all([workspace]).map(([number]) => Number(number))

/** The places of a page, by the index that fits best. */
export const placesOf = (file: Sqlite, wanted: Wanted): Places => {
  const { eventId, status, type, webhook, workspace } = wanted
  if (eventId !== undefined) return placesOfEvent(file, eventId, wanted)
  if (type !== undefined) return placesByType(file, type, wanted)
  if (status !== undefined && status !== "succeeded") {
    return placesByStatus(file, webhook === undefined ? webhooksOf(file, workspace) : [webhook], status, wanted)
  }
  return placesInOrder(file, webhook === undefined ? ["workspace", workspace] : ["webhook", webhook], wanted)
}
