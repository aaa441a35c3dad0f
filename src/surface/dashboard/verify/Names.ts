import type { HeaderNames } from "./Request.ts"

/** A sample with the header names of this installation; nothing else of it changes. */
export const withNames = (sample: string, { hex, standardPrefix }: HeaderNames): string =>
  sample.replace(
    /\bx-webhook-signature\b|\bwebhook-(id|timestamp|signature)\b/g,
    (_, part: string | undefined) => part === undefined ? hex : `${standardPrefix}-${part}`
  )
