/**
 * Times as they stand in envelopes: RFC 3339 `date-time` with a zone, which is the profile of ISO 8601 that everybody
 * can read. `T` and `Z` in capitals, the fraction up to nanoseconds, offsets with a colon (`-00:00` included). The day
 * must exist. A leap second (`:60`) and the year 0000 are refused: the usual readers (Python's datetime, JavaScript's
 * Date) cannot read them.
 */
const shape =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

const daysOf = (year: number, month: number): number =>
  month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31

/** The longest has nine digits of fraction and an offset: a longer text need not be looked at. */
const longest = 35

export const isTimestamp = (text: string): boolean => {
  const match = text.length <= longest ? shape.exec(text) : null
  if (match === null) return false
  const year = Number(match[1])
  return year > 0 && Number(match[3]) <= daysOf(year, Number(match[2]))
}

/** Milliseconds since 1970 as `YYYY-MM-DDTHH:MM:SSZ`, the form of the times that we make (CONTRACT 4). */
export const timestampAt = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`
