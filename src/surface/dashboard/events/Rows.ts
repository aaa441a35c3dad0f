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

const words: ReadonlyArray<
  readonly [status: keyof PublishedEvent["deliveries"], tone: "good" | "warn" | "bad" | "neutral"]
> = [
  ["succeeded", "good"],
  ["retrying", "warn"],
  ["failed", "bad"],
  ["held", "warn"],
  ["suppressed", "neutral"],
  ["cancelled", "neutral"]
]

/** What became of an event, status by status, those that there are. */
export const became = (deliveries: PublishedEvent["deliveries"]) =>
  words.flatMap(([status, tone]) => deliveries[status] === 0 ? [] : [{ status, tone, number: deliveries[status] }])
