import type { PublishedEvent } from "../api/Contract.ts"

interface PageOfEvents {
  readonly data: ReadonlyArray<PublishedEvent>
}

/** The rows of the pages, each as new as it is known. Nothing is added: what is newer than the first page is announced instead. */
export const rowsOf = (
  pages: ReadonlyArray<PageOfEvents>,
  fresh: ReadonlyArray<PageOfEvents | undefined>
): ReadonlyArray<PublishedEvent> => {
  const newest = new Map(fresh.flatMap((page) => page?.data ?? []).map((event) => [event.sequence, event]))
  return pages.flatMap(({ data }) => data).map((event) => newest.get(event.sequence) ?? event)
}

/** How many of `found` are newer than the first row. */
export const newerThan = (
  first: PublishedEvent | undefined,
  found: ReadonlyArray<PublishedEvent>
): number => found.filter(({ sequence }) => sequence > (first?.sequence ?? 0)).length

/** A millisecond after: `to` leaves out the moment itself. */
export const justAfter = (time: string): string => new Date(Date.parse(time) + 1).toISOString()

const order = ["succeeded", "retrying", "failed", "held", "suppressed", "cancelled"] as const

/** What became of an event, status by status, those that there are. */
export const became = (deliveries: PublishedEvent["deliveries"]) =>
  order.flatMap((status) => deliveries[status] === 0 ? [] : [{ status, number: deliveries[status] }])
