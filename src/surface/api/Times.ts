/** Milliseconds since the epoch as the API writes them: ISO 8601 in UTC with milliseconds. */
export const iso = (milliseconds: number): string => new Date(milliseconds).toISOString()

export const isoOrNull = (milliseconds: number | undefined): string | null =>
  milliseconds === undefined ? null : iso(milliseconds)
