import type { Delivery, Query } from "../api/Contract.ts"

/** What of a history is wanted, as it stands in the address and as the API is asked. */

export type Status = Delivery["status"]

/** In the order in which they are offered. */
export const statuses: ReadonlyArray<Status> = ["succeeded", "retrying", "failed", "held", "suppressed", "cancelled"]

export interface Filters {
  readonly status?: Status
  /** An event type. */
  readonly type?: string
  /** An event's id. */
  readonly event?: string
  /** ISO 8601: of events published at or after it. */
  readonly from?: string
  /** ISO 8601: of events published before it. */
  readonly to?: string
}

const text = (value: unknown, form: RegExp): string | undefined =>
  typeof value === "string" && form.test(value) ? value : undefined

/** The form of an id, of an event and of whatever else (CONTRACT 4). */
export const isEventId = (value: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(value)

const time = (value: unknown): string | undefined => {
  const found = text(value, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  return found === undefined || Number.isNaN(Date.parse(found)) ? undefined : found
}

/** What of an address can be used; the rest is as if it were not there. */
export const filtersIn = (search: { readonly [Name in keyof Filters]?: unknown }): Filters => {
  const status = statuses.find((each) => each === search.status)
  const type = text(search.type, /^[\w-]{1,64}\.[\w-]{1,64}$/)
  const event = typeof search.event === "string" && isEventId(search.event) ? search.event : undefined
  const from = time(search.from)
  const to = time(search.to)
  return {
    ...(status === undefined ? {} : { status }),
    ...(type === undefined ? {} : { type }),
    ...(event === undefined ? {} : { event }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to })
  }
}

/** The delivery whose drawer is open. */
export const deliveryIn = (search: Readonly<Record<string, unknown>>): string | undefined =>
  text(search["delivery"], /^dlv_[A-Za-z0-9_-]{1,64}$/)

export const isFiltered = (filters: Filters): boolean => Object.values(filters).some((value) => value !== undefined)

export const queryOf = (webhookId: string, filters: Filters): Query<"deliveries.list"> => ({
  webhook_id: webhookId,
  status: filters.status,
  event_type: filters.type,
  event_id: filters.event,
  from: filters.from,
  to: filters.to
})

/** Whether a delivery that the stream tells of would stand in the list. */
export const matches = (filters: Filters, delivery: Delivery): boolean =>
  (filters.status === undefined || delivery.status === filters.status) &&
  (filters.type === undefined || delivery.event_type === filters.type) &&
  (filters.event === undefined || delivery.event_id === filters.event) &&
  (filters.from === undefined || Date.parse(delivery.published_at) >= Date.parse(filters.from)) &&
  (filters.to === undefined || Date.parse(delivery.published_at) < Date.parse(filters.to))
